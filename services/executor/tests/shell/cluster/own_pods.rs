//! Which pods are a workload's own, and which of them were there when a change was approved.

use paramedic_domain::{
    change::Change,
    fault::{Effect, FailureKind},
    object::ObjectRef,
};
use paramedic_simulator::store::Gvr;
use serde_json::{Value, json};

use crate::{
    cluster::every::given,
    recommended::propose,
    stage::Stage,
    story::{Story, alert},
};

fn pods(stage: &Stage, track: &str) -> Vec<Value> {
    let (pods, _) = stage.store.list(&Gvr::new("", "v1", "pods"), Some("production"));
    let ours = |pod: &Value| pod["metadata"]["labels"]["track"] == track && pod["status"]["phase"] == "Running";
    pods.into_iter().filter(ours).collect()
}

fn deployment(name: &str, expressions: Value, labels: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "production"}, "spec": {
        "replicas": 2, "selector": {"matchLabels": {"app": "web"}, "matchExpressions": expressions},
        "template": {"metadata": {"labels": labels},
            "spec": {"containers": [{"name": "web", "image": "registry.example.com/shop/web:1"}]}}}})
}

async fn with_a_canary() -> Stage {
    let stage = Stage::start().await;
    let stable = deployment("web", json!([]), json!({"app": "web", "track": "stable"}));
    let only = json!([{"key": "track", "operator": "In", "values": ["canary"]}]);
    let canary = deployment("web-canary", only, json!({"app": "web", "track": "canary"}));
    given(&stage, &[stable, canary]).await;
    paramedic_testkit::eventually!(pods(&stage, "stable").len() == 2 && pods(&stage, "canary").len() == 2);
    stage
}

fn one_at_a_time(deployment: &str) -> Value {
    json!({"deployment": deployment, "namespace": "production", "strategy": "one-at-a-time"})
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_of_a_canary_with_the_same_labels_are_not_restarted() {
    let stage = with_a_canary().await;
    for (name, track) in [("web", "stable"), ("web-canary", "canary")] {
        let steps = [("restart", "rolling_restart", one_at_a_time(name), &[] as &[_])];
        let prepared = crate::recommended::prepare(&stage, &steps).await.steps.remove(0);
        assert_eq!(prepared.refusal, "");
        let change: Change = paramedic_wire::Wire::from_proto(prepared.change.unwrap()).unwrap();
        let mut listed: Vec<String> = change.operations().iter().map(|one| one.target().name.clone()).collect();
        listed.sort();
        let mut own: Vec<String> = pods(&stage, track)
            .iter()
            .map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned())
            .collect();
        own.sort();
        assert_eq!(listed, own);
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_came_while_people_thought_is_drift_before_anything_is_deleted() {
    let mut stage = with_a_canary().await;
    stage.alerts = vec![alert(&[("alertname", "Down"), ("service", "web")])];
    let steps = [("restart", "rolling_restart", one_at_a_time("web"), &[] as &[_])];
    let plan = propose(&stage, &steps).await;
    let listed: Vec<ObjectRef> = plan.steps[0].change.operations().iter().map(|one| one.target().clone()).collect();
    // One of them goes, and another one comes in its place.
    stage.cluster().delete(&listed[0], false).await.unwrap();
    let known = |pod: &Value| listed.iter().any(|one| one.uid.as_deref() == pod["metadata"]["uid"].as_str());
    paramedic_testkit::eventually!(pods(&stage, "stable").iter().filter(|pod| !known(pod)).count() == 1);
    let newcomer = pods(&stage, "stable").into_iter().find(|pod| !known(pod)).unwrap();
    let deleted = stage.mutated().len();
    stage.approve().await;
    let story = Story::proposed(stage, plan);
    let (kind, effect, message) = story.fails().await;
    assert_eq!((kind, effect), (FailureKind::Drift, Effect::None), "{message}");
    assert!(message.contains(newcomer["metadata"]["name"].as_str().unwrap()), "{message}");
    assert_eq!(story.stage.mutated().len(), deleted, "nothing was deleted");
    story.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_pod_that_is_gone_already_needs_no_restart() {
    let stage = with_a_canary().await;
    let steps = [("restart", "rolling_restart", one_at_a_time("web"), &[] as &[_])];
    let plan = propose(&stage, &steps).await;
    let listed: Vec<ObjectRef> = plan.steps[0].change.operations().iter().map(|one| one.target().clone()).collect();
    stage.somebody_changes(&Gvr::new("apps", "v1", "deployments"), "web", "/spec/replicas", json!(1));
    let there = |stage: &Stage| {
        let present = pods(stage, "stable");
        let found = |one: &&ObjectRef| present.iter().any(|pod| pod["metadata"]["uid"].as_str() == one.uid.as_deref());
        listed.iter().filter(found).count()
    };
    paramedic_testkit::eventually!(there(&stage) == 1);
    stage.approve().await;
    let story = Story::proposed(stage, plan);
    let said = story.succeeds().await;
    assert_eq!(there(&story.stage), 0, "{said}");
    story.stage.end().await;
}
