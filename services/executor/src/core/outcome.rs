//! What a worker writes about its attempt: only while the log says that the attempt is its own.

use jiff::Timestamp;
use paramedic_domain::{
    event::{Artifact, Direction, Event},
    fault::{Effect, FailureKind},
    incident::Incident,
};

use crate::core::{
    expiry::{carried, elapsed},
    permit::{Attempt, current},
};

/// What is known of the effect of an attempt before its worker has looked: nothing has happened, unless another worker had the
/// attempt in hand before and may have gone as far as the change.
#[must_use]
pub fn known(incident: &Incident, attempt: &Attempt) -> Effect {
    let mutates = current(incident, attempt).is_ok_and(|step| step.change.mutates());
    let state = incident.run.as_ref().and_then(|run| run.steps.get(&attempt.step));
    if mutates && state.is_some_and(|state| state.workers.len() > 1) {
        Effect::Unknown
    } else {
        Effect::None
    }
}

/// The good end of the attempt.
#[must_use]
pub fn succeeded(incident: &Incident, attempt: &Attempt, summary: &str, artifacts: &[Artifact], now: Timestamp) -> Vec<Event> {
    let Ok(step) = current(incident, attempt) else { return Vec::new() };
    let ended = match attempt.direction {
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
    };
    let due = elapsed(step.lasts, now).filter(|_| attempt.direction == Direction::Forward && !carried(step));
    let timer = due.map(|due| Event::ExpirySet {
        plan: attempt.plan.clone(),
        step: attempt.step.clone(),
        due,
    });
    std::iter::once(ended).chain(timer).collect()
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
