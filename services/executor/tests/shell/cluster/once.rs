//! Workers that die, are repeated, or come late.

use paramedic_bus::consume::{Handler as _, Verdict};
use paramedic_domain::{
    event::{Direction, Event, WorkflowOutcome},
    workflow::StepState,
};
use paramedic_executor::shell::engine::Engine;
use paramedic_testkit::eventually;
use serde_json::json;

use crate::{faults::losing, recommended::propose, stage::Stage};

fn limit() -> crate::recommended::Wanted {
    let params = json!({"deployment": "payment-service", "namespace": "production", "memory": "3Gi"});
    ("raise", "increase_resources", params, &[])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_between_the_change_and_the_log_has_changed_it_once_forward_and_back() {
    let stage = Stage::start().await;
    let plan = propose(&stage, &[limit()]).await;
    stage.approve().await;
    let before = stage.deployment().pointer("/spec/template").cloned();
    let work = stage.item(&plan, 0, Direction::Forward, 1).await;
    // Dies twice: the change is there, the log never hears of it.
    for name in ["first", "second"] {
        let doomed = stage.worker(&losing(&stage.kit, "step_succeeded"), name).await;
        assert!(matches!(doomed.handle(&work).await, Verdict::Reject { .. }));
    }
    assert_eq!(stage.mutated(), ["patch payment-service"]);
    let survivor = stage.worker(&stage.kit, "third").await;
    assert_eq!(survivor.handle(&work).await, Verdict::Done);
    let step = |incident: &paramedic_domain::incident::Incident| incident.step_state(&plan.steps[0].id).cloned();
    assert_eq!(step(&stage.incident().await), Some(StepState::Succeeded));
    // The message comes again although its outcome is known.
    assert_eq!(survivor.handle(&work).await, Verdict::Done);
    assert_eq!(stage.mutated(), ["patch payment-service"]);

    // Somebody cancels: the effect is undone, and again its worker dies twice.
    stage
        .append(vec![Event::IncidentCancelled {
            by: "ada@example.com".into(),
            reason: "not today".into(),
        }])
        .await;
    let work = stage.item(&plan, 0, Direction::Undo, 1).await;
    for name in ["fourth", "fifth"] {
        let doomed = stage.worker(&losing(&stage.kit, "step_undone"), name).await;
        assert!(matches!(doomed.handle(&work).await, Verdict::Reject { .. }));
    }
    let survivor = stage.worker(&stage.kit, "sixth").await;
    assert_eq!(survivor.handle(&work).await, Verdict::Done);
    assert_eq!(survivor.handle(&work).await, Verdict::Done);
    assert_eq!(step(&stage.incident().await), Some(StepState::Undone));
    assert_eq!(stage.mutated(), ["patch payment-service", "patch payment-service"]);
    assert_eq!(stage.deployment().pointer("/spec/template").cloned(), before);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_with_the_same_message_change_it_once() {
    let stage = Stage::start().await;
    let plan = propose(&stage, &[limit()]).await;
    stage.approve().await;
    let work = stage.item(&plan, 0, Direction::Forward, 1).await;
    let (one, two) = (stage.worker(&stage.kit, "one").await, stage.worker(&stage.kit, "two").await);
    let both = tokio::join!(one.handle(&work), two.handle(&work));
    assert_eq!(both, (Verdict::Done, Verdict::Done));
    assert_eq!(stage.mutated(), ["patch payment-service"]);
    assert_eq!(stage.incident().await.step_state(&plan.steps[0].id), Some(&StepState::Succeeded));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_was_scheduled_before_a_cancellation_ends_without_an_effect() {
    let stage = Stage::start().await;
    let plan = propose(&stage, &[limit()]).await;
    stage.approve().await;
    let work = stage.item(&plan, 0, Direction::Forward, 1).await;
    stage
        .append(vec![Event::IncidentCancelled {
            by: "ada@example.com".into(),
            reason: "not today".into(),
        }])
        .await;
    let worker = stage.worker(&stage.kit, "one").await;
    assert_eq!(worker.handle(&work).await, Verdict::Done);
    let incident = stage.incident().await;
    let Some(StepState::Failed { message, .. }) = incident.step_state(&plan.steps[0].id) else {
        panic!("{incident:?}")
    };
    assert!(message.contains("stopping"), "{message}");
    assert!(stage.mutations().is_empty());
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_observe_mode_not_even_an_approved_change_leaves_the_process() {
    let mut stage = Stage::start().await;
    let plan = propose(&stage, &[limit()]).await;
    stage.approve().await;
    stage.kit.cluster.mode = paramedic_domain::policy::Mode::Observe;
    let work = stage.item(&plan, 0, Direction::Forward, 1).await;
    let worker = stage.worker(&stage.kit, "one").await;
    assert_eq!(worker.handle(&work).await, Verdict::Done);
    assert!(matches!(
        stage.incident().await.step_state(&plan.steps[0].id),
        Some(StepState::Failed { .. })
    ));
    assert!(stage.mutations().is_empty());
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_became_stricter_after_the_approval_keeps_the_change_in_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yaml");
    std::fs::write(&file, paramedic_policy::Policy::shipped_text()).unwrap();
    let mut stage = Stage::start().await;
    stage.kit.cluster.policies = paramedic_runtime::Policies::open(&file);
    let plan = propose(&stage, &[limit()]).await;
    stage.approve().await;
    let work = stage.item(&plan, 0, Direction::Forward, 1).await;
    let worker = stage.worker(&stage.kit, "one").await;
    std::fs::write(
        &file,
        "rules: [{name: closed, when: step.mutates, then: deny, reason: closed for today}]",
    )
    .unwrap();
    assert_eq!(worker.handle(&work).await, Verdict::Done);
    let incident = stage.incident().await;
    let Some(StepState::Failed { message, .. }) = incident.step_state(&plan.steps[0].id) else {
        panic!("{incident:?}")
    };
    assert!(message.contains("closed for today"), "{message}");
    assert!(stage.mutations().is_empty());
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_kill_switch_is_thrown_nothing_is_changed_or_undone_and_then_the_step_goes_on() {
    let stage = Stage::start().await;
    let plan = propose(&stage, &[limit()]).await;
    stage.approve().await;
    for direction in [Direction::Forward, Direction::Undo] {
        let before = stage.mutations().len();
        throw(&stage, true).await;
        let work = stage.item(&plan, 0, direction, 1).await;
        let worker = stage.worker(&stage.kit, "one").await;
        let mut working = tokio::task::JoinSet::new();
        working.spawn(async move { worker.handle(&work).await });
        eventually!(progress(&stage, &plan).await.is_some_and(|said| said.contains("kill switch")));
        assert_eq!(stage.mutations().len(), before, "{direction:?}");
        throw(&stage, false).await;
        assert_eq!(working.join_next().await.unwrap().unwrap(), Verdict::Done);
        assert_eq!(stage.mutations().len(), before + 1, "{direction:?}");
    }
    let state = stage.incident().await.step_state(&plan.steps[0].id).cloned();
    assert_eq!(state, Some(StepState::Undone));
    stage.end().await;
}

async fn throw(stage: &Stage, thrown: bool) {
    let switch = paramedic_bus::kill_switch::KillSwitch::open(&stage.kit.bus).await.unwrap();
    let position = paramedic_bus::kill_switch::Position {
        thrown,
        by: "ada@example.com".into(),
        reason: "the network is being repaired".into(),
        at: stage.kit.clock.now(),
    };
    switch.set(&position).await.unwrap();
}

/// The change under way, waiting for its target, which another workflow remediates.
async fn waiting() -> (Stage, paramedic_domain::plan::Plan, tokio::task::JoinSet<Verdict>) {
    let stage = Stage::start().await;
    let plan = propose(&stage, &[limit()]).await;
    stage.approve().await;
    lease(&stage, &plan, "plan_other").await;
    let work = stage.item(&plan, 0, Direction::Forward, 1).await;
    let worker = stage.worker(&stage.kit, "one").await;
    let mut working = tokio::task::JoinSet::new();
    working.spawn(async move { worker.handle(&work).await });
    eventually!(progress(&stage, &plan).await.is_some_and(|said| said.contains("plan_other")));
    assert!(stage.mutations().is_empty());
    (stage, plan, working)
}

async fn lease(stage: &Stage, plan: &paramedic_domain::plan::Plan, holder: &str) {
    let leases = paramedic_bus::lease::Leases::open(&stage.kit.bus).await.unwrap();
    let key = plan.steps[0].change.lease_targets()[0].lease_key(&stage.kit.cluster.name);
    leases.acquire(&key, holder).await.unwrap().unwrap();
}

async fn progress(stage: &Stage, plan: &paramedic_domain::plan::Plan) -> Option<String> {
    let incident = stage.incident().await;
    incident.run.unwrap().steps[&plan.steps[0].id].progress.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_another_workflow_remediates_is_waited_for() {
    let (stage, plan, mut working) = waiting().await;
    let leases = paramedic_bus::lease::Leases::open(&stage.kit.bus).await.unwrap();
    let key = plan.steps[0].change.lease_targets()[0].lease_key(&stage.kit.cluster.name);
    leases.release(&key, "plan_other").await.unwrap();
    assert_eq!(working.join_next().await.unwrap().unwrap(), Verdict::Done);
    let incident = stage.incident().await;
    assert_eq!(incident.step_state(&plan.steps[0].id), Some(&StepState::Succeeded));
    assert_eq!(incident.run.unwrap().steps[&plan.steps[0].id].attempts, 1, "waiting is no attempt");
    assert_eq!(stage.mutated(), ["patch payment-service"]);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_waits_for_its_target_ends_with_its_workflow() {
    let (stage, plan, mut working) = waiting().await;
    stage
        .append(vec![Event::IncidentCancelled {
            by: "ada@example.com".into(),
            reason: "not today".into(),
        }])
        .await;
    assert_eq!(working.join_next().await.unwrap().unwrap(), Verdict::Done);
    let incident = stage.incident().await;
    let Some(StepState::Failed { message, .. }) = incident.step_state(&plan.steps[0].id) else {
        panic!("{incident:?}")
    };
    assert!(message.contains("stopping"), "{message}");
    assert!(incident.run.unwrap().effects.is_empty() && stage.mutations().is_empty());
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_was_taken_after_the_end_is_given_back_when_the_message_comes_again() {
    let stage = Stage::start().await;
    let plan = propose(&stage, &[limit()]).await;
    stage.approve().await;
    let work = stage.item(&plan, 0, Direction::Forward, 1).await;
    stage
        .append(vec![Event::WorkflowFinished {
            plan: plan.id.clone(),
            outcome: WorkflowOutcome::RolledBack,
            cause: None,
        }])
        .await;
    // What a worker did that stood still meanwhile, before it died.
    let leases = paramedic_bus::lease::Leases::open(&stage.kit.bus).await.unwrap();
    let key = plan.steps[0].change.lease_targets()[0].lease_key(&stage.kit.cluster.name);
    leases.acquire(&key, plan.id.as_str()).await.unwrap().unwrap();
    let engine = Engine::new(stage.worker(&stage.kit, "one").await.worker);
    assert_eq!(engine.handle(&work.event, 2).await, Verdict::Done);
    assert!(leases.acquire(&key, "plan_other").await.unwrap().is_ok());
    assert!(stage.mutations().is_empty());
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ends_begins_nothing_and_leaves_the_event_to_another() {
    let stage = Stage::start().await;
    let plan = propose(&stage, &[limit()]).await;
    stage.approve().await;
    let approved = stage.item(&plan, 0, Direction::Forward, 1).await.event;
    let mut ending = stage.kit.clone();
    ending.drain = tokio_util::sync::CancellationToken::new();
    ending.drain.cancel();
    let one = Engine::new(stage.worker(&ending, "ending").await.worker);
    let verdict = one.handle(&approved, 1).await;
    assert!(matches!(verdict, Verdict::Retry { after, .. } if after.is_zero()), "{verdict:?}");
    assert_eq!(stage.incident().await.step_state(&plan.steps[0].id), Some(&StepState::Waiting));
    let other = Engine::new(stage.worker(&stage.kit, "other").await.worker);
    assert_eq!(other.handle(&approved, 2).await, Verdict::Done);
    let (outcome, _) = stage.finished().await;
    assert_eq!(outcome, WorkflowOutcome::Succeeded);
    assert_eq!(stage.mutated(), ["patch payment-service"]);
    stage.end().await;
}
