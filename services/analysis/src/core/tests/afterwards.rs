//! What must be well besides the target.

use std::collections::BTreeMap;

use paramedic_domain::{
    object::ObjectRef,
    verification::{Criterion, Probe},
};

use crate::core::{
    afterwards::{afterwards, is_signal},
    facts::Facts,
    rules::influence::Influence,
    trial,
};

const SHOP: &str = r#"
tests:
  - name: a database, who calls it, and who does not
    now: 2026-03-02T12:00:00Z
    objects:
      - {apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db, namespace: shop}, spec: {replicas: 1, selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: "db:1"}]}}}, status: {replicas: 1}}
      - {apiVersion: v1, kind: Service, metadata: {name: db, namespace: shop}, spec: {selector: {app: db}}}
      - {apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {replicas: 3, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: "web:1", env: [{name: DB, value: "db:5432"}]}]}}}, status: {replicas: 3, readyReplicas: 1}}
      - {apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {selector: {app: web}}}
      - {apiVersion: v1, kind: Pod, metadata: {name: web-5d9c7b6f4-abcde, namespace: shop, labels: {app: web}}, spec: {containers: [{name: web, image: "web:1"}]}}
      - {apiVersion: apps/v1, kind: Deployment, metadata: {name: quiet, namespace: shop}, spec: {replicas: 1, selector: {matchLabels: {app: quiet}}, template: {metadata: {labels: {app: quiet}}, spec: {containers: [{name: quiet, image: "quiet:1", env: [{name: DB, value: "db:5432"}]}]}}}, status: {replicas: 1, readyReplicas: 1}}
      - {apiVersion: apps/v1, kind: Deployment, metadata: {name: mail, namespace: shop}, spec: {replicas: 1, selector: {matchLabels: {app: mail}}, template: {metadata: {labels: {app: mail}}, spec: {containers: [{name: mail, image: "mail:1"}]}}}, status: {replicas: 1}}
    alerts:
      - {alertname: HighErrorRate, namespace: shop, service: web}
      - {alertname: KubePodNotReady, namespace: shop, pod: web-5d9c7b6f4-abcde}
      - {alertname: MailDown, namespace: shop, deployment: mail}
    measures:
      - {name: requests, labels: {namespace: shop, pod: web-5d9c7b6f4-abcde}, value: 10}
      - {name: failed, labels: {namespace: shop, pod: web-5d9c7b6f4-abcde}, value: 4}
    expect: {}
"#;

fn shop() -> Facts {
    trial::facts(&trial::read([("shop.test.yaml", SHOP)]).unwrap()[0].test).unwrap()
}

fn criteria(facts: &Facts, already: &[Criterion]) -> Vec<Criterion> {
    let db = ObjectRef::new("apps/v1", "StatefulSet", Some("shop"), "db");
    afterwards(facts, &Influence::of(&facts.world), &db, already)
}

fn said(criteria: &[Criterion]) -> Vec<&str> {
    criteria.iter().map(|criterion| criterion.description.as_str()).collect()
}

#[test]
fn whoever_was_alerted_about_and_suffers_from_the_target_must_be_well() {
    let found = criteria(&shop(), &[]);
    assert_eq!(
        said(&found),
        [
            "every replica of Deployment shop/web, which was alerted about and suffers from db, is ready",
            "at most 1.0 % of the requests of Deployment shop/web fail, which was alerted about and suffers from db",
        ],
        "neither quiet, which nobody complains about, nor mail, which does not call it"
    );
    assert_eq!(
        found.iter().map(|criterion| criterion.before).collect::<Vec<_>>(),
        [Some(2.0), Some(0.4)]
    );
    assert!(found.iter().all(|criterion| criterion.decisive));
    let again = criteria(&shop(), &found[..1]);
    assert!(again.is_empty(), "what is measured is not measured twice: {again:?}");
}

#[test]
fn the_target_itself_is_measured_where_its_remedy_does_not() {
    let mut facts = shop();
    facts.alerts[2].labels = BTreeMap::from(
        [
            ("alertname", "KubeStatefulSetReplicasMismatch"),
            ("namespace", "shop"),
            ("statefulset", "db"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    let found = criteria(&facts, &[]);
    assert_eq!(
        said(&found)[0],
        "every replica of StatefulSet shop/db, which was alerted about, is ready"
    );
}

#[test]
fn an_alert_that_prometheus_shows_must_not_fire_any_more_whatever_its_pods_are_called_then() {
    let mut facts = shop();
    facts.alerts[1].labels.insert("reason".into(), "a \" and a \\".into());
    facts.firing = facts.alerts[..2].iter().map(|alert| alert.fingerprint.clone()).collect();
    let found = criteria(&facts, &[]);
    let signals: Vec<&Criterion> = found.iter().filter(|criterion| is_signal(criterion)).collect();
    let queries: Vec<&str> = signals
        .iter()
        .filter_map(|criterion| match &criterion.probe {
            Probe::Promql { query } => Some(query.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(
        queries,
        [
            r#"count(ALERTS{alertname="HighErrorRate",namespace="shop",service="web",alertstate="firing"}) or vector(0)"#,
            r#"count(ALERTS{alertname="KubePodNotReady",namespace="shop",pod=~"web-[a-z0-9]+-[a-z0-9]{5}",alertstate="firing"}) or vector(0)"#,
        ]
    );
    assert_eq!(signals[1].description, "the alert KubePodNotReady of web does not fire any more");
    assert_eq!((signals[1].before, signals[1].decisive), (Some(1.0), true));
    facts.alerts[1].labels.insert("container".into(), "x\"} or vector(1)".into());
    let hostile = criteria(&facts, &[]);
    assert!(
        hostile
            .iter()
            .any(|criterion| matches!(&criterion.probe, Probe::Promql { query } if query.contains(r#"container="x\"} or vector(1)","#))),
        "{hostile:?}"
    );
}
