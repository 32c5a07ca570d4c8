//! Single moments: what random histories do not show because two rules stand behind one another, and what they have found.

use std::{collections::BTreeSet, sync::Arc};

use jiff::SignedDuration;
use paramedic_domain::{
    approval::{Channel, Decision, GateState},
    event::{Direction, Event, FailureCause, WorkflowOutcome},
    fault::{Effect, FailureKind},
    id::EventId,
    plan::Rollback,
};
use paramedic_executor::core::{
    advance::{Hand, advance, stop},
    permit::{Attempt, Denied, permit},
};

use paramedic_policy::Policy;

use crate::{
    model::{Model, step_id},
    strategy::{Answer, Fate, GateAnswer, GateStory, Room, StepStory, Story},
};

/// Two steps that change something, one after the other, without gates.
fn story() -> Story {
    let step = |target, depends_on| StepStory {
        depends_on,
        mutates: true,
        target,
        gate: None,
        fates: vec![Fate::Works],
        undo_fates: vec![Fate::Works],
    };
    let gate = GateStory {
        answer: GateAnswer::Grant,
        quorum: 1,
        tampered: false,
    };
    Story {
        steps: vec![step(0, Vec::new()), step(1, vec![0])],
        gates: vec![gate; 3],
        rollback: Rollback::Automatic,
        answer: Answer::Undo,
        words: Vec::new(),
        deadline: None,
        parallel: 1,
        room: Room {
            at_once: 1,
            per_hour: None,
        },
        cancel: false,
        choices: Vec::new(),
    }
}

fn attempt(model: &Model, step: usize, direction: Direction, number: u32) -> Attempt {
    Attempt {
        plan: model.incident.plan.as_ref().unwrap().id.clone(),
        step: step_id(step),
        direction,
        number,
        worker: "one".parse().unwrap(),
    }
}

/// The worker has the attempt in hand.
fn begin(model: &mut Model, attempt: &Attempt) {
    let (plan, step) = (attempt.plan.clone(), attempt.step.clone());
    let (direction, number) = (attempt.direction, attempt.number);
    model.append(Event::StepStarted {
        plan,
        step,
        direction,
        attempt: number,
        worker: attempt.worker.clone(),
    });
}

#[test]
fn an_attempt_of_another_number_is_stale() {
    let mut model = Model::new(&story());
    let first = attempt(&model, 0, Direction::Forward, 1);
    begin(&mut model, &first);
    assert!(model.permits(&first).is_ok());
    let other = Attempt {
        number: 2,
        ..first.clone()
    };
    assert!(matches!(model.permits(&other), Err(Denied::Stale { .. })));
}

#[test]
fn a_gate_that_counts_as_granted_with_too_few_voices_lets_nothing_through() {
    let mut behind_a_gate = story();
    behind_a_gate.steps[0].gate = Some(0);
    behind_a_gate.gates[0].quorum = 2;
    let mut model = Model::new(&behind_a_gate);
    let first = attempt(&model, 0, Direction::Forward, 1);
    begin(&mut model, &first);
    let gate = model.incident.plan.as_ref().unwrap().gates[0].clone();
    let voice = |by: &str| Decision {
        gate: gate.id.clone(),
        digest: gate.digest,
        by: by.into(),
        channel: Channel::Cli,
        reason: String::new(),
        right: "approver in shop".into(),
        behalf_of: String::new(),
        policy: None,
    };
    let at = model.now;
    let mut granted = |approvals| {
        let state = GateState::Granted { at, approvals };
        model.incident.gates.insert(gate.id.clone(), state);
        model.permits(&first).map(|_| ())
    };
    let denied = granted(vec![voice("ada@example.com")]);
    assert!(
        matches!(&denied, Err(Denied::Forbidden(why)) if why.ends_with("has 1 of 2 approvals")),
        "{denied:?}"
    );
    assert_eq!(granted(vec![voice("ada@example.com"), voice("bob@example.com")]), Ok(()));
}

#[test]
fn a_workflow_that_policy_stopped_and_that_is_being_undone_does_not_go_on_when_policy_lets_it_again() {
    let mut model = Model::new(&story());
    let first = attempt(&model, 0, Direction::Forward, 1);
    begin(&mut model, &first);
    model.append(Event::StepSucceeded {
        plan: first.plan,
        step: first.step,
        attempt: 1,
        summary: String::new(),
        artifacts: Vec::new(),
    });
    let shipped = model.rules.policy.clone();
    assert_eq!(stop(&model.incident, &model.rules, model.now), None);
    let closed = "rules: [{name: closed, when: step.mutates, then: deny, reason: closed for today}]";
    model.rules.policy = Arc::new(Policy::parse(closed).unwrap());
    let stopped = stop(&model.incident, &model.rules, model.now).unwrap();
    assert!(stopped.reason.contains("closed for today"), "{}", stopped.reason);
    model.rules.policy = shipped;
    assert_eq!(
        stop(&model.incident, &model.rules, model.now),
        None,
        "nothing was undone yet: it may go on"
    );
    let back = attempt(&model, 0, Direction::Undo, 1);
    begin(&mut model, &back);
    let stopped = stop(&model.incident, &model.rules, model.now).unwrap();
    assert!(stopped.reason.contains("its effect was put back"), "{}", stopped.reason);
}

#[test]
fn only_the_latest_effect_may_be_undone() {
    let mut model = Model::new(&story());
    for step in 0..2 {
        let forward = attempt(&model, step, Direction::Forward, 1);
        begin(&mut model, &forward);
        model.append(Event::StepSucceeded {
            plan: forward.plan,
            step: forward.step,
            attempt: 1,
            summary: String::new(),
            artifacts: Vec::new(),
        });
    }
    let (first, latest) = (attempt(&model, 0, Direction::Undo, 1), attempt(&model, 1, Direction::Undo, 1));
    begin(&mut model, &first);
    assert!(matches!(model.permits(&first), Err(Denied::Forbidden(_))));
    begin(&mut model, &latest);
    assert!(model.permits(&latest).is_ok());
}

#[test]
fn a_pause_after_the_deadline_brings_no_time_back() {
    let mut model = Model::new(&Story {
        deadline: Some(60),
        ..story()
    });
    let first = attempt(&model, 0, Direction::Forward, 1);
    begin(&mut model, &first);
    assert!(model.permits(&first).is_ok());
    model.now += SignedDuration::from_secs(60);
    assert!(matches!(model.permits(&first), Err(Denied::Stopping(_))));
    let plan = first.plan.clone();
    model.append(Event::WorkflowPaused {
        plan,
        by: "ada@example.com".into(),
        reason: String::new(),
    });
    assert!(matches!(model.permits(&first), Err(Denied::Stopping(_))));
}

#[test]
fn a_step_that_would_have_been_tried_again_is_not_why_a_cancelled_workflow_ended() {
    let mut model = Model::new(&story());
    let (forward, undo) = (attempt(&model, 0, Direction::Forward, 1), attempt(&model, 0, Direction::Undo, 1));
    begin(&mut model, &forward);
    model.append(Event::StepFailed {
        plan: forward.plan.clone(),
        step: forward.step.clone(),
        direction: Direction::Forward,
        attempt: 1,
        kind: FailureKind::Transient,
        effect: Effect::Unknown,
        message: "the answer was lost".into(),
    });
    model.now += SignedDuration::from_secs(1);
    model.append(Event::WorkflowCancelled {
        plan: forward.plan,
        by: "ada@example.com".into(),
        reason: String::new(),
    });
    begin(&mut model, &undo);
    model.append(Event::StepUndone {
        plan: undo.plan,
        step: undo.step,
        attempt: 1,
        summary: String::new(),
    });
    let (worker, cause, room) = ("two".parse().unwrap(), EventId::derive(&["test"]), BTreeSet::new());
    let hand = Hand {
        worker: &worker,
        cause: &cause,
        room: &room,
    };
    let ended = advance(&model.incident, &model.rules, hand, model.now);
    let [Event::WorkflowFinished { outcome, cause, .. }] = ended.as_slice() else {
        panic!("{ended:?}")
    };
    assert_eq!(
        (*outcome, cause.as_ref()),
        (WorkflowOutcome::Cancelled, Some(&FailureCause::Cancelled))
    );
}

#[test]
fn a_step_whose_effect_is_there_is_tried_again_when_only_a_look_failed() {
    let mut model = Model::new(&story());
    let forward = attempt(&model, 0, Direction::Forward, 1);
    begin(&mut model, &forward);
    model.append(Event::StepFailed {
        plan: forward.plan.clone(),
        step: forward.step.clone(),
        direction: Direction::Forward,
        attempt: 1,
        kind: FailureKind::Transient,
        effect: Effect::Applied,
        message: "503 while the pod was going".into(),
    });
    model.now += SignedDuration::from_secs(60);
    let (worker, cause) = ("two".parse().unwrap(), EventId::derive(&["test"]));
    let room = [forward.step.clone()].into();
    let hand = Hand {
        worker: &worker,
        cause: &cause,
        room: &room,
    };
    let next = advance(&model.incident, &model.rules, hand, model.now);
    let again = |event: &Event| {
        matches!(
            event,
            Event::StepStarted {
                direction: Direction::Forward,
                attempt: 2,
                ..
            }
        )
    };
    assert!(matches!(next.as_slice(), [event] if again(event)), "{next:?}");
}

#[test]
fn a_gate_that_closes_after_its_step_was_skipped_stops_nothing() {
    let mut gated = story();
    gated.steps[0].gate = Some(0);
    gated.steps[1].depends_on = Vec::new();
    let mut model = Model::new(&gated);
    let plan = model.incident.plan.clone().unwrap();
    let gate = plan.gates[0].id.clone();
    model.append(Event::ApprovalRequested {
        plan: plan.id.clone(),
        gate: gate.clone(),
        expires_at: model.now + SignedDuration::from_hours(1),
    });
    model.now += SignedDuration::from_secs(1);
    model.append(Event::StepSkipped {
        plan: plan.id.clone(),
        step: step_id(0),
        by: "ada@example.com".into(),
        reason: "done by hand".into(),
    });
    model.now += SignedDuration::from_hours(1);
    model.append(Event::ApprovalExpired {
        plan: plan.id.clone(),
        gate,
    });
    let (worker, cause, room) = ("two".parse().unwrap(), EventId::derive(&["test"]), [step_id(1)].into());
    let hand = Hand {
        worker: &worker,
        cause: &cause,
        room: &room,
    };
    let next = advance(&model.incident, &model.rules, hand, model.now);
    assert!(
        matches!(next.as_slice(), [Event::StepStarted { step, .. }] if *step == step_id(1)),
        "{next:?}"
    );
}

impl Model {
    /// Whether the worker may send its request now, with every lease in hand.
    fn permits(&self, attempt: &Attempt) -> Result<(), Denied> {
        permit(&self.incident, attempt, &self.rules, true, self.now).map(drop)
    }
}
