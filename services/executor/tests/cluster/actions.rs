//! Every changing action, repeated: once in the cluster, and back.

use paramedic_bus::consume::{Handler, Verdict};
use paramedic_domain::{
    event::{Direction, Event},
    workflow::StepState,
};
use paramedic_simulator::store::Gvr;
use serde_json::{Value, json};

use crate::{
    recommended::{Wanted, propose},
    stage::Stage,
};

fn service(more: Value) -> Value {
    let mut params = json!({"deployment": "payment-service", "namespace": "production"});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    params
}

/// Does it twice, undoes it twice; answers the object's spec before, between and after.
async fn there_and_back(wanted: Wanted, look: impl Fn(&Stage) -> Value) -> (Value, Value, Value, Vec<String>) {
    let stage = Stage::start().await;
    let before = look(&stage);
    let plan = propose(&stage, &[wanted]).await;
    stage.approve().await;
    let worker = stage.worker(&stage.kit, "one").await;
    let mut between = Value::Null;
    for direction in [Direction::Forward, Direction::Undo] {
        if direction == Direction::Undo {
            between = look(&stage);
            let cancelled = Event::IncidentCancelled {
                by: "ada@example.com".into(),
                reason: "test".into(),
            };
            stage.append(vec![cancelled]).await;
        }
        let event = Event::StepScheduled {
            plan: plan.id.clone(),
            step: plan.steps[0].id.clone(),
            direction,
            attempt: 1,
        };
        let work = stage.append(vec![event]).await.remove(0);
        for delivery in 1..3 {
            assert_eq!(worker.handle(&work, delivery).await, Verdict::Done);
        }
        let expected = if direction == Direction::Forward {
            StepState::Succeeded
        } else {
            StepState::Undone
        };
        assert_eq!(
            stage.incident().await.step_state(&plan.steps[0].id),
            Some(&expected),
            "{:?} {}\n{}",
            stage.mutated(),
            stage.deployment()["status"],
            stage.transcript().await
        );
    }
    let after = look(&stage);
    let mutated = stage.mutated();
    stage.end().await;
    (before, between, after, mutated)
}

fn template(stage: &Stage) -> Value {
    stage.deployment().pointer("/spec/template").cloned().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_happens_once_and_its_undo_once() {
    let (before, between, after, mutated) = there_and_back(("restart", "rolling_restart", service(json!({})), &[]), template).await;
    assert_ne!(between, before);
    assert_eq!(after, before);
    assert_eq!(mutated, ["patch payment-service", "patch payment-service"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn debug_flags_are_appended_once_and_taken_away_again() {
    let flags = service(json!({"debug_flags": ["--memory-profile=true"]}));
    let (before, between, after, _) = there_and_back(("debug", "enable_debug_mode", flags, &[]), template).await;
    let args = |template: &Value| {
        template
            .pointer("/spec/containers/0/args")
            .and_then(Value::as_array)
            .map_or(0, Vec::len)
    };
    assert_eq!((args(&between), args(&after)), (args(&before) + 1, args(&before)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_restores_the_earlier_image_and_its_undo_the_later_one() {
    let (before, between, after, _) = there_and_back(("back", "rollback_deployment", service(json!({})), &[]), template).await;
    let image = |template: &Value| template.pointer("/spec/containers/0/image").cloned();
    assert_ne!(image(&between), image(&before));
    assert_eq!(after, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bounds_of_an_autoscaler_change_once_and_back() {
    let params = json!({"hpa": "payment-service-hpa", "namespace": "production", "maxReplicas": 8});
    let (before, between, after, mutated) = there_and_back(("cap", "update_hpa", params, &[]), |stage| {
        let gvr = Gvr::new("autoscaling", "v2", "horizontalpodautoscalers");
        let object = stage.store.get(&gvr, Some("production"), "payment-service-hpa").unwrap();
        object.pointer("/spec/maxReplicas").cloned().unwrap()
    })
    .await;
    assert_eq!((before, between, after), (json!(12), json!(8), json!(12)));
    assert_eq!(mutated, ["patch payment-service-hpa", "patch payment-service-hpa"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_pod_is_deleted_once_and_replaced() {
    let pods = |stage: &Stage| -> Vec<String> {
        let (pods, _) = stage.store.list(&Gvr::new("", "v1", "pods"), Some("production"));
        let ours = pods
            .iter()
            .filter(|pod| pod.pointer("/metadata/labels/app") == Some(&json!("payment-service")));
        ours.map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let stage = Stage::start().await;
    let victim = pods(&stage).remove(0);
    let plan = propose(
        &stage,
        &[("kill", "restart_pod", json!({"pod": victim, "namespace": "production"}), &[])],
    )
    .await;
    stage.approve().await;
    let event = Event::StepScheduled {
        plan: plan.id.clone(),
        step: plan.steps[0].id.clone(),
        direction: Direction::Forward,
        attempt: 1,
    };
    let work = stage.append(vec![event]).await.remove(0);
    let worker = stage.worker(&stage.kit, "one").await;
    for delivery in 1..3 {
        assert_eq!(worker.handle(&work, delivery).await, Verdict::Done);
    }
    assert_eq!(stage.mutated(), [format!("delete {victim}")]);
    assert_eq!(
        stage.incident().await.step_state(&plan.steps[0].id),
        Some(&StepState::Succeeded),
        "{}",
        stage.transcript().await
    );
    let left = pods(&stage);
    assert!(left.len() >= 4 && !left.contains(&victim), "{left:?}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_health_check_ends_when_workload_and_service_are_ready() {
    let stage = Stage::start().await;
    let params = service(json!({"service": "payment-service"}));
    let plan = propose(&stage, &[("look", "health_check", params, &[])]).await;
    let event = Event::StepScheduled {
        plan: plan.id.clone(),
        step: plan.steps[0].id.clone(),
        direction: Direction::Forward,
        attempt: 1,
    };
    let work = stage.append(vec![event]).await.remove(0);
    let worker = stage.worker(&stage.kit, "one").await;
    assert_eq!(worker.handle(&work, 1).await, Verdict::Done);
    assert_eq!(
        stage.incident().await.step_state(&plan.steps[0].id),
        Some(&StepState::Succeeded),
        "{}",
        stage.transcript().await
    );
    stage.end().await;
}
