//! The workflow's next events. The only question is "what is missing?", so a crash, a repetition or a competing
//! replica leads to the same answer.

mod stop;

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{
    event::{Direction, Event, WorkflowOutcome},
    fault::{Effect, FailureKind},
    id::StepId,
    incident::Incident,
    plan::{Plan, Rollback, Step},
    workflow::{RollbackState, Run, StepRun, StepState},
};

use crate::core::rules::{Clearance, Rules, clearance};

pub use stop::{Stop, stop};

/// Events that the workflow of `incident` needs now; empty while it waits for workers, people or a retry delay.
#[must_use]
pub fn advance(incident: &Incident, rules: &Rules, now: Timestamp) -> Vec<Event> {
    let Some((plan, run)) = active(incident) else { return Vec::new() };
    match stop(incident, rules, now) {
        Some(stop) => wind_down(plan, run, rules, &stop, now),
        None => go_on(incident, plan, run, rules, now),
    }
}

/// When [`advance`] has to be asked again although no event will come, for whoever handles `event`: the earliest end of a
/// retry delay; the deadline, which only the event that set it waits for; the end of a question, which the question waits for.
#[must_use]
pub fn wake(incident: &Incident, event: &Event, rules: &Rules, now: Timestamp) -> Option<Timestamp> {
    let (plan, run) = active(incident)?;
    let clock = match event {
        Event::PlanProposed { .. } | Event::WorkflowResumed { .. } => run.deadline(plan),
        Event::RollbackAsked { expires_at, .. } => Some(*expires_at),
        _ => None,
    };
    [retry(incident, plan, run, rules, now), clock]
        .into_iter()
        .flatten()
        .filter(|due| *due > now)
        .min()
}

/// The earliest end of a retry delay.
fn retry(incident: &Incident, plan: &Plan, run: &Run, rules: &Rules, now: Timestamp) -> Option<Timestamp> {
    match stop(incident, rules, now) {
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
    }
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
    if run.paused.is_some() {
        return Vec::new();
    }
    let busy = |step: &&Step| {
        run.steps
            .get(&step.id)
            .is_some_and(|state| matches!(state.state, StepState::Scheduled | StepState::Running { .. }))
    };
    let mut under_way: Vec<&Step> = plan.steps.iter().filter(busy).collect();
    let mut events = Vec::new();
    for step in &plan.steps {
        if under_way.len() >= rules.parallel_steps.max(1) {
            break;
        }
        if !runnable(plan, run, step, rules, now)
            || clearance(incident, plan, step, rules.mode) != Clearance::Clear
            || under_way.iter().any(|other| share_a_target(step, other))
        {
            continue;
        }
        if let Some(state) = run.steps.get(&step.id) {
            events.push(scheduled(plan, step, Direction::Forward, state.attempts + 1));
            under_way.push(step);
        }
    }
    events
}

/// Whether both change the same object (or workload): such steps run one after the other.
fn share_a_target(one: &Step, other: &Step) -> bool {
    let others = other.change.lease_targets();
    one.change
        .lease_targets()
        .iter()
        .any(|target| others.iter().any(|theirs| theirs.same_object(target)))
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

// nothing busy: no effect left => RolledBack | Cancelled; effects kept => Failed; else the latest effect => UndoScheduled
fn wind_down(plan: &Plan, run: &Run, rules: &Rules, stop: &Stop, now: Timestamp) -> Vec<Event> {
    if run.busy() {
        return Vec::new();
    }
    let end = |outcome| vec![finished(plan, outcome, Some(stop.cause.clone()))];
    let Some(latest) = run.effects.last() else {
        return end(if stop.by_person() {
            WorkflowOutcome::Cancelled
        } else {
            WorkflowOutcome::RolledBack
        });
    };
    match fate(plan, run, stop, now) {
        Fate::Undo => undo(plan, run, rules, stop, latest, now),
        Fate::Keep => end(WorkflowOutcome::Failed),
        Fate::Ask => vec![Event::RollbackAsked {
            plan: plan.id.clone(),
            reason: stop.reason.clone(),
            expires_at: now.checked_add(rules.question()).unwrap_or(Timestamp::MAX),
        }],
        Fate::Wait => Vec::new(),
    }
}

/// What becomes of the effects of a workflow that stops.
enum Fate {
    Undo,
    Keep,
    Ask,
    Wait,
}

fn fate(plan: &Plan, run: &Run, stop: &Stop, now: Timestamp) -> Fate {
    match (plan.rollback, &run.rollback) {
        (Rollback::Automatic, _) => Fate::Undo,
        (Rollback::None, _) => Fate::Keep,
        // Who stops it has been told that effects are undone: nobody is asked again.
        (Rollback::Ask, _) if stop.by_person() => Fate::Undo,
        (Rollback::Ask, RollbackState::Open) => Fate::Ask,
        (Rollback::Ask, RollbackState::Asked { expires_at }) if now < *expires_at => Fate::Wait,
        (Rollback::Ask, RollbackState::Asked { .. } | RollbackState::Decided { undo: false, .. }) => Fate::Keep,
        (Rollback::Ask, RollbackState::Decided { undo: true, .. }) => Fate::Undo,
    }
}

// the latest effect => UndoScheduled; its undo failed for good => Stuck
fn undo(plan: &Plan, run: &Run, rules: &Rules, stop: &Stop, latest: &StepId, now: Timestamp) -> Vec<Event> {
    let stuck = || vec![finished(plan, WorkflowOutcome::Stuck, Some(stop.cause.clone()))];
    let (Some(step), Some(state)) = (plan.step(latest), run.steps.get(latest)) else {
        return stuck();
    };
    match &state.state {
        StepState::UndoFailed { .. } if !undo_again(state, rules) => stuck(),
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
        | StepState::Undone => stuck(),
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
