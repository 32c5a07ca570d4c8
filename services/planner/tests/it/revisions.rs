//! A person wants another option.

use paramedic_domain::{
    diagnosis::Diagnosis,
    event::{FailureCause, WorkflowOutcome},
    id::IncidentId,
    plan::{Approach, PlanOption, Rollback, StepEdit},
};
use paramedic_proto::v1::{ReviseRequest, planner_service_client::PlannerServiceClient};
use paramedic_wire::Wire;
use serde_json::{Value, json};
use tonic::{Code, Status};

use crate::{
    executor::{Pretend, Served},
    world::{Running, config, diagnosis, run},
};

fn option(approach: Approach, title: &str, recommendations: Value) -> PlanOption {
    PlanOption {
        approach,
        title: title.into(),
        tradeoff: "costs something".into(),
        recommendations: serde_json::from_value(recommendations).unwrap(),
        refusals: Vec::new(),
        rollback: None,
    }
}

/// Three ways out; the first one cannot be planned.
fn three() -> Diagnosis {
    let options = vec![
        option(Approach::Fix, "fix", json!([{"id": "fix", "action": "drop_database"}])),
        option(
            Approach::Alternative,
            "raise",
            json!([{"id": "raise", "action": "increase_resources", "parameters": {"memory": "3Gi"}}]),
        ),
        option(Approach::Mitigation, "restart", json!([{"id": "restart", "action": "restart_pod"}])),
    ];
    Diagnosis {
        options,
        ..diagnosis(json!([{"id": "fix", "action": "drop_database"}]))
    }
}

struct Wish<'a> {
    option: u32,
    edits: Vec<StepEdit>,
    by: &'a str,
    reason: &'a str,
}

async fn revise(running: &Running, id: &IncidentId, wish: Wish<'_>) -> Result<String, Status> {
    let mut client = PlannerServiceClient::connect(running.url.clone()).await.unwrap();
    let request = ReviseRequest {
        cluster: "test".into(),
        incident: id.to_string(),
        option: wish.option,
        edits: wish.edits.iter().map(Wire::to_proto).collect(),
        by: wish.by.into(),
        reason: wish.reason.into(),
    };
    client.revise(request).await.map(|answer| answer.into_inner().outcome)
}

fn edit(step: &str, parameters: Value) -> StepEdit {
    StepEdit {
        step: step.parse().unwrap(),
        parameters: serde_json::from_value(parameters).unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_out_says_itself_what_happens_after_its_failure() {
    let served = Served::start(Pretend::default()).await;
    let running = run(config(&served.url)).await;
    running.opened("test", &[]).await;
    let mut three = three();
    three.options[1].rollback = Some(Rollback::Ask);
    let id = running.reached("test", three).await;
    let plan = running.until(&id, |incident| incident.plan.is_some()).await.plan.unwrap();
    assert_eq!((plan.chosen, plan.rollback), (1, Rollback::Ask));
    assert_eq!(plan.options[2].rollback, None, "that one does what the planner is configured to do");
    running.stop().await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_best_option_that_can_be_planned_is_proposed_and_a_person_may_take_another() {
    let served = Served::start(Pretend::default()).await;
    let running = run(config(&served.url)).await;
    let id = running.opened("test", &[]).await;
    running.reached("test", three()).await;
    let first = running.until(&id, |incident| incident.plan.is_some()).await.plan.unwrap();
    assert_eq!((first.chosen, first.options.len(), first.attempt), (1, 3, 1));
    assert!(
        first.options[0].refusals[0].reason.contains("drop_database"),
        "{:?}",
        first.options[0]
    );
    assert!(first.options[2].refusals.is_empty());

    let wish = Wish {
        option: 1,
        edits: vec![edit("raise", json!({"memory": "4Gi"}))],
        by: "sam",
        reason: "3Gi is gone in an hour",
    };
    let outcome = revise(&running, &id, wish).await.unwrap();
    assert!(outcome.contains("option 2 follows"), "{outcome}");
    let waiting = running.until(&id, |incident| incident.revision.is_some()).await;
    assert_eq!(
        waiting.plan.as_ref().map(|plan| plan.attempt),
        Some(1),
        "the running plan ends first"
    );
    let again = Wish {
        option: 2,
        edits: Vec::new(),
        by: "kim",
        reason: "no",
    };
    let late = revise(&running, &id, again).await.unwrap_err();
    assert_eq!(late.code(), Code::FailedPrecondition);
    assert!(late.message().contains("sam asked for another plan already"), "{late}");

    running.ran(&id, WorkflowOutcome::Cancelled, Some(FailureCause::Superseded)).await;
    let second = running.until(&id, |incident| incident.plans == 2).await.plan.unwrap();
    assert_eq!((second.chosen, second.attempt), (1, 2));
    assert_eq!(second.options[1].recommendations[0].parameters["memory"], json!("4Gi"));
    let raise = |plan: &paramedic_domain::plan::Plan| plan.step(&"raise".parse().unwrap()).unwrap().clone();
    assert_eq!(raise(&second).parameters["memory"], json!("4Gi"));
    for note in ["option 2 was chosen by sam", "the parameters of raise are those of sam"] {
        assert!(second.notes.iter().any(|said| said.contains(note)), "{:?}", second.notes);
    }
    assert_ne!(first.id, second.id);
    assert_ne!(first.gates[0].digest, second.gates[0].digest, "it is asked about anew");
    running.stop().await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_cannot_be_granted_changes_nothing_and_says_why() {
    let served = Served::start(Pretend::default()).await;
    let running = run(config(&served.url)).await;
    let id = running.opened("test", &[]).await;
    let none = Wish {
        option: 0,
        edits: Vec::new(),
        by: "sam",
        reason: "why",
    };
    let early = revise(&running, &id, none).await.unwrap_err();
    assert_eq!(early.code(), Code::FailedPrecondition, "{early}");
    let nobody = Wish {
        option: 0,
        edits: Vec::new(),
        by: "sam",
        reason: "why",
    };
    let missing = revise(&running, &IncidentId::derive(&["nobody"]), nobody).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);

    running.reached("test", three()).await;
    running.until(&id, |incident| incident.plan.is_some()).await;
    let table = [
        (
            7,
            vec![],
            "sam",
            "why",
            Code::InvalidArgument,
            "the plan has 3 options, number 8 is none of them",
        ),
        (
            2,
            vec![edit("raise", json!({}))],
            "sam",
            "why",
            Code::InvalidArgument,
            "option 3 has no step raise; it has restart",
        ),
        (2, vec![], " ", "why", Code::InvalidArgument, "by: must name a person or program"),
        (2, vec![], "sam", "", Code::InvalidArgument, "reason: why must be said"),
        (1, vec![], "sam", "why", Code::InvalidArgument, "nothing of it would change"),
        (
            0,
            vec![],
            "sam",
            "why",
            Code::FailedPrecondition,
            "option 1 cannot be planned, so nothing was changed",
        ),
        (
            1,
            vec![edit("raise", json!({"memory": 4}))],
            "sam",
            "why",
            Code::FailedPrecondition,
            "parameters.memory: 4 is not of type",
        ),
    ];
    for (option, edits, by, reason, code, expected) in table {
        let wish = Wish { option, edits, by, reason };
        let status = revise(&running, &id, wish).await.unwrap_err();
        assert_eq!(status.code(), code, "{status}");
        assert!(status.message().contains(expected), "{expected}: {status}");
    }
    let incident = running.until(&id, |_| true).await;
    assert!(incident.revision.is_none() && incident.plans == 1);
    running.stop().await;
    served.stop().await;
}
