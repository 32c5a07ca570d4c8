//! What is put back, and what is not this step's to put back.

use paramedic_domain::{
    change::{Change, Operation},
    event::{Direction, Event, FailureCause, WorkflowOutcome},
    fault::{Effect, FailureKind},
    id::PlanId,
    plan::{Plan, Step, gate_digest},
    workflow::StepState,
};
use paramedic_simulator::store::Gvr;
use paramedic_testkit::eventually;
use serde_json::{Value, json};

use crate::{
    faults::stumbling,
    recommended::{Wanted, propose, propose_changed},
    stage::Stage,
};

const MEMORY: &str = "/spec/template/spec/containers/0/resources/limits/memory";

fn policies() -> Gvr {
    Gvr::new("networking.k8s.io", "v1", "networkpolicies")
}

fn autoscalers() -> Gvr {
    Gvr::new("autoscaling", "v2", "horizontalpodautoscalers")
}

fn policy(stage: &Stage) -> Option<Value> {
    stage.store.get(&policies(), Some("production"), "narrow")
}

async fn with_policy() -> Stage {
    let stage = Stage::start().await;
    let object = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": "narrow", "namespace": "production"},
        "spec": {"podSelector": {"matchLabels": {"app": "nothing"}}, "policyTypes": ["Ingress"],
            "ingress": [{"ports": [{"protocol": "TCP", "port": 80}]}]}});
    let target = paramedic_catalogue::prepare::reference(&object).unwrap();
    stage.cluster().create(&target, &object, false).await.unwrap();
    stage
}

fn deletion() -> Wanted {
    let params = json!({"policy": "narrow", "namespace": "production"});
    ("drop", "delete_network_policy", params, &[])
}

fn by_ada() -> Event {
    Event::IncidentCancelled {
        by: "ada@example.com".into(),
        reason: "not today".into(),
    }
}

/// Both changes of two steps as one step that makes them in order.
fn as_one(plan: &mut Plan) {
    let second = plan.steps.remove(1);
    let operations: Vec<Operation> = plan.steps[0]
        .change
        .operations()
        .into_iter()
        .chain(second.change.operations())
        .collect();
    plan.steps[0].change = Change::Sequence { operations };
    let id: PlanId = plan.id.clone();
    let held: Vec<&Step> = plan.steps.iter().collect();
    plan.gates[0].digest = gate_digest(&id, &held);
    plan.gates[0].steps.truncate(1);
}

async fn failure(stage: &Stage) -> (FailureKind, String) {
    let incident = stage.incident().await;
    let steps = incident.run.unwrap().steps;
    match steps.into_values().next().unwrap().state {
        StepState::Failed { kind, message } => (kind, message),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequence_that_stops_at_an_object_somebody_changed_is_put_back_as_far_as_it_came() {
    let mut stage = Stage::start().await;
    let limit = json!({"deployment": "payment-service", "namespace": "production", "memory": "3Gi"});
    let most = json!({"hpa": "payment-service-hpa", "namespace": "production", "maxReplicas": 8});
    let steps = [
        ("raise", "increase_resources", limit, &[] as &[_]),
        ("most", "update_hpa", most, &["raise"]),
    ];
    propose_changed(&stage, &steps, as_one).await;
    let before = stage.deployment().pointer(MEMORY).cloned();
    stage.somebody_changes(&autoscalers(), "payment-service-hpa", "/spec/maxReplicas", json!(20));
    stage.approve().await;
    stage.run_executor().await;
    let (outcome, incident) = stage.finished().await;
    assert_eq!(outcome, WorkflowOutcome::RolledBack, "{}", stage.transcript().await);
    let cause = incident.run.unwrap().ended.unwrap().1;
    assert!(
        matches!(
            cause,
            Some(FailureCause::StepFailed {
                kind: FailureKind::Drift,
                ..
            })
        ),
        "{cause:?}"
    );
    assert_eq!(stage.deployment().pointer(MEMORY).cloned(), before);
    let autoscaler = stage.store.get(&autoscalers(), Some("production"), "payment-service-hpa").unwrap();
    assert_eq!(autoscaler["spec"]["maxReplicas"], 20, "it is somebody else's value");
    assert_eq!(stage.mutated(), ["patch payment-service", "patch payment-service"]);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_put_back_keeps_nothing_else_from_it_and_is_named() {
    let mut stage = Stage::start().await;
    let limit = json!({"deployment": "payment-service", "namespace": "production", "memory": "3Gi"});
    let most = json!({"hpa": "payment-service-hpa", "namespace": "production", "maxReplicas": 8});
    let steps = [
        ("raise", "increase_resources", limit, &[] as &[_]),
        ("most", "update_hpa", most, &["raise"]),
    ];
    let plan = propose_changed(&stage, &steps, as_one).await;
    let before = stage.deployment().pointer(MEMORY).cloned();
    stage.approve().await;
    let work = stage.item(&plan, 0, Direction::Forward, 1).await;
    stage.worker(&stage.kit, "one").await.handle(&work).await;
    stage.somebody_changes(&autoscalers(), "payment-service-hpa", "/spec/maxReplicas", json!(20));
    stage.append(vec![by_ada()]).await;
    stage.run_executor().await;
    let (outcome, incident) = stage.finished().await;
    assert_eq!(outcome, WorkflowOutcome::Stuck, "{}", stage.transcript().await);
    assert_eq!(stage.deployment().pointer(MEMORY).cloned(), before);
    let StepState::UndoFailed { kind, message } = &incident.run.unwrap().steps[&"raise".parse().unwrap()].state else {
        panic!()
    };
    assert_eq!(*kind, FailureKind::Drift);
    assert!(
        message.contains("payment-service-hpa") && message.contains("the others are undone"),
        "{message}"
    );
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_still_going_is_waited_for_and_then_brought_back() {
    let mut stage = with_policy().await;
    let plan = propose(&stage, &[deletion()]).await;
    stage.approve().await;
    // The deletion was accepted, but a finalizer holds the object, and the step has run out of time.
    let (id, step) = (plan.id.clone(), plan.steps[0].id.clone());
    stage
        .append(vec![
            Event::StepStarted {
                plan: id.clone(),
                step: step.clone(),
                direction: Direction::Forward,
                attempt: 1,
                worker: "one".parse().unwrap(),
            },
            Event::StepFailed {
                plan: id,
                step: step.clone(),
                direction: Direction::Forward,
                attempt: 1,
                kind: FailureKind::Timeout,
                effect: Effect::Applied,
                message: "not done after 60 s".into(),
            },
        ])
        .await;
    let going = |object: &mut Value| {
        object["metadata"]["finalizers"] = json!(["example.com/hold"]);
        object["metadata"]["deletionTimestamp"] = json!("2026-11-22T10:00:00Z");
        Ok(())
    };
    let old = stage
        .store
        .update(&policies(), Some("production"), "narrow", &mut { going })
        .unwrap();
    stage.append(vec![by_ada()]).await;
    stage.run_executor().await;
    eventually!(matches!(
        stage.incident().await.step_state(&step),
        Some(StepState::Undoing { .. } | StepState::Undone)
    ));
    stage.store.delete(&policies(), Some("production"), "narrow").unwrap();
    let (outcome, _) = stage.finished().await;
    assert_eq!(outcome, WorkflowOutcome::RolledBack, "{}", stage.transcript().await);
    let new = policy(&stage).expect("it was brought back");
    assert_ne!(new["metadata"]["uid"], old["metadata"]["uid"]);
    assert_eq!(new["spec"], old["spec"]);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_somebody_wrote_since_is_not_deleted() {
    let stage = with_policy().await;
    let plan = propose(&stage, &[deletion()]).await;
    stage.approve().await;
    stage.somebody_changes(&policies(), "narrow", "/spec/ingress", json!([{}]));
    let work = stage.item(&plan, 0, Direction::Forward, 1).await;
    stage.worker(&stage.kit, "one").await.handle(&work).await;
    let (kind, message) = failure(&stage).await;
    assert_eq!(kind, FailureKind::Drift);
    assert!(message.contains("/spec/ingress"), "{message}");
    assert!(policy(&stage).is_some());
    assert!(stage.incident().await.run.unwrap().effects.is_empty());
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_somebody_else_deleted_is_not_brought_back_by_an_undo() {
    let mut stage = with_policy().await;
    propose(&stage, &[deletion()]).await;
    stage.approve().await;
    stage.store.delete(&policies(), Some("production"), "narrow").unwrap();
    stage.run_executor().await;
    let (outcome, incident) = stage.finished().await;
    assert_eq!(outcome, WorkflowOutcome::RolledBack);
    let run = incident.run.unwrap();
    let cause = FailureCause::StepFailed {
        step: "drop".parse().unwrap(),
        kind: FailureKind::Drift,
    };
    assert_eq!(run.ended.unwrap().1, Some(cause));
    assert_eq!(policy(&stage), None);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_cannot_be_read_after_a_deletion_does_not_fail_the_step() {
    let stage = with_policy().await;
    let plan = propose(&stage, &[deletion()]).await;
    stage.approve().await;
    let work = stage.item(&plan, 0, Direction::Forward, 1).await;
    stage.worker(&stumbling(&stage.kit, 2), "one").await.handle(&work).await;
    let state = stage.incident().await.step_state(&plan.steps[0].id).cloned();
    assert_eq!(state, Some(StepState::Succeeded), "{}", stage.transcript().await);
    assert_eq!(policy(&stage), None);
    stage.end().await;
}
