//! Actions that change objects of the cluster: delivered twice they happen once, and undone twice they are undone once.

mod rest;
mod workloads;

use paramedic_bus::consume::{Handler, Verdict};
use paramedic_domain::{
    event::{Direction, Event},
    object::ObjectRef,
    plan::Plan,
    workflow::StepState,
};
use paramedic_simulator::store::Gvr;
use paramedic_testkit::eventually;
use serde_json::{Value, json};

use crate::{
    recommended::{Wanted, propose},
    stage::Stage,
};

/// What was seen before, between and after, and what the executor changed on the way.
struct Seen {
    before: Value,
    between: Value,
    after: Value,
    mutated: Vec<String>,
}

/// Creates objects as somebody else does.
async fn given(stage: &Stage, objects: &[Value]) {
    for object in objects {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str);
        let target = ObjectRef::new(
            text("/apiVersion").unwrap(),
            text("/kind").unwrap(),
            text("/metadata/namespace"),
            text("/metadata/name").unwrap(),
        );
        stage.cluster().create(&target, object, false).await.unwrap();
        if target.kind == "CustomResourceDefinition" {
            let gvr = Gvr::new("apiextensions.k8s.io", "v1", "customresourcedefinitions");
            eventually!(
                stage
                    .store
                    .get(&gvr, None, &target.name)
                    .is_some_and(|crd| crd["status"]["conditions"].is_array())
            );
        }
    }
}

async fn run(stage: &Stage, plan: &Plan, direction: Direction) {
    if direction == Direction::Undo {
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
    // The second delivery comes to another worker, which knows nothing of the first.
    for (delivery, name) in [(1, "one"), (2, "two")] {
        let worker = stage.worker(&stage.kit, &format!("{name}-{direction:?}").to_lowercase()).await;
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
        "{:?}\n{}",
        stage.mutated(),
        stage.transcript().await
    );
}

/// Does it twice and undoes it twice.
async fn there_and_back(objects: &[Value], wanted: Wanted, look: impl Fn(&Stage) -> Value) -> Seen {
    let stage = Stage::start().await;
    given(&stage, objects).await;
    let earlier = stage.mutated().len();
    let before = look(&stage);
    let plan = propose(&stage, &[wanted]).await;
    stage.approve().await;
    run(&stage, &plan, Direction::Forward).await;
    let between = look(&stage);
    run(&stage, &plan, Direction::Undo).await;
    let after = look(&stage);
    let mutated = stage.mutated().split_off(earlier);
    stage.end().await;
    Seen {
        before,
        between,
        after,
        mutated,
    }
}

fn object(stage: &Stage, gvr: &Gvr, name: &str) -> Value {
    stage.store.get(gvr, Some("production"), name).unwrap_or(Value::Null)
}

fn deployments() -> Gvr {
    Gvr::new("apps", "v1", "deployments")
}

fn checkout(more: Value) -> Value {
    let mut params = json!({"deployment": "checkout-api", "namespace": "production"});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    params
}
