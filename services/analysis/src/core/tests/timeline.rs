//! One order of what happened: by time, then source; the most telling of it, the rest counted.

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{diagnosis::Happening, evidence::Source, object::ObjectRef};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::fixtures::{ago, alert, at, facts};
use crate::core::{
    facts::Facts,
    snapshot::{Snapshot, kinds},
    subjects::Quote,
    timeline::{Moment, Telling, timeline},
};

fn target() -> ObjectRef {
    ObjectRef::new("apps/v1", "Deployment", Some("shop"), "cart")
}

fn moment(minutes_ago: i64, source: Source, telling: Telling, what: &str) -> Moment {
    Moment {
        at: ago(SignedDuration::from_mins(minutes_ago)),
        telling,
        object: target().to_string(),
        what: what.into(),
        quote: Quote {
            source,
            query: format!("query of {what}"),
            excerpt: what.into(),
            value: None,
        },
    }
}

fn cart() -> Facts {
    facts("shop", "cart", "cart", 1e9)
}

fn told(facts: &Facts) -> Vec<Happening> {
    let mut evidence = facts.evidence.clone();
    let (rows, _) = timeline(facts, &target());
    rows.into_iter().map(|row| row.told(facts.at, &mut evidence)).collect()
}

fn lines(facts: &Facts) -> Vec<String> {
    told(facts).iter().map(|row| format!("{} {}", row.object, row.what)).collect()
}

fn list(facts: &mut Facts, kind: &str, objects: Vec<Value>) {
    facts.world.snapshot.file(kinds::named(kind).unwrap(), objects);
}

fn minutes(ago_minutes: i64) -> String {
    ago(SignedDuration::from_mins(ago_minutes)).to_string()
}

#[test]
fn metrics_logs_and_traces_of_one_moment_are_ordered_by_time_and_then_source() {
    let mut facts = cart();
    facts.moments = vec![
        moment(8, Source::Jaeger, Telling::Symptom, "slow span"),
        moment(9, Source::Loki, Telling::Symptom, "first line"),
        moment(9, Source::Prometheus, Telling::Turn, "onset"),
    ];
    let sources: Vec<Source> = told(&facts).iter().map(|row| row.source).collect();
    assert_eq!(sources, [Source::Prometheus, Source::Loki, Source::Jaeger, Source::Alertmanager]);
}

#[test]
fn objects_tell_rollouts_changes_of_people_and_of_ourselves_ends_of_containers_and_events() {
    let mut facts = cart();
    facts.world.snapshot = Snapshot::new(at(), ["shop".to_owned()].into());
    let owner = |kind: &str, name: &str| json!([{"kind": kind, "name": name, "controller": true}]);
    let managed = |manager: &str, ago: i64, fields: Value, subresource: &str| json!({"manager": manager, "operation": "Update", "time": minutes(ago), "fieldsV1": fields, "subresource": subresource});
    list(
        &mut facts,
        "Deployment",
        vec![json!({"metadata": {"name": "cart", "namespace": "shop", "managedFields": [
            managed("kubectl-scale", 40, json!({"f:spec": {"f:replicas": {}}}), "scale"),
            managed("paramedic", 30, json!({"f:spec": {"f:template": {".": {}, "f:spec": {"f:containers": {"k:{\"name\":\"cart\"}": {"f:image": {}}}}}}}), ""),
            managed("kube-controller-manager", 5, json!({"f:status": {}}), "status"),
        ]}})],
    );
    list(
        &mut facts,
        "ReplicaSet",
        vec![
            json!({"metadata": {"name": "cart-2", "namespace": "shop", "creationTimestamp": minutes(20), "ownerReferences": owner("Deployment", "cart"),
                "annotations": {"deployment.kubernetes.io/revision": "2"}}, "spec": {"template": {"image": "b"}}}),
            json!({"metadata": {"name": "cart-1", "namespace": "shop", "creationTimestamp": minutes(90 * 24 * 60), "ownerReferences": owner("Deployment", "cart"),
                "annotations": {"deployment.kubernetes.io/revision": "1"}}, "spec": {"template": {"image": "a"}}}),
        ],
    );
    let ended = json!({"exitCode": 1, "reason": "Error", "finishedAt": minutes(10)});
    let pod = |name: &str| {
        json!({"metadata": {"name": name, "namespace": "shop", "ownerReferences": owner("ReplicaSet", "cart-2")},
            "status": {"containerStatuses": [{"name": "cart", "lastState": {"terminated": ended}}]}})
    };
    list(&mut facts, "Pod", vec![pod("cart-2-a"), pod("cart-2-b")]);
    list(
        &mut facts,
        "Event",
        vec![
            json!({"metadata": {"name": "d", "namespace": "shop"}, "type": "Normal", "reason": "Started", "message": "Started container",
            "firstTimestamp": minutes(15), "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "cart-2-a"}}),
            json!({"metadata": {"name": "e", "namespace": "shop"}, "type": "Warning", "reason": "BackOff", "message": "token=abcdefgh12345678",
            "firstTimestamp": minutes(9), "count": 7, "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "cart-2-a"}}),
        ],
    );
    assert_eq!(
        lines(&facts),
        [
            "Deployment shop/cart changed by kubectl-scale: spec.replicas",
            "Deployment shop/cart changed by Paramedic itself: spec.template.spec.containers[name:cart].image",
            "Deployment shop/cart revision 2 was rolled out, changed image: a -> b",
            "Deployment shop/cart container cart ended with reason Error and exit code 1 (2 times)",
            "Deployment shop/cart BackOff: token=[redacted] (7 times)",
            "the cluster alert OOMKilled began to fire",
        ]
    );
}

#[test]
fn alerts_of_one_name_are_one_row_at_the_time_of_the_first() {
    let mut facts = cart();
    let mut later = alert("OOMKilled", "");
    later.starts_at = at();
    facts.alerts.push(later);
    let rows = told(&facts);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].at, ago(SignedDuration::from_mins(1)));
    assert!(rows[0].what.contains("the first of 2"), "{}", rows[0].what);
}

#[test]
fn what_is_older_than_the_incident_or_later_than_now_is_not_told_but_changes_of_a_day_are() {
    let mut facts = cart();
    facts.moments = vec![
        moment(10 * 60, Source::Git, Telling::Turn, "a commit"),
        moment(10 * 60, Source::Loki, Telling::Symptom, "an old line"),
        moment(30 * 60, Source::Git, Telling::Turn, "an old commit"),
        moment(-5, Source::Jaeger, Telling::Symptom, "of tomorrow"),
    ];
    assert_eq!(
        lines(&facts),
        ["Deployment shop/cart a commit", "the cluster alert OOMKilled began to fire"]
    );
}

#[test]
fn the_least_telling_is_left_out_and_counted() {
    let mut facts = cart();
    facts.moments = (0..40)
        .map(|n| moment(50 - n, Source::Kubernetes, Telling::Detail, &format!("detail {n}")))
        .chain([moment(60, Source::Prometheus, Telling::Turn, "onset")])
        .collect();
    let (rows, left_out) = timeline(&facts, &target());
    assert_eq!((rows.len(), left_out), (24, 18));
    assert!(rows.iter().any(|row| row.what == "onset"));
    assert!(rows.iter().any(|row| row.quote.source == Source::Alertmanager));
}

proptest! {
    #[test]
    fn every_time_line_is_sorted_bounded_complete_in_its_count_and_cites_what_is_filed(
        moments in proptest::collection::vec((0_i64..110, 0_usize..5, 0_usize..4), 0..60),
    ) {
        let sources = [Source::Kubernetes, Source::Prometheus, Source::Loki, Source::Jaeger, Source::Git];
        let tellings = [Telling::Turn, Telling::Symptom, Telling::Sign, Telling::Detail];
        let mut facts = cart();
        facts.moments = moments
            .iter()
            .enumerate()
            .map(|(n, (ago, source, telling))| moment(*ago, sources[*source], tellings[*telling], &format!("m{n}")))
            .collect();
        let (rows, left_out) = timeline(&facts, &target());
        prop_assert_eq!(rows.len() + left_out as usize, moments.len() + 1);
        let mut evidence = facts.evidence.clone();
        let rows: Vec<Happening> = rows.into_iter().map(|row| row.told(facts.at, &mut evidence)).collect();
        let order: Vec<(Timestamp, Source)> = rows.iter().map(|row| (row.at, row.source)).collect();
        prop_assert!(order.is_sorted());
        for row in &rows {
            let cited = evidence.iter().find(|one| one.id == row.evidence);
            prop_assert!(cited.is_some_and(|one| one.source == row.source));
        }
    }
}
