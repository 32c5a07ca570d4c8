//! The log: gapless, chained, and folded to the same state whoever folds it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use jiff::Timestamp;
use paramedic_domain::{
    alert::Severity,
    approval::{Channel, Decision, GateState},
    change::{Change, DryRun, ObjectPatch, Wait},
    digest::Digest,
    envelope::Recorded,
    event::{Direction, Event, WorkflowOutcome},
    id::{PlanId, StepId},
    incident::{FoldError, Incident, Status},
    invariant::check_log,
    object::ObjectRef,
    phases::phases,
    plan::{Gate, Plan, Rollback, Step, gate_digest},
    risk::{Risk, RiskLevel},
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

/// Records events as a log would store them; the encoding is JSON here, its digest chains them.
struct Log {
    incident: Incident,
    recorded: Vec<Recorded>,
}

impl Log {
    fn opened() -> Self {
        let incident = Incident::new("range".parse().unwrap(), "inc_one".parse().unwrap());
        let mut log = Self {
            incident,
            recorded: Vec::new(),
        };
        log.push(
            0,
            Event::IncidentOpened {
                title: "t".into(),
                severity: Severity::Warning,
                alerts: Vec::new(),
                traceparent: None,
                request: None,
            },
        );
        log
    }

    fn push(&mut self, second: i64, event: Event) -> &mut Self {
        let envelope = self.incident.next_envelope(event, at(second), None);
        let recorded = Recorded {
            digest: Digest::of_json(&envelope),
            envelope,
        };
        self.incident.apply(&recorded).unwrap();
        self.recorded.push(recorded);
        self
    }
}

fn plan() -> Plan {
    let id = PlanId::derive(&["inc_one", "1"]);
    let patch = ObjectPatch {
        target: ObjectRef {
            uid: Some("u".into()),
            ..ObjectRef::new("apps/v1", "Deployment", Some("shop"), "web")
        },
        patch: serde_json::from_str(r#"[{"op":"replace","path":"/spec/replicas","value":3}]"#).unwrap(),
        undo: serde_json::from_str(r#"[{"op":"replace","path":"/spec/replicas","value":2}]"#).unwrap(),
        diff: Vec::new(),
        dry_run: DryRun::Accepted { warnings: Vec::new() },
        wait: Wait::Accepted,
        irreversible: None,
        owner: None,
        subresource: None,
    };
    let step = Step {
        id: "scale".parse().unwrap(),
        action: "scale".into(),
        description: String::new(),
        rationale: String::new(),
        parameters: serde_json::Map::new(),
        depends_on: Vec::new(),
        change: Change::Patch(patch),
        risk: Risk {
            level: RiskLevel::Low,
            reasons: Vec::new(),
        },
        context: Some(paramedic_domain::risk::Context::default()),
        policy: String::new(),
        gate: Some("gate_one".parse().unwrap()),
        timeout: std::time::Duration::from_secs(60),
        estimate: None,
        lasts: None,
    };
    let gate = Gate {
        id: "gate_one".parse().unwrap(),
        steps: vec![step.id.clone()],
        digest: gate_digest(&id, &[&step]),
        risk: RiskLevel::Low,
        reason: String::new(),
        terms: paramedic_domain::terms::Terms {
            quorum: 2,
            expires_after: std::time::Duration::from_secs(600),
            ..Default::default()
        },
    };
    Plan {
        id,
        attempt: 1,
        summary: String::new(),
        levels: vec![vec![step.id.clone()]],
        critical_path: vec![step.id.clone()],
        longest: step.timeout,
        steps: vec![step],
        gates: vec![gate],
        rollback: Rollback::Automatic,
        criteria: Vec::new(),
        notes: Vec::new(),
        chosen: 0,
        policy: None,
        deadline: None,
        estimate: None,
        options: Vec::new(),
    }
}

fn asked() -> Log {
    let mut log = Log::opened();
    let plan = plan();
    let (id, gate) = (plan.id.clone(), plan.gates[0].id.clone());
    log.push(1, Event::PlanProposed { plan: Box::new(plan) }).push(
        2,
        Event::ApprovalRequested {
            plan: id,
            gate,
            expires_at: at(600),
        },
    );
    log
}

fn granted(by: &str, digest: Digest) -> Event {
    let decision = Decision {
        gate: "gate_one".parse().unwrap(),
        digest,
        by: by.into(),
        channel: Channel::Cli,
        reason: String::new(),
        right: "approver in shop".into(),
        behalf_of: String::new(),
        policy: None,
    };
    Event::ApprovalGranted { plan: plan().id, decision }
}

fn started() -> Event {
    let step = "scale".parse().unwrap();
    Event::StepStarted {
        plan: plan().id,
        step,
        direction: Direction::Forward,
        attempt: 1,
        worker: "w1".parse().unwrap(),
    }
}

#[test]
fn folding_twice_gives_the_same_state() {
    let log = asked();
    let again = Incident::fold(log.incident.cluster.clone(), log.incident.id.clone(), &log.recorded).unwrap();
    assert_eq!(again, log.incident);
    assert_eq!(again.misfits, 0);
}

#[test]
fn a_gap_a_stranger_and_a_forged_event_are_found() {
    let log = asked();
    let fold = |recorded: &[Recorded]| Incident::fold(log.incident.cluster.clone(), log.incident.id.clone(), recorded);
    let mut gap = log.recorded.clone();
    gap.remove(1);
    assert!(matches!(fold(&gap), Err(FoldError::Sequence { expected: 2, found: 3, .. })));
    let mut forged = log.recorded.clone();
    forged[0].digest = Digest::of(b"another encoding");
    assert!(matches!(fold(&forged), Err(FoldError::Chain { seq: 2, .. })));
    let mut stranger = log.recorded.clone();
    stranger[1].envelope.incident = "inc_two".parse().unwrap();
    assert!(matches!(fold(&stranger), Err(FoldError::Stranger { .. })));
}

#[test]
fn a_gate_opens_for_two_people_and_not_for_one_twice_nor_for_another_digest() {
    let digest = plan().gates[0].digest;
    let mut log = asked();
    log.push(3, granted("ann", digest))
        .push(4, granted("ann", digest))
        .push(5, granted("bob", Digest::of(b"something else")));
    assert!(matches!(log.incident.gates.values().next(), Some(GateState::Waiting { approvals, .. }) if approvals.len() == 1));
    assert_eq!(log.incident.misfits, 2);
    assert_eq!(log.incident.status(), Status::AwaitingApproval);
    log.push(6, granted("bob", digest));
    assert!(matches!(log.incident.gates.values().next(), Some(GateState::Granted { approvals, .. }) if approvals.len() == 2));
}

#[test]
fn an_approval_after_the_expiry_opens_nothing() {
    let digest = plan().gates[0].digest;
    let mut log = asked();
    log.push(3, granted("ann", digest)).push(600, granted("bob", digest));
    assert!(matches!(log.incident.gates.values().next(), Some(GateState::Waiting { .. })));
}

#[test]
fn a_step_that_starts_without_its_approval_is_a_violation() {
    let mut log = asked();
    log.push(3, started());
    assert_eq!(
        check_log(&log.recorded).iter().map(|violation| violation.id).collect::<Vec<_>>(),
        ["INV-04"]
    );
}

#[test]
fn a_step_that_starts_behind_a_gate_that_its_plan_lacks_is_a_violation() {
    for unlist in [false, true] {
        let mut plan = plan();
        if unlist {
            plan.gates[0].steps.clear();
        } else {
            plan.gates.clear();
        }
        let mut log = Log::opened();
        log.push(1, Event::PlanProposed { plan: Box::new(plan) }).push(2, started());
        let ids: Vec<_> = check_log(&log.recorded).iter().map(|violation| violation.id).collect();
        assert_eq!(ids, ["INV-04"]);
    }
}

#[test]
fn an_effect_that_went_by_itself_is_not_left_to_undo() {
    let digest = plan().gates[0].digest;
    let mut log = asked();
    let step: StepId = "scale".parse().unwrap();
    log.push(3, granted("ann", digest))
        .push(4, granted("bob", digest))
        .push(5, started())
        .push(
            6,
            Event::StepSucceeded {
                plan: plan().id,
                step: step.clone(),
                attempt: 1,
                summary: String::new(),
                artifacts: Vec::new(),
            },
        );
    assert_eq!(log.incident.run.as_ref().unwrap().effects, std::slice::from_ref(&step));
    log.push(
        7,
        Event::StepExpired {
            plan: plan().id,
            step,
            summary: String::new(),
        },
    );
    assert!(log.incident.run.as_ref().unwrap().effects.is_empty());
    assert_eq!(log.incident.misfits, 0);
}

#[test]
fn an_end_that_leaves_an_effect_behind_is_a_violation() {
    let digest = plan().gates[0].digest;
    let mut log = asked();
    log.push(3, granted("ann", digest))
        .push(4, granted("bob", digest))
        .push(5, started());
    let step = "scale".parse().unwrap();
    log.push(
        7,
        Event::StepSucceeded {
            plan: plan().id,
            step,
            attempt: 1,
            summary: String::new(),
            artifacts: Vec::new(),
        },
    );
    assert_eq!(check_log(&log.recorded), []);
    log.push(
        8,
        Event::WorkflowFinished {
            plan: plan().id,
            outcome: WorkflowOutcome::RolledBack,
            cause: None,
        },
    );
    assert_eq!(check_log(&log.recorded)[0].id, "INV-08");
}

#[test]
fn a_resolution_without_a_measurement_is_a_violation() {
    let mut log = asked();
    log.push(
        3,
        Event::IncidentResolved {
            reason: "looks fine".into(),
        },
    );
    assert_eq!(check_log(&log.recorded)[0].id, "INV-12");
}

#[test]
fn what_people_took_over_may_resolve_as_long_as_nothing_of_ours_is_in_the_cluster() {
    let mut log = asked();
    log.push(
        3,
        Event::IncidentEscalated {
            reason: "take over".into(),
        },
    )
    .push(
        4,
        Event::IncidentResolved {
            reason: "its alerts resolved".into(),
        },
    );
    assert_eq!(check_log(&log.recorded), []);
    assert_eq!((log.incident.status(), log.incident.misfits), (Status::Resolved, 0));
    log.push(5, Event::IncidentEscalated { reason: "again".into() });
    assert_eq!((log.incident.status(), log.incident.misfits), (Status::Resolved, 1));
}

#[test]
fn phases_that_overlap_are_measured_each_from_its_own_beginning_and_others_are_missing() {
    let mut log = asked();
    let digest = log.incident.plan.as_ref().unwrap().gates[0].digest;
    log.push(42, granted("ann", digest))
        .push(43, granted("bob", digest))
        .push(45, started());
    let took = |log: &Log| -> Vec<(&str, Option<u64>)> {
        let phases = phases(&log.incident, &log.recorded);
        phases
            .into_iter()
            .map(|phase| (phase.name, phase.took.map(|took| took.as_secs())))
            .collect()
    };
    let named = |name: &str, log: &Log| took(log).into_iter().find(|(known, _)| *known == name).unwrap().1;
    assert_eq!(
        (named("approve", &log), named("execute", &log), named("in all", &log)),
        (Some(41), None, None)
    );
    let plan = plan().id;
    log.push(
        105,
        Event::WorkflowFinished {
            plan,
            outcome: WorkflowOutcome::Failed,
            cause: None,
        },
    )
    .push(110, Event::IncidentEscalated { reason: "r".into() });
    assert_eq!((named("execute", &log), named("in all", &log)), (Some(60), Some(110)));
    assert_eq!(
        (named("detect", &log), named("verify", &log)),
        (None, None),
        "nothing alerted, nothing was measured"
    );
}
