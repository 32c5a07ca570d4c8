//! Why a workflow stops: the earliest of a person's word, a failure for good, a gate that closed, a plan that cannot run.

use jiff::Timestamp;
use paramedic_domain::{
    approval::GateState,
    event::FailureCause,
    fault::FailureKind,
    incident::Incident,
    plan::{Gate, Plan, Step},
    workflow::{Run, StepRun, StepState},
};

use super::try_again;
use crate::core::rules::{Clearance, Rules, clearance};

/// The reason and what is recorded as cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// Recorded with the end of the workflow.
    pub cause: FailureCause,
    /// A sentence for people.
    pub reason: String,
}

impl Stop {
    /// Whether a person ended the incident, rather than the workflow failing.
    #[must_use]
    pub fn by_person(&self) -> bool {
        match self.cause {
            FailureCause::Cancelled | FailureCause::Superseded => true,
            FailureCause::StepFailed { .. } | FailureCause::Denied { .. } | FailureCause::Expired { .. } | FailureCause::Deadline => false,
        }
    }
}

/// Whether the workflow must not go forward any more, and why. Once it says so it keeps saying so.
#[must_use]
pub fn stop(incident: &Incident, rules: &Rules, now: Timestamp) -> Option<Stop> {
    let (plan, run) = (incident.plan.as_ref()?, incident.run.as_ref()?);
    let happened = ended(incident)
        .into_iter()
        .chain(said(incident, run))
        .chain(overdue(plan, run, now))
        .chain(failures(plan, run, rules))
        .chain(closed_gates(incident, plan, run))
        .min_by_key(|(at, _)| *at)
        .map(|(_, stop)| stop);
    happened.or_else(|| impossible(incident, plan, run, rules, now))
}

fn ended(incident: &Incident) -> Option<(Timestamp, Stop)> {
    let end = incident.end.as_ref()?;
    Some((
        end.at,
        Stop {
            cause: FailureCause::Cancelled,
            reason: format!("the incident was closed: {}", end.reason),
        },
    ))
}

/// A person stopped the workflow, or wants another plan.
fn said(incident: &Incident, run: &Run) -> impl Iterator<Item = (Timestamp, Stop)> {
    let cancelled = run.cancelled.as_ref().map(|word| {
        let stop = Stop {
            cause: FailureCause::Cancelled,
            reason: format!("{} stopped it: {}", word.by, word.reason),
        };
        (word.at, stop)
    });
    let superseded = incident.revision.as_ref().map(|revision| {
        let stop = Stop {
            cause: FailureCause::Superseded,
            reason: format!("{} asked for another plan", revision.by),
        };
        (revision.at, stop)
    });
    cancelled.into_iter().chain(superseded)
}

/// The time is over and not every step is done. Undoing has no deadline.
fn overdue(plan: &Plan, run: &Run, now: Timestamp) -> Option<(Timestamp, Stop)> {
    let deadline = run.deadline(plan).filter(|deadline| *deadline <= now)?;
    let through = plan.steps.iter().all(|step| run.satisfied(&step.id));
    (!through).then(|| {
        let stop = Stop {
            cause: FailureCause::Deadline,
            reason: format!("it was not through at {deadline}, its deadline"),
        };
        (deadline, stop)
    })
}

fn failures<'a>(plan: &'a Plan, run: &'a Run, rules: &'a Rules) -> impl Iterator<Item = (Timestamp, Stop)> + 'a {
    plan.steps.iter().filter_map(move |step| {
        let state = run.steps.get(&step.id)?;
        let stop = |kind, message: &str| Stop {
            cause: FailureCause::StepFailed {
                step: step.id.clone(),
                kind,
            },
            reason: format!("step {} failed: {message}", step.id),
        };
        match (&state.state, &state.failure) {
            (StepState::Failed { .. }, Some(_)) if try_again(state, rules) => None,
            // Its undo moved the state on, but the failure that began it all is remembered.
            (StepState::Failed { .. } | StepState::Undoing { .. } | StepState::Undone | StepState::UndoFailed { .. }, Some(failure)) => {
                // One that would have been tried again was no reason at its time: whatever is recorded as one came before the undo.
                let counted = matches!(state.state, StepState::Failed { .. }) || for_good(failure.kind, state, rules);
                let at = if counted { failure.at } else { Timestamp::MAX };
                Some((at, stop(failure.kind, &failure.message)))
            }
            // An undo without any failure only follows something that is recorded elsewhere; if a person took that
            // away meanwhile, what was undone still keeps the workflow from going on.
            (StepState::Undoing { .. } | StepState::Undone | StepState::UndoFailed { .. }, None) => {
                Some((Timestamp::MAX, stop(FailureKind::Permanent, "its effect was put back")))
            }
            (StepState::Failed { kind, message }, None) => Some((Timestamp::MAX, stop(*kind, message))),
            (StepState::Waiting | StepState::Running { .. } | StepState::Succeeded | StepState::Skipped, _) => None,
        }
    })
}

/// Whether a failure of this kind ended the step, as far as its undo lets one tell.
fn for_good(kind: FailureKind, step: &StepRun, rules: &Rules) -> bool {
    match kind {
        FailureKind::Transient | FailureKind::LeaseLost => step.attempts >= rules.attempts,
        FailureKind::Permanent | FailureKind::Drift | FailureKind::Timeout | FailureKind::Forbidden => true,
    }
}

/// Gates that closed while a step still waited behind them. One that was done or taken out by then needs no answer; one that is taken
/// out later does not bring a workflow back that is stopping already.
fn closed_gates<'a>(incident: &'a Incident, plan: &'a Plan, run: &'a Run) -> impl Iterator<Item = (Timestamp, Stop)> + 'a {
    let needed = |gate: &Gate, at: Timestamp| {
        gate.steps.iter().any(|step| {
            let finished = run.steps.get(step).and_then(|state| state.finished);
            !run.satisfied(step) || finished.is_none_or(|finished| finished >= at)
        })
    };
    let closed = plan.gates.iter().filter_map(|gate| match incident.gates.get(&gate.id)? {
        GateState::Denied { at, decision } => Some((
            gate,
            *at,
            FailureCause::Denied { gate: gate.id.clone() },
            format!("{} was denied by {}", gate.id, decision.by),
        )),
        GateState::Expired { at } => Some((
            gate,
            *at,
            FailureCause::Expired { gate: gate.id.clone() },
            format!("{} expired without a decision", gate.id),
        )),
        GateState::Planned | GateState::Waiting { .. } | GateState::Granted { .. } => None,
    });
    closed
        .filter(move |(gate, at, ..)| needed(gate, *at))
        .map(|(_, at, cause, reason)| (at, Stop { cause, reason }))
}

/// A step that would wait for ever: forbidden by policy or digest, or its dependencies can never be satisfied.
fn impossible(incident: &Incident, plan: &Plan, run: &Run, rules: &Rules, now: Timestamp) -> Option<Stop> {
    let waiting: Vec<&Step> = plan
        .steps
        .iter()
        .filter(|step| {
            run.steps
                .get(&step.id)
                .is_some_and(|state| matches!(state.state, StepState::Waiting | StepState::Failed { .. }))
        })
        .collect();
    let stop = |step: &Step, kind, reason| Stop {
        cause: FailureCause::StepFailed {
            step: step.id.clone(),
            kind,
        },
        reason,
    };
    for step in &waiting {
        if let Clearance::Forbidden(reason) = clearance(incident, plan, step, rules, now) {
            return Some(stop(step, FailureKind::Forbidden, reason));
        }
    }
    // With nothing busy, some waiting step must have all its dependencies satisfied, or none ever will.
    let unblocked = |step: &&Step| step.depends_on.iter().all(|id| plan.step(id).is_some() && run.satisfied(id));
    if run.busy() || waiting.is_empty() || waiting.iter().any(unblocked) {
        return None;
    }
    waiting.first().map(|step| {
        let reason = format!("step {} waits for steps that can never be done: {:?}", step.id, step.depends_on);
        stop(step, FailureKind::Permanent, reason)
    })
}
