//! Revisions of StatefulSets and DaemonSets: what a rollout changed, and the way back.

use serde_json::{Value, json};

use super::fixtures::shipped;
use crate::core::{
    facts::Revision,
    revisions::{number, of_pod, own, revisions},
};

/// The actions recommended in a test of the shipped rules, each with its parameters.
fn recommended(name: &str) -> Vec<(String, Value)> {
    let steps = shipped(name).recommendations.into_iter();
    steps
        .map(|step| (step.action.to_string(), Value::Object(step.parameters)))
        .collect()
}

fn kept(name: &str, number: u64, created: &str, container: &Value) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "shop", "creationTimestamp": created,
            "ownerReferences": [{"kind": "StatefulSet", "name": "db", "controller": true}]},
        "revision": number,
        "data": {"spec": {"template": {"$patch": "replace", "spec": {"containers": [container]}}}},
    })
}

#[test]
fn what_a_controller_revision_changed_is_told_field_by_field() {
    let old = kept("db-a", 1, "2026-02-01T00:00:00Z", &json!({"name": "db", "image": "db:1"}));
    let new = kept(
        "db-b",
        2,
        "2026-03-02T11:30:00Z",
        &json!({"name": "db", "image": "db:2", "env": [{"name": "API_TOKEN", "value": "hunter2"}]}),
    );
    let mut other = kept("cache-a", 9, "2026-03-02T11:59:00Z", &json!({"name": "cache"}));
    other["metadata"]["ownerReferences"][0]["name"] = json!("cache");
    let all = [old, other, new];
    let own = own(all.iter(), "StatefulSet", "db");
    let pods = [("db-a".to_owned(), true), ("db-b".to_owned(), false)];
    let told = revisions(&own, &pods, &"none".parse().unwrap());
    let [newest, first] = told.as_slice() else { panic!("{told:?}") };
    let counts = |revision: &Revision| (revision.number, revision.replicas, revision.ready);
    assert_eq!((counts(newest), counts(first)), ((2, 1, 0), (1, 1, 1)));
    assert_eq!(newest.created.to_string(), "2026-03-02T11:30:00Z");
    assert_eq!(newest.changes.len(), 2, "{:?}", newest.changes);
    assert!(
        newest
            .changes
            .contains(&"template.spec.containers[0].image: db:1 -> db:2".to_owned()),
        "{:?}",
        newest.changes
    );
    assert_eq!(first.changes, [""; 0]);
    assert_eq!(
        number(&json!({"metadata": {"annotations": {"deployment.kubernetes.io/revision": "7"}}})),
        7
    );
}

#[test]
fn a_pod_says_of_which_revision_it_is() {
    let pod = |kind: &str, name: &str, hash: &str| {
        json!({"metadata": {"labels": {"controller-revision-hash": hash},
            "ownerReferences": [{"kind": kind, "name": name, "controller": true}]}})
    };
    assert_eq!(of_pod(&pod("StatefulSet", "db", "db-5d4f")), "db-5d4f");
    assert_eq!(of_pod(&pod("DaemonSet", "agent", "5d4f")), "agent-5d4f");
    assert_eq!(of_pod(&pod("ReplicaSet", "web-77", "")), "web-77");
    assert_eq!(of_pod(&json!({"metadata": {"name": "alone"}})), "");
}

#[test]
fn a_statefulset_goes_back_to_the_revision_before() {
    let steps = recommended("an update of a StatefulSet that stops at a pod that crashes");
    let actions: Vec<&str> = steps.iter().map(|(action, _)| action.as_str()).collect();
    assert_eq!(
        actions,
        ["collect_diagnostics", "rollback_deployment", "health_check", "notify_only"]
    );
    assert_eq!(steps[1].1, json!({"statefulset": "db", "namespace": "shop", "revision": 1}));
}

#[test]
fn a_daemonset_goes_back_to_the_revision_before() {
    let steps = recommended("a DaemonSet whose new revision crashes");
    let actions: Vec<&str> = steps.iter().map(|(action, _)| action.as_str()).collect();
    assert_eq!(
        actions,
        ["collect_diagnostics", "rollback_deployment", "health_check", "notify_only"]
    );
    assert_eq!(steps[1].1, json!({"daemonset": "agent", "namespace": "shop", "revision": 1}));
}
