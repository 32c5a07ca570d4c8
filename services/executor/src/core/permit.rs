//! May this worker change the cluster now? Asked right before every mutating request.

use jiff::Timestamp;
use paramedic_domain::{
    event::Direction,
    id::{PlanId, StepId, WorkerId},
    incident::Incident,
    plan::Step,
    policy::Mode,
    workflow::StepState,
};

use crate::core::{
    advance::stop,
    rules::{Clearance, Rules, clearance},
};

/// One attempt at one step by one worker: what a stale or second worker does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The plan.
    pub plan: PlanId,
    /// The step.
    pub step: StepId,
    /// Forward or undo.
    pub direction: Direction,
    /// Number of the attempt, from 1.
    pub number: u32,
    /// Who.
    pub worker: WorkerId,
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The attempt is over or somebody else's: nothing is to be done or written by this worker.
    #[error("attempt {number} of step {step} is no longer this worker's: {why}")]
    Stale {
        /// The step.
        step: StepId,
        /// The attempt.
        number: u32,
        /// What is the case instead.
        why: String,
    },
    /// The workflow winds down; the step must end without an effect.
    #[error("not run: the workflow is stopping because {0}")]
    Stopping(String),
    /// Policy, approval or digest forbid it.
    #[error("forbidden: {0}")]
    Forbidden(String),
    /// The lease of the target is not held.
    #[error("the lease of the target is not held by this workflow")]
    NoLease,
}

/// Whether `attempt` may send a mutating request (or run a command in a container) now.
///
/// # Errors
/// The first reason against it.
pub fn permit<'a>(incident: &'a Incident, attempt: &Attempt, rules: &Rules, lease_held: bool, now: Timestamp) -> Result<&'a Step, Denied> {
    let step = current(incident, attempt)?;
    match attempt.direction {
        Direction::Forward => {
            if let Some(stop) = stop(incident, rules, now) {
                return Err(Denied::Stopping(stop.reason));
            }
            let plan = incident.plan.as_ref().ok_or_else(|| stale(attempt, "the incident has no plan"))?;
            match clearance(incident, plan, step, rules, now) {
                Clearance::Clear => {}
                Clearance::Undecided => return Err(Denied::Forbidden("its gate is not granted".into())),
                Clearance::Forbidden(reason) => return Err(Denied::Forbidden(reason)),
            }
        }
        Direction::Undo => {
            if rules.mode == Mode::Observe {
                return Err(Denied::Forbidden("observe mode: nothing is changed, not even back".into()));
            }
            let latest = incident.run.as_ref().and_then(|run| run.effects.last());
            if latest != Some(&step.id) {
                return Err(Denied::Forbidden(format!(
                    "a later effect ({}) must be undone first",
                    latest.map_or("none", |id| id.as_str())
                )));
            }
        }
    }
    if !lease_held && !step.change.lease_targets().is_empty() {
        return Err(Denied::NoLease);
    }
    Ok(step)
}

/// The step of a current attempt: this plan runs, and the log says this worker holds this attempt.
///
/// # Errors
/// [`Denied::Stale`].
pub fn current<'a>(incident: &'a Incident, attempt: &Attempt) -> Result<&'a Step, Denied> {
    let (Some(plan), Some(run)) = (&incident.plan, &incident.run) else {
        return Err(stale(attempt, "the incident has no plan"));
    };
    if plan.id != attempt.plan {
        return Err(stale(attempt, "another plan is current"));
    }
    if run.ended.is_some() {
        return Err(stale(attempt, "the workflow has ended"));
    }
    let (Some(step), Some(state)) = (plan.step(&attempt.step), run.steps.get(&attempt.step)) else {
        return Err(stale(attempt, "the plan has no such step"));
    };
    let mine = match (&state.state, attempt.direction) {
        (StepState::Running { worker }, Direction::Forward) => *worker == attempt.worker && state.attempts == attempt.number,
        (StepState::Undoing { worker }, Direction::Undo) => *worker == attempt.worker && state.undo_attempts == attempt.number,
        _ => false,
    };
    if mine {
        Ok(step)
    } else {
        Err(stale(attempt, &format!("the log says {:?}", state.state)))
    }
}

fn stale(attempt: &Attempt, why: &str) -> Denied {
    Denied::Stale {
        step: attempt.step.clone(),
        number: attempt.number,
        why: why.to_owned(),
    }
}
