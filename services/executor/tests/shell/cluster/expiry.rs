//! Effects that must not stay go by themselves, whatever becomes of the workflow that made them.

use std::time::Duration;

use paramedic_bus::consume::Verdict;
use paramedic_domain::{
    change::Change,
    event::{Direction, Event, FailureCause, WorkflowOutcome},
    fault::{Effect, FailureKind},
    plan::{Lasts, Plan, Rollback},
    workflow::StepState,
};
use paramedic_simulator::store::Gvr;
use paramedic_testkit::eventually;
use serde_json::{Value, json};

use crate::{
    faults::losing,
    recommended::{Wanted, propose_changed},
    stage::Stage,
};

fn relax() -> Wanted {
    let params = json!({"pdb": "payment-service", "namespace": "production", "maxUnavailable": 2});
    ("relax", "update_pdb", params, &[])
}

fn scale() -> Wanted {
    let params = json!({"deployment": "checkout-api", "namespace": "production", "replicas": 4});
    ("scale", "scale", params, &["relax"])
}

fn budget(stage: &Stage) -> Value {
    let kind = Gvr::new("policy", "v1", "poddisruptionbudgets");
    stage.store.get(&kind, Some("production"), "payment-service").unwrap()["spec"].clone()
}

fn args(stage: &Stage) -> Value {
    stage
        .deployment()
        .pointer("/spec/template/spec/containers/0/args")
        .cloned()
        .unwrap_or_default()
}

/// How often the log says that the effect of a step went by itself.
async fn expired(stage: &Stage, wanted: &str) -> usize {
    let (cluster, id) = stage.name();
    let log = stage.kit.log.read(&cluster, &id).await.unwrap();
    let of = |event: &Event| matches!(event, Event::StepExpired { step, .. } if step.as_str() == wanted);
    log.iter().filter(|recorded| of(&recorded.envelope.event)).count()
}

async fn done(stage: &Stage, plan: &Plan, step: usize) -> bool {
    stage.incident().await.step_state(&plan.steps[step].id) == Some(&StepState::Succeeded)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_is_put_back_when_its_workflow_has_succeeded() {
    let mut stage = Stage::start().await;
    let before = budget(&stage);
    propose_changed(&stage, &[relax(), scale()], |_| {}).await;
    stage.approve().await;
    stage.run_executor().await;
    let (outcome, _) = stage.finished().await;
    assert_eq!(outcome, WorkflowOutcome::Succeeded, "{}", stage.transcript().await);
    eventually!(within Duration::from_secs(30), expired(&stage, "relax").await == 1);
    assert_eq!(budget(&stage), before);
    assert_eq!(
        stage.mutated(),
        ["patch payment-service", "patch checkout-api", "patch payment-service"]
    );
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_is_put_back_when_its_workflow_has_failed_and_keeps_the_rest() {
    let mut stage = Stage::start().await;
    let before = budget(&stage);
    let plan = propose_changed(&stage, &[relax(), scale()], |plan| plan.rollback = Rollback::None).await;
    let deployments = Gvr::new("apps", "v1", "deployments");
    stage.somebody_changes(&deployments, "checkout-api", "/spec/replicas", json!(5));
    stage.approve().await;
    stage.run_executor().await;
    let (outcome, _) = stage.finished().await;
    assert_eq!(outcome, WorkflowOutcome::Failed, "{}", stage.transcript().await);
    eventually!(within Duration::from_secs(30), expired(&stage, "relax").await == 1);
    assert_eq!(budget(&stage), before);
    assert!(done(&stage, &plan, 0).await, "its workflow did not undo it");
    assert_eq!(stage.mutated(), ["patch payment-service", "patch payment-service"]);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_is_put_back_when_its_workflow_is_cancelled_while_no_executor_lives() {
    let mut stage = Stage::start().await;
    let before = budget(&stage);
    let plan = propose_changed(&stage, &[relax(), scale()], |plan| plan.rollback = Rollback::None).await;
    stage.approve().await;
    // A worker whose process ends right after the step's success: nobody begins the next one.
    let work = stage.item(&plan, 0, Direction::Forward, 1).await;
    let worker = stage.worker(&stage.kit, "first").await;
    assert_eq!(worker.handle(&work).await, Verdict::Done);
    assert!(done(&stage, &plan, 0).await && budget(&stage) != before);
    drop(worker);
    stage
        .append(vec![Event::IncidentCancelled {
            by: "ada@example.com".into(),
            reason: "not today".into(),
        }])
        .await;
    stage.run_executor().await;
    let (_, incident) = stage.finished().await;
    let ended = incident.run.unwrap().ended.unwrap();
    assert_eq!(ended.1, Some(FailureCause::Cancelled), "{}", stage.transcript().await);
    eventually!(within Duration::from_secs(30), expired(&stage, "relax").await == 1);
    assert_eq!(budget(&stage), before);
    assert_eq!(stage.mutated(), ["patch payment-service", "patch payment-service"]);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_told_of_an_effect_that_is_due_in_a_cluster_that_is_only_observed_by_now() {
    let mut stage = Stage::start().await;
    let before = budget(&stage);
    let plan = propose_changed(&stage, &[relax()], |_| {}).await;
    stage.approve().await;
    let work = stage.item(&plan, 0, Direction::Forward, 1).await;
    assert_eq!(stage.worker(&stage.kit, "first").await.handle(&work).await, Verdict::Done);
    stage.kit.cluster.mode = paramedic_domain::policy::Mode::Observe;
    stage
        .append(vec![Event::WorkflowFinished {
            plan: plan.id.clone(),
            outcome: WorkflowOutcome::Succeeded,
            cause: None,
        }])
        .await;
    stage.run_executor().await;
    let told = || async {
        let (cluster, id) = stage.name();
        let log = stage.kit.log.read(&cluster, &id).await.unwrap();
        log.into_iter().find_map(|recorded| match recorded.envelope.event {
            Event::StepExpiryFailed { message, .. } => Some(message),
            _ => None,
        })
    };
    eventually!(told().await.is_some_and(|message| message.contains("observe mode")));
    assert_ne!(budget(&stage), before);
    assert_eq!(stage.mutated(), ["patch payment-service"]);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn debug_flags_of_a_step_that_failed_after_its_change_go_after_their_time() {
    let mut stage = Stage::start().await;
    let before = args(&stage);
    let plan = propose_changed(&stage, &[debug(json!({"duration": "2m"}))], |plan| {
        plan.rollback = Rollback::None;
    })
    .await;
    stage.approve().await;
    let work = stage.item(&plan, 0, Direction::Forward, 1).await;
    // The change was made; that nobody saw its rollout in time is what the log hears.
    let doomed = stage.worker(&losing(&stage.kit, "step_succeeded"), "first").await;
    doomed.handle(&work).await;
    assert_ne!(args(&stage), before);
    stage
        .append(vec![Event::StepFailed {
            plan: plan.id.clone(),
            step: plan.steps[0].id.clone(),
            direction: Direction::Forward,
            attempt: 1,
            kind: FailureKind::Timeout,
            effect: Effect::Applied,
            message: "its result was not seen in time".into(),
        }])
        .await;
    stage.run_executor().await;
    let (outcome, _) = stage.finished().await;
    assert_eq!(outcome, WorkflowOutcome::Failed, "{}", stage.transcript().await);
    eventually!(within Duration::from_secs(60), expired(&stage, "debug").await == 1);
    assert_eq!(args(&stage), before);
    stage.end().await;
}

fn debug(more: Value) -> Wanted {
    let mut params = json!({"deployment": "payment-service", "namespace": "production", "debug_flags": ["--memory-profile=true"]});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    ("debug", "enable_debug_mode", params, &[])
}

#[tokio::test(flavor = "multi_thread")]
async fn debug_flags_go_after_their_time_though_their_executor_died() {
    let mut stage = Stage::start().await;
    let before = args(&stage);
    propose_changed(&stage, &[debug(json!({"duration": "2m"}))], |_| {}).await;
    stage.approve().await;
    let first = stage.run_executor().await;
    let (outcome, _) = stage.finished().await;
    assert_eq!(outcome, WorkflowOutcome::Succeeded, "{}", stage.transcript().await);
    first.abort();
    assert_ne!(args(&stage), before);
    stage.run_executor().await;
    eventually!(within Duration::from_secs(60), expired(&stage, "debug").await == 1);
    assert_eq!(args(&stage), before);
    assert_eq!(stage.mutated(), ["patch payment-service", "patch payment-service"]);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn debug_flags_in_another_steps_patch_go_alone_after_the_workflow() {
    let mut stage = Stage::start().await;
    let before = args(&stage);
    let params = json!({"deployment": "payment-service", "namespace": "production", "memory": "3Gi"});
    let raise: Wanted = ("raise", "increase_resources", params, &[]);
    let mut flags = debug(json!({}));
    flags.3 = &["raise"];
    let plan = propose_changed(&stage, &[raise, flags], |plan| {
        let debug = &mut plan.steps[1];
        assert!(matches!(&debug.change, Change::Carried { part: Some(_), .. }), "{debug:?}");
        let hour = Duration::from_secs(3600);
        assert_eq!(debug.lasts, Some(Lasts::For { duration: hour }), "always for a time");
        // What is left of the hour passes quickly.
        debug.lasts = Some(Lasts::For {
            duration: Duration::from_secs(60),
        });
    })
    .await;
    stage.approve().await;
    stage.run_executor().await;
    let (outcome, _) = stage.finished().await;
    assert_eq!(outcome, WorkflowOutcome::Succeeded, "{}", stage.transcript().await);
    eventually!(within Duration::from_secs(60), expired(&stage, "debug").await == 1);
    assert!(done(&stage, &plan, 0).await);
    assert_eq!(args(&stage), before);
    let memory = "/spec/template/spec/containers/0/resources/limits/memory";
    assert_eq!(
        stage.deployment().pointer(memory),
        Some(&json!("3Gi")),
        "the rest of the patch stays"
    );
    assert_eq!(stage.mutated(), ["patch payment-service", "patch payment-service"]);
    stage.end().await;
}
