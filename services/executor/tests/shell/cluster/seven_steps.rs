//! The seven recommended steps of the memory leak, from recommendation to the end of the workflow.

use std::time::Duration;

use paramedic_bus::streams;
use paramedic_domain::{event::WorkflowOutcome, workflow::StepState};
use paramedic_testkit::eventually;
use serde_json::{Value, json};

use crate::{
    faults::late,
    recommended::{Wanted, memory_leak, prepare, propose},
    stage::Stage,
};

#[tokio::test(flavor = "multi_thread")]
async fn seven_recommended_steps_become_two_patches_behind_one_gate() {
    let mut stage = Stage::start().await;
    stage.run_executor().await;
    let plan = propose(&stage, &memory_leak()).await;
    stage.ask().await;
    // The steps that need nobody's word go on while people think.
    let done = |incident: &paramedic_domain::incident::Incident, step: &str| {
        incident.step_state(&step.parse().unwrap()) == Some(&StepState::Succeeded)
    };
    eventually!(within Duration::from_secs(60), {
        let incident = stage.incident().await;
        done(&incident, "rec-001") && done(&incident, "rec-002")
    });
    assert!(
        stage.mutations().is_empty(),
        "nothing changes before its gate: {:?}",
        stage.mutated()
    );
    stage.approve_asked().await;
    let (outcome, incident) = stage.finished().await;
    assert_eq!(outcome, WorkflowOutcome::Succeeded, "{}", stage.transcript().await);
    assert_eq!(stage.mutated(), ["patch payment-service", "patch payment-service-hpa"]);
    let container = stage.deployment().pointer("/spec/template/spec/containers/0").cloned().unwrap();
    assert_eq!(container.pointer("/resources/limits/memory"), Some(&json!("3Gi")));
    assert!(
        container["args"]
            .as_array()
            .unwrap()
            .contains(&Value::from("--memory-profile=true"))
    );
    assert_eq!(stage.deployment().pointer("/status/availableReplicas"), Some(&json!(4)));
    // What was kept can be read back.
    let run = incident.run.unwrap();
    let artifacts: Vec<_> = run.steps.values().flat_map(|step| &step.artifacts).collect();
    let blobs = stage.kit.bus.blobs(streams::ARTIFACTS).await.unwrap();
    for artifact in &artifacts {
        let content = blobs.get(&artifact.name).await.unwrap().unwrap();
        assert_eq!(
            (content.len() as u64, paramedic_domain::digest::Digest::of(&content)),
            (artifact.bytes, artifact.digest)
        );
    }
    let names: Vec<&str> = artifacts.iter().map(|artifact| artifact.name.as_str()).collect();
    for wanted in ["pods.json", "events.json", "usage.json", ".previous.log", ".tar", "report.md"] {
        assert!(names.iter().any(|name| name.ends_with(wanted)), "no {wanted} in {names:?}");
    }
    let summary = &run.steps[&"rec-001".parse().unwrap()].summary;
    assert!(summary.contains("kept"), "{summary}");
    assert!(
        names.iter().any(|name| name.contains("heap")),
        "the annotated heap dump command was run: {names:?}"
    );
    // The lease ends with the workflow.
    let target = plan.steps[2].change.lease_targets()[0];
    let leases = stage.kit.bus.kv(streams::LEASES, None).await.unwrap();
    let key = target.lease_key(&stage.kit.cluster.name);
    eventually!(leases.get(&key).await.unwrap().is_none_or(|entry| entry.value.is_none()));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_ends_while_another_one_tells_its_progress_stops_neither() {
    let mut stage = Stage::start().await;
    stage.kit = late(&stage.kit, "step_progressed", Duration::from_millis(300));
    stage.run_executor().await;
    let restart = json!({"deployment": "payment-service", "namespace": "production", "strategy": "one-at-a-time"});
    let pause = |duration: &str| json!({ "duration": duration });
    let bounds = json!({"hpa": "payment-service-hpa", "namespace": "production", "maxReplicas": 8});
    // Whoever handles the end of the first step runs all of the others.
    let wanted: Vec<Wanted> = vec![
        ("bounds", "update_hpa", bounds, &[]),
        ("restart", "rolling_restart", restart, &["bounds"]),
        ("one", "wait", pause("15s"), &["bounds"]),
        ("two", "wait", pause("35s"), &["bounds"]),
        ("three", "wait", pause("10s"), &["one"]),
        ("four", "wait", pause("10s"), &["three"]),
    ];
    propose(&stage, &wanted).await;
    stage.ask().await;
    stage.approve_asked().await;
    let (outcome, _) = stage.finished().await;
    let transcript = stage.transcript().await;
    assert_eq!(outcome, WorkflowOutcome::Succeeded, "{transcript}");
    assert!(transcript.contains("StepProgressed"), "{transcript}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prepared_change_shows_what_the_server_says_to_a_dry_run_and_changes_nothing() {
    let stage = Stage::start().await;
    let mut wanted = memory_leak();
    wanted.push(("bad", "no_such_action", json!({}), &[]));
    wanted.push(("worse", "update_hpa", json!({"hpa": "x", "namespace": "production", "max": 3}), &[]));
    wanted.push((
        "gone",
        "rolling_restart",
        json!({"deployment": "gone", "namespace": "production"}),
        &[],
    ));
    let response = prepare(&stage, &wanted).await;
    let refusals: Vec<&str> = response
        .steps
        .iter()
        .map(|step| step.refusal.as_str())
        .filter(|text| !text.is_empty())
        .collect();
    assert_eq!(refusals.len(), 3, "{refusals:?}");
    assert!(refusals[0].contains("not in the catalogue"), "{refusals:?}");
    assert!(refusals[1].contains("max"), "{refusals:?}");
    assert_eq!(refusals[2], "Deployment production/gone does not exist in the cluster");
    let context = response.steps[2].risk_context.clone().unwrap();
    assert!(context.production && context.template_change);
    assert_eq!(context.replicas, Some(4));
    assert!(
        response.notes.iter().any(|note| note.contains("replaced once")),
        "{:?}",
        response.notes
    );
    assert!(stage.mutations().is_empty());
    stage.end().await;
}
