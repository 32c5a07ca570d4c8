//! A namespace in which as many steps as allowed are at work.

use bytes::Bytes;
use paramedic_bus::streams;
use paramedic_domain::{
    event::{Event, WorkflowOutcome},
    plan::Plan,
    workflow::StepState,
};
use paramedic_testkit::eventually;
use serde_json::json;

use crate::{recommended::propose, stage::Stage};

const SCOPE: &str = "test/namespace/production";

/// A change and a look next to it; the change finds no room.
async fn without_room() -> (Stage, Plan) {
    let mut stage = Stage::start().await;
    stage.config.namespace_steps = 1;
    let ledger = json!({"at_work": {"plan_other/rec-001": "worker-other"}, "begun": {}}).to_string();
    limits(&stage).await.put(SCOPE, Bytes::from(ledger)).await.unwrap();
    stage.run_executor().await;
    let target = json!({"deployment": "payment-service", "namespace": "production"});
    let limit = json!({"deployment": "payment-service", "namespace": "production", "memory": "3Gi"});
    let steps = [
        ("raise", "increase_resources", limit, &[] as &[_]),
        ("look", "collect_diagnostics", target, &[]),
    ];
    let plan = propose(&stage, &steps).await;
    stage.approve().await;
    // The look shows that work is done.
    eventually!(state(&stage, "look").await == Some(StepState::Succeeded));
    assert_eq!(state(&stage, "raise").await, Some(StepState::Waiting));
    (stage, plan)
}

async fn limits(stage: &Stage) -> std::sync::Arc<dyn paramedic_bus::Kv> {
    stage.kit.bus.kv(streams::LIMITS, None).await.unwrap()
}

async fn state(stage: &Stage, step: &str) -> Option<StepState> {
    stage.incident().await.step_state(&step.parse().unwrap()).cloned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_begins_when_there_is_room() {
    let (stage, _) = without_room().await;
    assert!(stage.mutations().is_empty());
    let freed = stage.kit.clock.now();
    limits(&stage).await.delete(SCOPE, None).await.unwrap();
    let (outcome, incident) = stage.finished().await;
    assert_eq!(outcome, WorkflowOutcome::Succeeded);
    assert_eq!(stage.mutated(), ["patch payment-service"]);
    let raised = &incident.run.unwrap().steps[&"raise".parse().unwrap()];
    assert!(raised.started.unwrap() >= freed, "{raised:?}");
    assert_eq!(raised.attempts, 1, "waiting is no attempt");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_that_stops_does_not_wait_for_room() {
    let (stage, plan) = without_room().await;
    stage
        .append(vec![Event::WorkflowCancelled {
            plan: plan.id.clone(),
            by: "ada@example.com".into(),
            reason: "not today".into(),
        }])
        .await;
    let (outcome, _) = stage.finished().await;
    assert_eq!(outcome, WorkflowOutcome::Cancelled, "{}", stage.transcript().await);
    assert!(stage.mutations().is_empty());
    let ledger = limits(&stage).await.get(SCOPE).await.unwrap().unwrap().value.unwrap();
    assert!(
        String::from_utf8_lossy(&ledger).contains("plan_other/rec-001"),
        "nobody made room meanwhile"
    );
    stage.end().await;
}
