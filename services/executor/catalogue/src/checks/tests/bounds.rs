//! Bounds of autoscalers, scopes of quotas, pools beside pools, and strategies of rollouts.

use serde_json::{Value, json};

use super::*;

#[test]
fn at_zero_replicas_the_autoscaler_is_switched_off_and_that_is_said() {
    let mut stop = scale(0);
    stop.1["allowZero"] = json!(true);
    let merged = run(&[stop], world(vec![autoscaler()]));
    assert!(merged.outcomes[0].pending.is_ok(), "{:?}", merged.outcomes[0].pending);
    assert!(
        merged
            .notes
            .iter()
            .any(|note| note.contains("switches HorizontalPodAutoscaler shop/fraud-hpa off")),
        "{:?}",
        merged.notes
    );
}

#[test]
fn an_autoscaler_is_judged_by_what_it_may_make_of_its_workload() {
    let raise = |most: i64| [("update_hpa", json!({"hpa": "fraud-hpa", "namespace": "shop", "maxReplicas": most}))];
    let mut world = world(vec![autoscaler(), quota("4Gi", "1280Mi")]);
    world.connections = vec![("shop".into(), Connections::Known { most: 1500, reserved: 0 })];
    assert_eq!(concerns(&run(&raise(12), world.clone()), 0), "");
    let text = concerns(&run(&raise(20), world.clone()), 0);
    assert!(text.contains("High") && text.contains("20 x 100 = 2000 connections"), "{text}");
    assert!(text.contains("15 more pods") && text.contains("allows 4Gi"), "{text}");
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "fraud", "namespace": "shop", "uid": "u-7"},
        "spec": {"selector": {"matchLabels": {"app": "fraud"}}}, "status": {"disruptionsAllowed": 1}});
    world.objects.push((reference(&budget).unwrap(), budget));
    let text = concerns(&run(&raise(3), world), 0);
    assert!(text.contains("Medium: 2 of 5 pods") && text.contains("lets 1 pods"), "{text}");
}

#[test]
fn a_quota_counts_the_pods_of_its_scopes_and_steps_that_free_something_give_it_to_no_rollout() {
    let scoped = |scopes: Value| {
        let mut quota = quota("1920Mi", "1280Mi");
        quota["spec"] = json!({"scopes": scopes});
        run(&[scale(8)], world(vec![quota]))
    };
    assert!(scoped(json!(["NotTerminating"])).outcomes[0].pending.is_err());
    for elsewhere in ["Terminating", "BestEffort"] {
        assert!(scoped(json!([elsewhere])).outcomes[0].pending.is_ok(), "{elsewhere}");
    }
    let unknown = scoped(json!(["CrossNamespacePodAffinity"]));
    assert!(
        unknown.notes.iter().any(|note| note.contains("could not be told by its scopes")),
        "{:?}",
        unknown.notes
    );
    // Fewer pods and new ones: the old ones are still there while the first new one comes.
    let other = json!({"deployment": "fraud", "namespace": "shop", "image": "fraud:2"});
    let merged = run(&[scale(3), ("set_image", other)], world(vec![quota("1280Mi", "1280Mi")]));
    assert!(concerns(&merged, 1).contains("256Mi for a while"), "{}", concerns(&merged, 1));
}

#[test]
fn other_workloads_at_the_database_count_as_well() {
    let mut other = fraud(4);
    other["metadata"]["name"] = json!("ledger");
    other["metadata"]["uid"] = json!("u-10");
    let mut world = world(vec![other]);
    world.connections = vec![("shop".into(), Connections::Known { most: 1100, reserved: 0 })];
    let text = concerns(&run(&[scale(8)], world.clone()), 0);
    assert!(
        text.contains("400 of Deployment shop/ledger") && text.contains("that is 1200"),
        "{text}"
    );
    // What one database takes is said of no other.
    let mut said = scale(8);
    said.1["maxConnections"] = json!(5000);
    let second = ("scale", json!({"deployment": "ledger", "namespace": "shop", "replicas": 12}));
    let merged = run(&[said, second], world);
    assert!(refusal(&merged, 1).contains("1100 - 0 reserved"), "{}", refusal(&merged, 1));
}

#[test]
fn containers_with_the_same_setting_have_a_pool_each() {
    let mut object = fraud(5);
    let containers = object["spec"]["template"]["spec"]["containers"].as_array_mut().unwrap();
    let mut second = containers[0].clone();
    second["name"] = json!("worker");
    containers.push(second);
    let mut world = world(vec![object]);
    world.connections = vec![("shop".into(), Connections::Known { most: 1500, reserved: 0 })];
    assert!(refusal(&run(&[scale(8)], world), 0).contains("8 x 200 = 1600"));
}

#[test]
fn what_a_rollout_takes_away_depends_on_the_kind_and_its_strategy() {
    use crate::checks::workloads::unavailable;
    let with = |kind: &str, spec: Value| unavailable(&json!({"kind": kind, "spec": spec}));
    assert_eq!(with("Deployment", json!({"replicas": 8})), 2);
    assert_eq!(with("Deployment", json!({"replicas": 3})), 0);
    assert_eq!(with("Deployment", json!({"replicas": 3, "strategy": {"type": "Recreate"}})), 3);
    let neither = json!({"replicas": 3, "strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "10%"}}});
    assert_eq!(with("Deployment", neither), 1, "one goes where none may be added");
    assert_eq!(with("StatefulSet", json!({"replicas": 8})), 1);
    assert_eq!(
        with("DaemonSet", json!({"updateStrategy": {"rollingUpdate": {"maxUnavailable": 3}}})),
        3
    );
}
