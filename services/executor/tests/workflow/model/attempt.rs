//! An attempt as the shell makes it: one effect per move, so that the model can kill it between any two.

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{
    approval::GateState,
    event::{Direction, Event},
    fault::{Effect, FailureKind},
    incident::Incident,
    plan::{Gate, Step},
    workflow::{Run, StepRun, StepState},
};
use paramedic_executor::core::{
    limits::at_work,
    outcome,
    permit::{Attempt, Denied, permit},
    rules::Rules,
};

use super::cluster::Cluster;
use crate::strategy::{Fate, Story};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Lease,
    Act,
}

/// An attempt under way.
pub(crate) struct Trying {
    pub(crate) attempt: Attempt,
    phase: Phase,
    known: Effect,
}

/// How it ended.
pub(crate) struct Ended {
    pub(crate) attempt: Attempt,
    /// `None`: it is another worker's, or over.
    result: Option<Result<(), (FailureKind, Effect)>>,
}

impl Ended {
    pub(crate) fn events(&self, incident: &Incident, now: Timestamp) -> Vec<Event> {
        match self.result {
            Some(Ok(())) => outcome::succeeded(incident, &self.attempt, "", &[], now),
            Some(Err((kind, effect))) => outcome::failed(incident, &self.attempt, kind, effect, "model"),
            None => Vec::new(),
        }
    }
}

impl Trying {
    pub(crate) fn new(incident: &Incident, attempt: Attempt) -> Self {
        let step = incident.plan.as_ref().and_then(|plan| plan.step(&attempt.step)).unwrap();
        Self {
            phase: if step.change.mutates() { Phase::Lease } else { Phase::Act },
            known: outcome::known(incident, &attempt),
            attempt,
        }
    }

    /// One move; says so when it was the last.
    pub(crate) fn go_on(
        &mut self,
        incident: &Incident,
        rules: &Rules,
        cluster: &mut Cluster,
        story: &Story,
        now: Timestamp,
    ) -> Option<Ended> {
        let step = incident.plan.as_ref().and_then(|plan| plan.step(&self.attempt.step)).unwrap();
        let lost = Err((FailureKind::LeaseLost, self.known));
        match self.phase {
            Phase::Lease if cluster.lease(step) => {
                self.phase = Phase::Act;
                None
            }
            // Another workflow has the object: it waits, as long as it is still wanted.
            Phase::Lease => match permit(incident, &self.attempt, rules, true, now) {
                Ok(_) => None,
                Err(Denied::Stale { .. }) => {
                    if incident.run.as_ref().is_some_and(|run| run.ended.is_some()) {
                        cluster.release();
                    }
                    self.ended(None)
                }
                Err(Denied::Stopping(_) | Denied::Forbidden(_) | Denied::NoLease) => {
                    self.ended(Some(Err((FailureKind::Forbidden, self.known))))
                }
            },
            Phase::Act => match permit(incident, &self.attempt, rules, cluster.held(step), now) {
                // A step that has lost its place waits.
                Ok(step)
                    if self.attempt.direction == Direction::Forward
                        && step.change.mutates()
                        && cluster.own(&step.id, &self.attempt.worker, &at_work(incident), now).is_err() =>
                {
                    None
                }
                Ok(step) => {
                    if self.attempt.direction == Direction::Forward {
                        check_forward(incident, step, rules, cluster, now);
                    }
                    let result = self.act(step, cluster, story, now);
                    self.ended(Some(result))
                }
                Err(Denied::Stale { .. }) => {
                    // What it took when nobody needed it any more is given back.
                    if incident.run.as_ref().is_some_and(|run| run.ended.is_some()) {
                        cluster.release();
                    }
                    self.ended(None)
                }
                Err(Denied::Stopping(_) | Denied::Forbidden(_)) => self.ended(Some(Err((FailureKind::Forbidden, self.known)))),
                Err(Denied::NoLease) => self.ended(Some(lost)),
            },
        }
    }

    fn ended(&self, result: Option<Result<(), (FailureKind, Effect)>>) -> Option<Ended> {
        Some(Ended {
            attempt: self.attempt.clone(),
            result,
        })
    }

    fn act(&self, step: &Step, cluster: &mut Cluster, story: &Story, now: Timestamp) -> Result<(), (FailureKind, Effect)> {
        let attempt = &self.attempt;
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
    let closed = |gate: &Gate| match incident.gates.get(&gate.id) {
        // A step that people took out before needed no answer.
        Some(GateState::Denied { at, .. } | GateState::Expired { at }) => gate.steps.iter().any(|step| {
            let state = &run.steps[step];
            !(matches!(state.state, StepState::Skipped | StepState::Succeeded) && state.finished.is_some_and(|finished| finished < *at))
        }),
        _ => false,
    };
    let for_good = |step: &StepRun| match &step.state {
        StepState::Failed { kind, .. } => {
            let again = matches!(kind, FailureKind::Transient | FailureKind::LeaseLost);
            !again || step.attempts >= rules.attempts
        }
        StepState::Undoing { .. } | StepState::Undone | StepState::UndoFailed { .. } => true,
        StepState::Waiting | StepState::Running { .. } | StepState::Succeeded | StepState::Skipped => false,
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
        (plan.gates.iter().any(closed), "a gate was closed"),
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
                .is_some_and(|state| matches!(state.state, StepState::Running { .. }))
    })
}
