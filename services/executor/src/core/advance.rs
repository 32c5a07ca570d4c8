//! The workflow's next events. The only question is "what is missing?", so a crash, a repetition or a competing
//! replica leads to the same answer.

mod stop;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{
    event::{Direction, Event, WorkflowOutcome},
    fault::FailureKind,
    id::{EventId, StepId, WorkerId},
    incident::Incident,
    plan::{Plan, Rollback, Step},
    workflow::{RollbackState, Run, StepRun, StepState},
};

use crate::core::{
    permit::Attempt,
    rules::{Clearance, Rules, clearance},
};

pub use stop::{Stop, stop};

/// Who asks: one handling of one event.
#[derive(Debug, Clone, Copy)]
pub struct Hand<'a> {
    /// The name under which it works; no other handling has it.
    pub worker: &'a WorkerId,
    /// The event. Attempts that an earlier handling of it began are this one's now.
    pub cause: &'a EventId,
    /// Steps for which there is room (INV-15). What changes nothing needs none.
    pub room: &'a BTreeSet<StepId>,
}

/// Events that the workflow of `incident` needs now; empty while it waits for workers, people or a retry delay. Whoever
/// appends a [`Event::StepStarted`] of these has to do the work.
#[must_use]
pub fn advance(incident: &Incident, rules: &Rules, hand: Hand<'_>, now: Timestamp) -> Vec<Event> {
    let Some((plan, run)) = active(incident) else { return Vec::new() };
    let taken_over = take_over(plan, run, hand);
    let further = match stop(incident, rules, now) {
        Some(stop) => wind_down(plan, run, rules, &stop, hand, now),
        None => go_on(incident, plan, run, rules, hand, now),
    };
    taken_over.chain(further).collect()
}

/// Steps that could begin now if there were room for what they change.
#[must_use]
pub fn wanting_room<'a>(incident: &'a Incident, rules: &Rules, now: Timestamp) -> Vec<&'a Step> {
    let Some((plan, run)) = active(incident) else { return Vec::new() };
    if stop(incident, rules, now).is_some() {
        return Vec::new();
    }
    startable(incident, plan, run, rules, now, |_| true)
        .into_iter()
        .filter(|step| step.change.mutates())
        .collect()
}

/// Attempts that the log says are this worker's.
#[must_use]
pub fn in_hand(incident: &Incident, me: &WorkerId) -> Vec<Attempt> {
    let Some((plan, run)) = active(incident) else { return Vec::new() };
    let mine = |(id, state): (&StepId, &StepRun)| {
        let (direction, number) = match &state.state {
            StepState::Running { worker } if worker == me => (Direction::Forward, state.attempts),
            StepState::Undoing { worker } if worker == me => (Direction::Undo, state.undo_attempts),
            StepState::Waiting
            | StepState::Running { .. }
            | StepState::Succeeded
            | StepState::Failed { .. }
            | StepState::Skipped
            | StepState::Undoing { .. }
            | StepState::Undone
            | StepState::UndoFailed { .. } => return None,
        };
        Some(Attempt {
            plan: plan.id.clone(),
            step: id.clone(),
            direction,
            number,
            worker: me.clone(),
        })
    };
    run.steps.iter().filter_map(mine).collect()
}

/// What an earlier handling of the same event began and did not bring to an end: it is dead, or taken for dead. Who had an
/// attempt and lost it does not take it back, so of several that live the latest keeps it.
fn take_over<'a>(plan: &'a Plan, run: &'a Run, hand: Hand<'a>) -> impl Iterator<Item = Event> + 'a {
    plan.steps.iter().filter_map(move |step| {
        let state = run.steps.get(&step.id)?;
        if state.cause.as_ref() != Some(hand.cause) || state.workers.contains(hand.worker) {
            return None;
        }
        match &state.state {
            StepState::Running { .. } => Some(started(plan, step, Direction::Forward, state.attempts, hand)),
            StepState::Undoing { .. } => Some(started(plan, step, Direction::Undo, state.undo_attempts, hand)),
            StepState::Waiting
            | StepState::Succeeded
            | StepState::Failed { .. }
            | StepState::Skipped
            | StepState::Undone
            | StepState::UndoFailed { .. } => None,
        }
    })
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
            // One that is over already has been asked for, and must not hide a later one.
            .filter(|due| *due > now)
            .min(),
    }
}

fn active(incident: &Incident) -> Option<(&Plan, &Run)> {
    let (plan, run) = (incident.plan.as_ref()?, incident.run.as_ref()?);
    run.ended.is_none().then_some((plan, run))
}

/// Whether a failed step may be tried again: transient, and attempts left. Whatever happened, the next attempt finds it (every change
/// is idempotent: a patch leaves its mark, a deletion names a UID) and goes on from there.
pub(crate) fn try_again(step: &StepRun, rules: &Rules) -> bool {
    let transient = match step.state {
        StepState::Failed { kind, .. } => match kind {
            FailureKind::Transient | FailureKind::LeaseLost => true,
            FailureKind::Permanent | FailureKind::Drift | FailureKind::Timeout | FailureKind::Forbidden => false,
        },
        StepState::Waiting
        | StepState::Running { .. }
        | StepState::Succeeded
        | StepState::Skipped
        | StepState::Undoing { .. }
        | StepState::Undone
        | StepState::UndoFailed { .. } => false,
    };
    transient && step.attempts < rules.attempts
}

fn undo_again(step: &StepRun, rules: &Rules) -> bool {
    let transient = match step.state {
        StepState::UndoFailed { kind, .. } => match kind {
            FailureKind::Transient | FailureKind::LeaseLost => true,
            FailureKind::Permanent | FailureKind::Drift | FailureKind::Timeout | FailureKind::Forbidden => false,
        },
        StepState::Waiting
        | StepState::Running { .. }
        | StepState::Succeeded
        | StepState::Failed { .. }
        | StepState::Skipped
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

// Waiting | Failed(transient) => Running, as many as the limit allows; all satisfied => Succeeded
fn go_on(incident: &Incident, plan: &Plan, run: &Run, rules: &Rules, hand: Hand<'_>, now: Timestamp) -> Vec<Event> {
    if plan.steps.iter().all(|step| run.satisfied(&step.id)) {
        return vec![finished(plan, WorkflowOutcome::Succeeded, None)];
    }
    let room = |step: &Step| !step.change.mutates() || hand.room.contains(&step.id);
    let begin = |step: &Step| {
        let attempts = run.steps.get(&step.id).map_or(0, |state| state.attempts);
        started(plan, step, Direction::Forward, attempts + 1, hand)
    };
    startable(incident, plan, run, rules, now, room).into_iter().map(begin).collect()
}

/// Steps that may begin now, beside those under way.
fn startable<'a>(
    incident: &Incident,
    plan: &'a Plan,
    run: &Run,
    rules: &Rules,
    now: Timestamp,
    room: impl Fn(&Step) -> bool,
) -> Vec<&'a Step> {
    if run.paused.is_some() {
        return Vec::new();
    }
    let busy = |step: &&Step| {
        run.steps
            .get(&step.id)
            .is_some_and(|state| matches!(state.state, StepState::Running { .. }))
    };
    let mut under_way: Vec<&Step> = plan.steps.iter().filter(busy).collect();
    let mut startable = Vec::new();
    for step in &plan.steps {
        if under_way.len() >= rules.parallel_steps.max(1) {
            break;
        }
        if !runnable(plan, run, step, rules, now)
            || clearance(incident, plan, step, rules, now) != Clearance::Clear
            || under_way.iter().any(|other| share_a_target(step, other))
            || !room(step)
        {
            continue;
        }
        startable.push(step);
        under_way.push(step);
    }
    startable
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
        StepState::Running { .. }
        | StepState::Succeeded
        | StepState::Skipped
        | StepState::Undoing { .. }
        | StepState::Undone
        | StepState::UndoFailed { .. } => false,
    };
    ready && step.depends_on.iter().all(|id| plan.step(id).is_some() && run.satisfied(id))
}

// nothing busy: no effect left => RolledBack | Cancelled; effects kept => Failed; else the latest effect => Undoing
fn wind_down(plan: &Plan, run: &Run, rules: &Rules, stop: &Stop, hand: Hand<'_>, now: Timestamp) -> Vec<Event> {
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
        Fate::Undo => undo(plan, run, rules, stop, latest, hand, now),
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

// the latest effect => Undoing; its undo failed for good => Stuck
fn undo(plan: &Plan, run: &Run, rules: &Rules, stop: &Stop, latest: &StepId, hand: Hand<'_>, now: Timestamp) -> Vec<Event> {
    let stuck = || vec![finished(plan, WorkflowOutcome::Stuck, Some(stop.cause.clone()))];
    let (Some(step), Some(state)) = (plan.step(latest), run.steps.get(latest)) else {
        return stuck();
    };
    match &state.state {
        StepState::UndoFailed { .. } if !undo_again(state, rules) => stuck(),
        StepState::UndoFailed { .. } if due_at(state, state.undo_attempts, rules) > now => Vec::new(),
        StepState::UndoFailed { .. } | StepState::Succeeded | StepState::Failed { .. } => {
            vec![started(plan, step, Direction::Undo, state.undo_attempts + 1, hand)]
        }
        // The effect of a step in one of these states cannot be undone: a person must look.
        StepState::Waiting | StepState::Running { .. } | StepState::Skipped | StepState::Undoing { .. } | StepState::Undone => stuck(),
    }
}

fn started(plan: &Plan, step: &Step, direction: Direction, attempt: u32, hand: Hand<'_>) -> Event {
    Event::StepStarted {
        plan: plan.id.clone(),
        step: step.id.clone(),
        direction,
        attempt,
        worker: hand.worker.clone(),
    }
}

fn finished(plan: &Plan, outcome: WorkflowOutcome, cause: Option<paramedic_domain::event::FailureCause>) -> Event {
    Event::WorkflowFinished {
        plan: plan.id.clone(),
        outcome,
        cause,
    }
}
