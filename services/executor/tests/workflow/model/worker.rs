//! A worker as the shell has it: one effect per call, so that the model can kill it between any two.

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{
    approval::GateState,
    event::{Direction, Event},
    fault::{Effect, FailureKind},
    id::WorkerId,
    incident::Incident,
    plan::Step,
    workflow::{Run, StepRun, StepState},
};
use paramedic_executor::core::{
    advance::stop,
    limits::keeps_its_place,
    outcome,
    permit::{Attempt, Denied, permit},
    rules::Rules,
};

use super::{Message, cluster::Cluster};
use crate::strategy::{Fate, Story};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Enter,
    Take,
    Lease,
    Act,
    Report(Result<(), (FailureKind, Effect)>),
    Leave,
}

pub(crate) struct Worker {
    id: WorkerId,
    /// Which of the processes it is a part of.
    pub(crate) process: usize,
    pub(crate) message: Message,
    phase: Phase,
    entered: bool,
    known: Effect,
}

/// What one move of a worker leads to.
pub(crate) enum Move {
    /// It goes on, after an event perhaps.
    On(Option<Event>),
    /// It is done with its message.
    Done,
    /// There is no room: its message comes again.
    Later,
}

impl Worker {
    pub(crate) fn new(process: usize, id: WorkerId, message: Message) -> Self {
        Self {
            id,
            process,
            message,
            phase: Phase::Enter,
            entered: false,
            known: Effect::None,
        }
    }

    pub(crate) fn advance(&mut self, incident: &Incident, rules: &Rules, cluster: &mut Cluster, story: &Story, now: Timestamp) -> Move {
        let Message::Work { step, direction, attempt } = self.message.clone() else {
            unreachable!("workers only hold work")
        };
        let plan = incident.plan.as_ref().unwrap();
        let step = plan.step(&step).unwrap();
        let attempt = Attempt {
            plan: plan.id.clone(),
            step: step.id.clone(),
            direction,
            number: attempt,
            worker: self.id.clone(),
        };
        let mutates = step.change.mutates();
        match self.phase {
            Phase::Enter => {
                if mutates && direction == Direction::Forward {
                    match cluster.enter(&step.id, now) {
                        Ok(()) => self.entered = true,
                        Err(_) if stop(incident, rules, now).is_some() => {}
                        Err(_) => return Move::Later,
                    }
                }
                self.phase = Phase::Take;
                Move::On(None)
            }
            Phase::Take => {
                self.known = outcome::known(incident, &attempt);
                let events = outcome::take(incident, &attempt);
                if events.is_empty() {
                    return self.too_late(incident, cluster);
                }
                self.phase = if mutates { Phase::Lease } else { Phase::Act };
                Move::On(events.into_iter().next())
            }
            Phase::Lease => {
                self.phase = if cluster.lease(step) {
                    Phase::Act
                } else {
                    Phase::Report(Err((FailureKind::LeaseLost, self.known)))
                };
                Move::On(None)
            }
            Phase::Act => match permit(incident, &attempt, rules, cluster.held(step), now) {
                Ok(_) if mutates && direction == Direction::Forward && !self.entered => {
                    self.phase = Phase::Report(Err((FailureKind::Transient, self.known)));
                    Move::On(None)
                }
                Ok(step) => {
                    if direction == Direction::Forward {
                        check_forward(incident, step, rules, cluster, now);
                    }
                    self.phase = Phase::Report(self.act(&attempt, step, cluster, story, now));
                    Move::On(None)
                }
                Err(Denied::Stale { .. }) => self.too_late(incident, cluster),
                Err(Denied::Stopping(_) | Denied::Forbidden(_)) => {
                    self.phase = Phase::Report(Err((FailureKind::Forbidden, self.known)));
                    Move::On(None)
                }
                Err(Denied::NoLease) => {
                    self.phase = Phase::Report(Err((FailureKind::LeaseLost, self.known)));
                    Move::On(None)
                }
            },
            Phase::Report(result) => {
                let events = match result {
                    Ok(()) => outcome::succeeded(incident, &attempt, "", &[]),
                    Err((kind, effect)) => outcome::failed(incident, &attempt, kind, effect, "model"),
                };
                self.phase = Phase::Leave;
                Move::On(events.into_iter().next())
            }
            Phase::Leave => {
                let ended = incident.run.as_ref().is_some_and(|run| run.ended.is_some());
                if self.entered && (ended || !keeps_its_place(incident, &step.id)) {
                    cluster.leave(&step.id);
                }
                Move::Done
            }
        }
    }

    /// The attempt is another worker's, or over. What it took when nobody needed it any more is given back.
    fn too_late(&mut self, incident: &Incident, cluster: &mut Cluster) -> Move {
        if incident.run.as_ref().is_some_and(|run| run.ended.is_some()) {
            cluster.release();
        }
        self.phase = Phase::Leave;
        Move::On(None)
    }

    fn act(
        &self,
        attempt: &Attempt,
        step: &Step,
        cluster: &mut Cluster,
        story: &Story,
        now: Timestamp,
    ) -> Result<(), (FailureKind, Effect)> {
        let index: usize = attempt.step.as_str()[1..].parse().unwrap();
        let fates = match attempt.direction {
            Direction::Forward => &story.steps[index].fates,
            Direction::Undo => &story.steps[index].undo_fates,
        };
        let fate = fates[(attempt.number as usize - 1).min(fates.len() - 1)];
        let mutates = step.change.mutates();
        // Looks first: the mark says whether it is already there (forward) or already gone (undo).
        let there = cluster.marks.contains(&attempt.step);
        let needed = mutates && (there == (attempt.direction == Direction::Undo));
        let apply = |cluster: &mut Cluster| {
            if !needed {
                return;
            }
            cluster.check(step, attempt.direction == Direction::Forward, now);
            let counts = cluster.counts.entry(attempt.step.clone()).or_default();
            match attempt.direction {
                Direction::Forward => {
                    counts.0 += 1;
                    cluster.marks.insert(attempt.step.clone());
                }
                Direction::Undo => {
                    counts.1 += 1;
                    cluster.marks.remove(&attempt.step);
                }
            }
        };
        match fate {
            Fate::Works => {
                apply(cluster);
                Ok(())
            }
            // It could not even look.
            Fate::Refused(kind) => Err((kind, self.known)),
            Fate::AppliedThen(kind, effect) => {
                apply(cluster);
                Err((kind, if mutates { effect } else { Effect::None }))
            }
        }
    }
}

/// What must hold when a step goes forward, asked of the log alone.
fn check_forward(incident: &Incident, step: &Step, rules: &Rules, cluster: &mut Cluster, now: Timestamp) {
    if let Some(why) = over(incident, rules, now) {
        cluster.unpermitted.push(format!("step {} acted although {why}", step.id));
    }
    if incident.run.as_ref().is_some_and(|run| others_at_work(incident, run, step)) {
        cluster
            .unpermitted
            .push(format!("two steps worked on the object of {} at once", step.id));
    }
    if !incident.gate_open(step) {
        cluster.unpermitted.push(format!("INV-04: step {} acted before its gate", step.id));
    }
}

/// Why nothing may go forward, told without the code under test.
fn over(incident: &Incident, rules: &Rules, now: Timestamp) -> Option<&'static str> {
    let (plan, run) = (incident.plan.as_ref()?, incident.run.as_ref()?);
    let deadline = plan
        .deadline
        .map(|limit| run.since + SignedDuration::try_from(limit).unwrap() + run.paused_for);
    let closed = |gate: &GateState| matches!(gate, GateState::Denied { .. } | GateState::Expired { .. });
    let for_good = |step: &StepRun| match &step.state {
        StepState::Failed { kind, .. } => {
            let again = matches!(kind, FailureKind::Transient | FailureKind::LeaseLost);
            !again || step.attempts >= rules.attempts || step.effect == Effect::Applied
        }
        StepState::UndoScheduled | StepState::Undoing { .. } | StepState::Undone | StepState::UndoFailed { .. } => true,
        StepState::Waiting | StepState::Scheduled | StepState::Running { .. } | StepState::Succeeded | StepState::Skipped => false,
    };
    let reasons = [
        (run.ended.is_some(), "the workflow had ended"),
        (run.cancelled.is_some(), "a person stopped it"),
        (incident.revision.is_some(), "a person wanted another plan"),
        (incident.end.is_some(), "the incident had ended"),
        (
            run.paused.is_none() && deadline.is_some_and(|deadline| deadline <= now),
            "its time was over",
        ),
        (incident.gates.values().any(closed), "a gate was closed"),
        (run.steps.values().any(for_good), "a step had failed for good"),
    ];
    reasons.into_iter().find_map(|(holds, why)| holds.then_some(why))
}

/// Whether another step that changes the same object is with the workers.
fn others_at_work(incident: &Incident, run: &Run, step: &Step) -> bool {
    let targets = step.change.lease_targets();
    incident.plan.iter().flat_map(|plan| &plan.steps).any(|other| {
        other.id != step.id
            && other.change.lease_targets().iter().any(|target| targets.contains(target))
            && run
                .steps
                .get(&other.id)
                .is_some_and(|state| matches!(state.state, StepState::Scheduled | StepState::Running { .. }))
    })
}
