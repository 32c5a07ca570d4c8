//! The workflow's next events. The only question is "what is missing?", so a crash, a repetition or a competing
//! replica leads to the same answer.

mod stop;

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{
    event::{Direction, Event, WorkflowOutcome},
    fault::{Effect, FailureKind},
    incident::Incident,
    plan::{Plan, Rollback, Step},
    workflow::{Run, StepRun, StepState},
};

use crate::core::rules::{Clearance, Rules, clearance};

pub use stop::{Stop, stop};

/// Events that the workflow of `incident` needs now; empty while it waits for workers, people or a retry delay.
#[must_use]
pub fn advance(incident: &Incident, rules: &Rules, now: Timestamp) -> Vec<Event> {
    let Some((plan, run)) = active(incident) else { return Vec::new() };
    match stop(incident, rules) {
        Some(stop) => wind_down(plan, run, rules, &stop, now),
        None => go_on(incident, plan, run, rules, now),
    }
}

/// When [`advance`] has to be asked again although no event will come: the earliest end of a retry delay.
#[must_use]
pub fn wake(incident: &Incident, rules: &Rules, now: Timestamp) -> Option<Timestamp> {
    let (plan, run) = active(incident)?;
    let due = match stop(incident, rules) {
        Some(_) if run.busy() => None,
        Some(_) => {
            let step = run.steps.get(run.effects.last()?)?;
            undo_again(step, rules).then(|| due_at(step, step.undo_attempts, rules))
        }
        None => plan
            .steps
            .iter()
            .filter_map(|step| run.steps.get(&step.id))
            .filter(|step| matches!(step.state, StepState::Failed { .. }) && try_again(step, rules))
            .map(|step| due_at(step, step.attempts, rules))
            .min(),
    };
    due.filter(|due| *due > now)
}

fn active(incident: &Incident) -> Option<(&Plan, &Run)> {
    let (plan, run) = (incident.plan.as_ref()?, incident.run.as_ref()?);
    run.ended.is_none().then_some((plan, run))
}

/// Whether a failed step may be tried again: transient, attempts left, and either nothing happened or the next
/// attempt can find out what did (every change is idempotent: a patch leaves its mark, a deletion names a UID).
pub(crate) fn try_again(step: &StepRun, rules: &Rules) -> bool {
    let transient = match step.state {
        StepState::Failed { kind, .. } => match kind {
            FailureKind::Transient | FailureKind::LeaseLost => true,
            FailureKind::Permanent | FailureKind::Drift | FailureKind::Timeout | FailureKind::Forbidden => false,
        },
        StepState::Waiting
        | StepState::Scheduled
        | StepState::Running { .. }
        | StepState::Succeeded
        | StepState::Skipped
        | StepState::UndoScheduled
        | StepState::Undoing { .. }
        | StepState::Undone
        | StepState::UndoFailed { .. } => false,
    };
    transient && step.attempts < rules.attempts && step.effect != Effect::Applied
}

fn undo_again(step: &StepRun, rules: &Rules) -> bool {
    let transient = match step.state {
        StepState::UndoFailed { kind, .. } => match kind {
            FailureKind::Transient | FailureKind::LeaseLost => true,
            FailureKind::Permanent | FailureKind::Drift | FailureKind::Timeout | FailureKind::Forbidden => false,
        },
        StepState::Waiting
        | StepState::Scheduled
        | StepState::Running { .. }
        | StepState::Succeeded
        | StepState::Failed { .. }
        | StepState::Skipped
        | StepState::UndoScheduled
        | StepState::Undoing { .. }
        | StepState::Undone => false,
    };
    transient && step.undo_attempts < rules.undo_attempts
}

fn due_at(step: &StepRun, attempts: u32, rules: &Rules) -> Timestamp {
    let delay = rules.retry_delay.saturating_mul(1 << attempts.saturating_sub(1).min(10));
    let delay = SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX);
    let since = step.finished.unwrap_or(Timestamp::MIN);
    since.checked_add(delay).unwrap_or(Timestamp::MAX)
}

// Waiting | Failed(transient) => Scheduled, as many as the limit allows; all satisfied => Succeeded
fn go_on(incident: &Incident, plan: &Plan, run: &Run, rules: &Rules, now: Timestamp) -> Vec<Event> {
    if plan.steps.iter().all(|step| run.satisfied(&step.id)) {
        return vec![finished(plan, WorkflowOutcome::Succeeded, None)];
    }
    let busy = run
        .steps
        .values()
        .filter(|step| matches!(step.state, StepState::Scheduled | StepState::Running { .. }))
        .count();
    let free = rules.parallel_steps.max(1).saturating_sub(busy);
    plan.steps
        .iter()
        .filter(|step| runnable(plan, run, step, rules, now))
        .filter(|step| clearance(incident, plan, step, rules.mode) == Clearance::Clear)
        .take(free)
        .filter_map(|step| {
            let attempt = run.steps.get(&step.id)?.attempts + 1;
            Some(scheduled(plan, step, Direction::Forward, attempt))
        })
        .collect()
}

fn runnable(plan: &Plan, run: &Run, step: &Step, rules: &Rules, now: Timestamp) -> bool {
    let Some(state) = run.steps.get(&step.id) else { return false };
    let ready = match state.state {
        StepState::Waiting => true,
        StepState::Failed { .. } => try_again(state, rules) && due_at(state, state.attempts, rules) <= now,
        StepState::Scheduled
        | StepState::Running { .. }
        | StepState::Succeeded
        | StepState::Skipped
        | StepState::UndoScheduled
        | StepState::Undoing { .. }
        | StepState::Undone
        | StepState::UndoFailed { .. } => false,
    };
    ready && step.depends_on.iter().all(|id| plan.step(id).is_some() && run.satisfied(id))
}

// nothing busy: the latest effect => UndoScheduled; no effect left => RolledBack | Cancelled; undo failed => Stuck
fn wind_down(plan: &Plan, run: &Run, rules: &Rules, stop: &Stop, now: Timestamp) -> Vec<Event> {
    if run.busy() {
        return Vec::new();
    }
    let ended_well = if stop.by_person() {
        WorkflowOutcome::Cancelled
    } else {
        WorkflowOutcome::RolledBack
    };
    let end = |outcome| vec![finished(plan, outcome, Some(stop.cause.clone()))];
    let Some(latest) = run.effects.last() else { return end(ended_well) };
    match plan.rollback {
        // Effects stay: "rolled back" would be a lie, so a person is told what is left.
        Rollback::None => end(WorkflowOutcome::Stuck),
        Rollback::Automatic => match (plan.step(latest), run.steps.get(latest)) {
            (Some(step), Some(state)) => match &state.state {
                StepState::UndoFailed { .. } if !undo_again(state, rules) => end(WorkflowOutcome::Stuck),
                StepState::UndoFailed { .. } if due_at(state, state.undo_attempts, rules) > now => Vec::new(),
                StepState::UndoFailed { .. } | StepState::Succeeded | StepState::Failed { .. } => {
                    vec![scheduled(plan, step, Direction::Undo, state.undo_attempts + 1)]
                }
                // An effect of a step in one of these states cannot be scheduled for undo: a person must look.
                StepState::Waiting
                | StepState::Scheduled
                | StepState::Running { .. }
                | StepState::Skipped
                | StepState::UndoScheduled
                | StepState::Undoing { .. }
                | StepState::Undone => end(WorkflowOutcome::Stuck),
            },
            _ => end(WorkflowOutcome::Stuck),
        },
    }
}

fn scheduled(plan: &Plan, step: &Step, direction: Direction, attempt: u32) -> Event {
    Event::StepScheduled {
        plan: plan.id.clone(),
        step: step.id.clone(),
        direction,
        attempt,
    }
}

fn finished(plan: &Plan, outcome: WorkflowOutcome, cause: Option<paramedic_domain::event::FailureCause>) -> Event {
    Event::WorkflowFinished {
        plan: plan.id.clone(),
        outcome,
        cause,
    }
}
