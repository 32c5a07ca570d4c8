//! Diagnoses become plans.

use paramedic_domain::{
    event::{Event, FailureCause, WorkflowOutcome},
    fault::FailureKind,
    incident::Incident,
};
use paramedic_policy::Policy;
use paramedic_runtime::Policies;
use serde_json::json;

use crate::{
    executor::{Pretend, Served},
    world::{config, run, run_under, seven},
};

#[tokio::test(flavor = "multi_thread")]
async fn seven_recommendations_become_one_plan_with_one_gate() {
    let executor = Pretend::default();
    let asked = executor.asked.clone();
    let served = Served::start(executor).await;
    let running = run(config(&served.url)).await;
    let id = running.diagnosed(seven()).await;
    let plan = running.until(&id, |incident| incident.plan.is_some()).await.plan.unwrap();
    assert_eq!((plan.attempt, plan.steps.len(), plan.gates.len()), (1, 7, 1));
    assert_eq!(plan.gates[0].steps.len(), 4);
    assert!(plan.notes.iter().any(|note| note == "a note of the executor"), "{:?}", plan.notes);
    assert_eq!(
        asked.lock().unwrap().len(),
        1,
        "a survey that is merged as wanted is the preparation"
    );
    running.stop().await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_rollout_is_prepared_on_top_of_the_first() {
    let executor = Pretend::default();
    let asked = executor.asked.clone();
    let served = Served::start(executor).await;
    let running = run(config(&served.url)).await;
    let recommendations = json!([
        {"id": "raise", "action": "increase_resources"},
        {"id": "check", "action": "health_check", "dependencies": ["raise"]},
        {"id": "debug", "action": "enable_debug_mode", "dependencies": ["check"]},
    ]);
    let id = running.diagnosed(recommendations).await;
    let plan = running.until(&id, |incident| incident.plan.is_some()).await.plan.unwrap();
    assert_eq!(plan.steps.iter().filter(|step| step.change.mutates()).count(), 2);
    let asked: Vec<_> = asked
        .lock()
        .unwrap()
        .iter()
        .map(|(ids, assumed)| (ids.join(" "), *assumed))
        .collect();
    let wanted = [
        ("raise check debug", 0),
        ("raise check", 0),
        ("debug", 1),
        // nothing looked at the workload after the second rollout
        ("verify-payment-service", 2),
    ];
    assert_eq!(asked, wanted.map(|(ids, assumed)| (ids.to_owned(), assumed)));
    running.stop().await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_of_one_s_own_sets_the_quorum_and_signs_the_plan() {
    let text = "rules:\n\
        - {name: reads, when: step.risk == 'none', then: auto, reason: it changes nothing}\n\
        - {name: two, then: ask, quorum: 2, expires_minutes: 7, reason: 'two look at {target.name}'}\n";
    let policy = Policy::parse(text).unwrap();
    let digest = policy.digest();
    let served = Served::start(Pretend::default()).await;
    let running = run_under(config(&served.url), Policies::of(policy)).await;
    let id = running.diagnosed(seven()).await;
    let plan = running.until(&id, |incident| incident.plan.is_some()).await.plan.unwrap();
    assert_eq!(plan.policy, Some(digest));
    let gate = &plan.gates[0];
    assert_eq!((gate.terms.quorum, gate.terms.expires_after.as_secs()), (2, 420));
    assert!(gate.reason.contains("two look at payment-service"), "{}", gate.reason);
    running.stop().await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_policy_denies_is_refused_with_its_rule() {
    let policy = Policy::parse("rules: [{name: closed, when: step.mutates, then: deny, reason: closed for today}]").unwrap();
    let short = policy.digest().short();
    let served = Served::start(Pretend::default()).await;
    let running = run_under(config(&served.url), Policies::of(policy)).await;
    let id = running.diagnosed(seven()).await;
    let refusals = running.until(&id, |incident| incident.refusals.is_some()).await.refusals.unwrap();
    let expected = format!("policy denies it: closed for today (rule closed of policy {short})");
    assert!(refusals.iter().any(|refusal| refusal.reason == expected), "{refusals:?}");
    running.stop().await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_executor_refuses_is_named_in_the_refusal() {
    let served = Served::start(Pretend::default()).await;
    let running = run(config(&served.url)).await;
    let id = running.diagnosed(json!([{"id": "a", "action": "drop_database"}])).await;
    let refusals = running.until(&id, |incident| incident.refusals.is_some()).await.refusals.unwrap();
    assert_eq!(refusals[0].step.as_deref(), Some("a"));
    assert!(
        refusals[0].reason.contains("\"drop_database\" is not in the catalogue"),
        "{refusals:?}"
    );
    running.stop().await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_executor_is_asked_again_and_then_said() {
    let port = paramedic_testkit::ports::free_port().unwrap();
    let mut config = config(&format!("http://127.0.0.1:{port}"));
    config.patience_seconds = 30;
    let running = run(config).await;
    let id = running.diagnosed(seven()).await;
    let refusals = running.until(&id, |incident| incident.refusals.is_some()).await.refusals.unwrap();
    assert!(
        refusals[0].reason.starts_with(&format!("executor at http://127.0.0.1:{port}: ")),
        "{refusals:?}"
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_leads_to_new_plans_until_a_person_must_look() {
    let served = Served::start(Pretend::default()).await;
    let running = run(config(&served.url)).await;
    let id = running.diagnosed(seven()).await;
    for attempt in 1..=3 {
        let fits = |incident: &Incident| incident.plan.as_ref().is_some_and(|plan| plan.attempt == attempt);
        let plan = running.until(&id, fits).await.plan.unwrap();
        let drift = FailureCause::StepFailed {
            step: "rec-003".parse().unwrap(),
            kind: FailureKind::Drift,
        };
        let finished = Event::WorkflowFinished {
            plan: plan.id.clone(),
            outcome: WorkflowOutcome::RolledBack,
            cause: Some(drift),
        };
        running.append(&id, vec![finished]).await;
    }
    let refusals = running.until(&id, |incident| incident.refusals.is_some()).await.refusals.unwrap();
    assert!(refusals[0].reason.starts_with("3 plans were made"), "{refusals:?}");
    running.stop().await;
    served.stop().await;
}
