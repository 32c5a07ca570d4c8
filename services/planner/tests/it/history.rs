//! Plans learn from what happened before.

use std::time::Duration;

use paramedic_bus::{Start, streams};
use paramedic_domain::{
    diagnosis::Diagnosis,
    event::{Event, WorkflowOutcome},
    id::IncidentId,
    subject,
    verification::Verdict,
};
use paramedic_planner::{core::history::lesson, shell::records::Records};
use paramedic_testkit::eventually;
use serde_json::{Value, json};

use crate::{
    executor::{Pretend, Served},
    world::{Running, cluster, config, diagnosis, run},
};

fn raise() -> Value {
    json!([{"id": "keep", "action": "collect_diagnostics"}, {"id": "raise", "action": "increase_resources", "dependencies": ["keep"]}])
}

fn restart() -> Value {
    json!([{"id": "keep", "action": "collect_diagnostics"}, {"id": "restart", "action": "restart_pod", "dependencies": ["keep"]}])
}

async fn remediated(running: &Running, name: &str, recommendations: Value, verdict: Verdict) -> IncidentId {
    let id = running.opened(name, &[]).await;
    running.reached(name, diagnosis(recommendations)).await;
    running.until(&id, |incident| incident.plan.is_some()).await;
    running.ran(&id, WorkflowOutcome::Succeeded, None).await;
    running.judged(&id, verdict).await;
    let end = match verdict {
        Verdict::Passed => Event::IncidentResolved { reason: "well".into() },
        Verdict::Failed | Verdict::Inconclusive => Event::IncidentEscalated { reason: "not well".into() },
    };
    running.append(&id, vec![end]).await;
    id
}

/// Remediations of the leaking workload that are on record.
async fn on_record(running: &Running) -> usize {
    let records = Records::open(&running.bus).await.unwrap();
    let leak = diagnosis(raise());
    let known = records
        .experience(&cluster(), [].into(), Some((leak.category, &leak.target)))
        .await
        .unwrap();
    known
        .remediations
        .iter()
        .filter(|one| matches!(one.result, paramedic_planner::core::cooldown::Outcome::Verified { .. }))
        .count()
}

async fn diagnosed_again(running: &Running, name: &str, recommendations: Value) -> Result<paramedic_domain::plan::Plan, String> {
    let id = running.opened(name, &[]).await;
    running.reached(name, diagnosis(recommendations)).await;
    let incident = running
        .until(&id, |incident| incident.plan.is_some() || incident.refusals.is_some())
        .await;
    match (incident.plan, incident.refusals) {
        (Some(plan), _) => {
            running
                .append(
                    &id,
                    vec![Event::IncidentCancelled {
                        by: "test".into(),
                        reason: "seen".into(),
                    }],
                )
                .await;
            Ok(plan.as_ref().clone())
        }
        (None, refusals) => Err(refusals.unwrap()[0].reason.clone()),
    }
}

fn quick(url: &str) -> paramedic_planner::Config {
    let mut config = config(url);
    config.cooldown_seconds = 0;
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn durations_and_success_are_measured_and_shown_with_their_numbers() {
    let served = Served::start(Pretend::default()).await;
    let running = run(quick(&served.url)).await;
    remediated(&running, "one", raise(), Verdict::Passed).await;
    eventually!(on_record(&running).await == 1);
    let plan = diagnosed_again(&running, "two", raise()).await.unwrap();
    let raised = plan.step(&"raise".parse().unwrap()).unwrap().estimate.unwrap();
    assert_eq!(raised.samples, 1);
    assert!(
        raised.typical < Duration::from_secs(20),
        "measured, not the catalogue's guess: {raised:?}"
    );
    assert!(
        plan.notes
            .iter()
            .any(|note| note.contains("increase_resources worked 1 of 1 times against memory_leak in this cluster")),
        "{:?}",
        plan.notes
    );
    running.stop().await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_here_comes_behind_another_way_out_and_the_plan_says_why() {
    let served = Served::start(Pretend::default()).await;
    let running = run(quick(&served.url)).await;
    remediated(&running, "one", raise(), Verdict::Failed).await;
    eventually!(on_record(&running).await == 1);
    let option = |title: &str, recommendations: Value| {
        let option = json!({"approach": "fix", "title": title, "tradeoff": "", "recommendations": diagnosis(recommendations).recommendations,
            "refusals": [], "rollback": null});
        serde_json::from_value(option).unwrap()
    };
    let id = running.opened("two", &[]).await;
    let two_ways = Diagnosis {
        options: vec![option("raise", raise()), option("restart", restart())],
        ..diagnosis(raise())
    };
    running.reached("two", two_ways).await;
    let incident = running.until(&id, |incident| incident.plan.is_some()).await;
    let plan = incident.plan.unwrap();
    let titles: Vec<&str> = plan.options.iter().map(|option| option.title.as_str()).collect();
    assert_eq!((titles, plan.chosen), (vec!["restart", "raise"], 0), "{:?}", plan.notes);
    let said = "option 2 (raise): on this target it worked 0 of 1 times, and did not last 0 times; increase_resources worked 0 of 1 times \
                against memory_leak in this cluster; proposed as option 1, and put behind others for that";
    assert!(plan.notes.iter().any(|note| note.ends_with(said)), "{:?}", plan.notes);
    running.stop().await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_delivered_again_is_not_counted_again() {
    let served = Served::start(Pretend::default()).await;
    let running = run(quick(&served.url)).await;
    let id = remediated(&running, "one", raise(), Verdict::Passed).await;
    eventually!(on_record(&running).await == 1);
    let records = Records::open(&running.bus).await.unwrap();
    let leak = diagnosis(raise());
    let pairs = [("increase_resources".to_owned(), "Deployment".to_owned())];
    let known = async || {
        let cause = Some((leak.category, &leak.target));
        records.experience(&cluster(), pairs.clone().into(), cause).await.unwrap()
    };
    // The record of the remediation, of its success and of the step's time are learned one after the other.
    eventually!(known().await.durations.len() == 1 && known().await.successes.len() == 1);
    let before = known().await;
    let log = running.log.read(&cluster(), &id).await.unwrap();
    for recorded in &log {
        records.learn(&cluster(), &lesson(&log, recorded.envelope.seq)).await.unwrap();
    }
    assert_eq!(before, known().await);
    running.stop().await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_was_just_remediated_is_refused_with_the_reason() {
    let served = Served::start(Pretend::default()).await;
    let mut config = config(&served.url);
    // the clock of these tests runs fast
    config.cooldown_seconds = 86_400;
    let running = run(config).await;
    remediated(&running, "one", raise(), Verdict::Passed).await;
    eventually!(on_record(&running).await == 1);
    let reason = diagnosed_again(&running, "two", raise()).await.unwrap_err();
    assert!(reason.contains("Deployment production/payment-service was remediated"), "{reason}");
    let alone = diagnosed_again(&running, "three", json!([{"id": "look", "action": "health_check"}])).await;
    assert!(alone.is_ok(), "looking is allowed: {alone:?}");
    running.stop().await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_help_twice_is_refused_and_another_way_is_taken() {
    let served = Served::start(Pretend::default()).await;
    let running = run(quick(&served.url)).await;
    for (count, name) in ["one", "two"].into_iter().enumerate() {
        remediated(&running, name, restart(), Verdict::Failed).await;
        eventually!(on_record(&running).await == count + 1);
    }
    let reason = diagnosed_again(&running, "three", restart()).await.unwrap_err();
    assert!(
        reason.contains("restart_pod of Deployment production/payment-service did not help"),
        "{reason}"
    );

    let mut leak = diagnosis(restart());
    let option = |title: &str, recommendations: Value| paramedic_domain::plan::PlanOption {
        approach: paramedic_domain::plan::Approach::Fix,
        title: title.into(),
        tradeoff: String::new(),
        recommendations: serde_json::from_value(recommendations).unwrap(),
        refusals: Vec::new(),
        rollback: None,
    };
    leak.options = vec![option("restart", restart()), option("raise", raise())];
    let id = running.opened("four", &[]).await;
    running.reached("four", leak).await;
    let plan = running.until(&id, |incident| incident.plan.is_some()).await.plan.unwrap();
    assert_eq!(plan.chosen, 1);
    assert!(plan.options[0].refusals[0].reason.contains("did not help"), "{:?}", plan.options[0]);
    let proposed = running
        .bus
        .replay(streams::INCIDENTS, &subject::kind_filter("plan_proposed"), Start::Beginning)
        .await
        .unwrap();
    assert_eq!(proposed.len(), 3);
    running.stop().await;
    served.stop().await;
}
