//! The world changes between approval and execution, or between a change and its undo.

use paramedic_domain::{
    event::{FailureCause, WorkflowOutcome},
    fault::FailureKind,
    workflow::StepState,
};
use paramedic_simulator::store::Gvr;
use serde_json::{Value, json};

use crate::{
    recommended::{memory_leak, propose},
    stage::Stage,
};

const MEMORY: &str = "/spec/template/spec/containers/0/resources/limits/memory";

fn deployments() -> Gvr {
    Gvr::new("apps", "v1", "deployments")
}

fn autoscalers() -> Gvr {
    Gvr::new("autoscaling", "v2", "horizontalpodautoscalers")
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_applied_to_an_object_that_is_not_as_it_was_approved() {
    let mut stage = Stage::start().await;
    let plan = propose(&stage, &memory_leak()[2..3].iter().cloned().map(first_free).collect::<Vec<_>>()).await;
    stage.somebody_changes(&deployments(), "payment-service", MEMORY, json!("2500Mi"));
    stage.approve().await;
    stage.run_executor().await;
    let (outcome, incident) = stage.finished().await;
    assert_eq!(outcome, WorkflowOutcome::RolledBack);
    let run = incident.run.unwrap();
    let cause = FailureCause::StepFailed {
        step: plan.steps[0].id.clone(),
        kind: FailureKind::Drift,
    };
    assert_eq!(run.ended.unwrap().1, Some(cause));
    let StepState::Failed { message, .. } = &run.steps[&plan.steps[0].id].state else {
        panic!()
    };
    assert!(
        message.contains("was 2Gi when the change was prepared, but is 2500Mi now"),
        "{message}"
    );
    assert!(stage.mutations().is_empty());
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_after_the_rollout_puts_the_old_template_back_once() {
    let mut stage = Stage::start().await;
    let before = template(&stage);
    propose(&stage, &memory_leak()[2..6].iter().cloned().map(first_free).collect::<Vec<_>>()).await;
    // The autoscaler's patch comes after the rollout, and will be refused.
    stage.somebody_changes(&autoscalers(), "payment-service-hpa", "/spec/maxReplicas", json!(20));
    stage.approve().await;
    stage.run_executor().await;
    let (outcome, incident) = stage.finished().await;
    assert_eq!(outcome, WorkflowOutcome::RolledBack, "{}", stage.transcript().await);
    assert_eq!(template(&stage), before);
    assert_eq!(stage.mutated(), ["patch payment-service", "patch payment-service"]);
    assert!(incident.run.unwrap().effects.is_empty());
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_does_not_overwrite_what_somebody_changed_since() {
    let mut stage = Stage::start().await;
    propose(&stage, &memory_leak()[2..6].iter().cloned().map(first_free).collect::<Vec<_>>()).await;
    stage.somebody_changes(&autoscalers(), "payment-service-hpa", "/spec/maxReplicas", json!(20));
    stage.approve().await;
    stage.run_executor().await;
    // As soon as our value is there, somebody sets another.
    paramedic_testkit::eventually!(within std::time::Duration::from_secs(60), stage.deployment().pointer(MEMORY) == Some(&json!("3Gi")));
    stage.somebody_changes(&deployments(), "payment-service", MEMORY, json!("4Gi"));
    let (outcome, incident) = stage.finished().await;
    assert_eq!(outcome, WorkflowOutcome::Stuck, "{}", stage.transcript().await);
    assert_eq!(stage.deployment().pointer(MEMORY), Some(&json!("4Gi")));
    let run = incident.run.unwrap();
    let StepState::UndoFailed { kind, message } = &run.steps[&"rec-003".parse().unwrap()].state else {
        panic!()
    };
    assert_eq!(*kind, FailureKind::Drift);
    assert!(message.contains("3Gi") && message.contains("4Gi"), "{message}");
    stage.end().await;
}

/// The first of a part of the plan depends on nothing.
fn first_free(mut wanted: crate::recommended::Wanted) -> crate::recommended::Wanted {
    if wanted.0 == "rec-003" {
        wanted.3 = &[];
    }
    wanted
}

fn template(stage: &Stage) -> Value {
    stage.deployment().pointer("/spec/template").cloned().unwrap()
}
