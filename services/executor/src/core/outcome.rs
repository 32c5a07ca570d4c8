//! What a worker writes about its attempt: only while the log says that the attempt is its own.

use paramedic_domain::{
    event::{Artifact, Direction, Event},
    fault::{Effect, FailureKind},
    incident::Incident,
    workflow::StepState,
};

use crate::core::permit::{Attempt, current};

/// The start of the attempt, if it is still to be done: scheduled, or in the hands of a worker that has gone silent.
#[must_use]
pub fn take(incident: &Incident, attempt: &Attempt) -> Vec<Event> {
    let (Some(plan), Some(run)) = (&incident.plan, &incident.run) else {
        return Vec::new();
    };
    let Some(state) = run.steps.get(&attempt.step) else {
        return Vec::new();
    };
    if plan.id != attempt.plan || run.ended.is_some() {
        return Vec::new();
    }
    let open = match (attempt.direction, &state.state) {
        (Direction::Forward, StepState::Scheduled | StepState::Running { .. }) => state.attempts == attempt.number,
        (Direction::Undo, StepState::UndoScheduled | StepState::Undoing { .. }) => state.undo_attempts == attempt.number,
        _ => false,
    };
    if !open || current(incident, attempt).is_ok() {
        return Vec::new();
    }
    vec![Event::StepStarted {
        plan: attempt.plan.clone(),
        step: attempt.step.clone(),
        direction: attempt.direction,
        attempt: attempt.number,
        worker: attempt.worker.clone(),
    }]
}

/// What is known of the effect of an attempt before its worker has looked: nothing has happened, unless another worker had the
/// attempt in hand before and may have gone as far as the change.
#[must_use]
pub fn known(incident: &Incident, attempt: &Attempt) -> Effect {
    let step = incident.plan.as_ref().and_then(|plan| plan.step(&attempt.step));
    if step.is_none_or(|step| !step.change.mutates()) {
        return Effect::None;
    }
    match incident.step_state(&attempt.step) {
        Some(StepState::Running { .. } | StepState::Undoing { .. }) => Effect::Unknown,
        Some(
            StepState::Waiting
            | StepState::Scheduled
            | StepState::Succeeded
            | StepState::Failed { .. }
            | StepState::Skipped
            | StepState::UndoScheduled
            | StepState::Undone
            | StepState::UndoFailed { .. },
        )
        | None => Effect::None,
    }
}

/// The good end of the attempt.
#[must_use]
pub fn succeeded(incident: &Incident, attempt: &Attempt, summary: &str, artifacts: &[Artifact]) -> Vec<Event> {
    if current(incident, attempt).is_err() {
        return Vec::new();
    }
    vec![match attempt.direction {
        Direction::Forward => Event::StepSucceeded {
            plan: attempt.plan.clone(),
            step: attempt.step.clone(),
            attempt: attempt.number,
            summary: summary.to_owned(),
            artifacts: artifacts.to_vec(),
        },
        Direction::Undo => Event::StepUndone {
            plan: attempt.plan.clone(),
            step: attempt.step.clone(),
            attempt: attempt.number,
            summary: summary.to_owned(),
        },
    }]
}

/// The bad end of the attempt.
#[must_use]
pub fn failed(incident: &Incident, attempt: &Attempt, kind: FailureKind, effect: Effect, message: &str) -> Vec<Event> {
    if current(incident, attempt).is_err() {
        return Vec::new();
    }
    vec![Event::StepFailed {
        plan: attempt.plan.clone(),
        step: attempt.step.clone(),
        direction: attempt.direction,
        attempt: attempt.number,
        kind,
        effect,
        message: message.to_owned(),
    }]
}
