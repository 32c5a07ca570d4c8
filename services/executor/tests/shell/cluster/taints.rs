//! Taints of people beside those that the node controller sets and takes away.

use paramedic_domain::{event::Direction, workflow::StepState};
use paramedic_simulator::store::Gvr;
use serde_json::{Value, json};

use crate::{stage::Stage, story::Story};

const NODE: &str = "worker-3";

fn node(stage: &Stage) -> Value {
    stage.store.get(&Gvr::new("", "v1", "nodes"), None, NODE).unwrap()
}

fn taints(stage: &Stage) -> Vec<String> {
    let node = node(stage);
    let mut keys: Vec<String> = node["spec"]["taints"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|taint| taint["key"].as_str().unwrap().to_owned())
        .collect();
    keys.sort();
    keys
}

/// Both steps, in that order, and then both undone.
async fn there_and_back(first: (&'static str, &'static str, Value), second: (&'static str, &'static str, Value)) {
    let stage = Stage::start().await;
    let before = node(&stage)["spec"].clone();
    let steps = [(first.0, first.1, first.2, &[] as &[_]), (second.0, second.1, second.2, &[])];
    let story = Story::of(stage, &steps).await;
    for step in [0, 1] {
        let item = story.item(step, Direction::Forward, 1).await;
        let state = story.work(&item, "one").await;
        assert_eq!(state, StepState::Succeeded, "{}", story.stage.transcript().await);
        // The node controller has had its say.
        let cordoned = node(&story.stage)["spec"]["unschedulable"] == true;
        let told = |stage: &Stage| taints(stage).contains(&"node.kubernetes.io/unschedulable".to_owned());
        paramedic_testkit::eventually!(told(&story.stage) == cordoned);
    }
    assert_eq!(taints(&story.stage), ["maintenance", "node.kubernetes.io/unschedulable"]);
    story.cancel().await;
    for step in [1, 0] {
        let item = story.item(step, Direction::Undo, 1).await;
        let state = story.work(&item, "two").await;
        assert_eq!(state, StepState::Undone, "{}", story.stage.transcript().await);
    }
    paramedic_testkit::eventually!(taints(&story.stage).is_empty());
    assert_eq!(node(&story.stage)["spec"]["unschedulable"], before["unschedulable"]);
    story.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_cordoned_and_tainted_in_one_plan_and_is_as_before_when_both_are_undone() {
    let cordon = ("cordon", "cordon", json!({"node": NODE}));
    let taint = (
        "taint",
        "taint",
        json!({"node": NODE, "key": "maintenance", "effect": "NoSchedule"}),
    );
    there_and_back(cordon.clone(), taint.clone()).await;
    there_and_back(taint, cordon).await;
}
