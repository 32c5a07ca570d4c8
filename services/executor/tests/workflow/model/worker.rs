//! A worker as the shell has it: one effect per call, so that the model can kill it between any two.

use std::collections::BTreeMap;

use jiff::Timestamp;
use paramedic_domain::{
    event::{Direction, Event},
    fault::{Effect, FailureKind},
    id::{StepId, WorkerId},
    incident::Incident,
    plan::Step,
    workflow::{Run, StepState},
};
use paramedic_executor::core::{
    advance::stop,
    outcome,
    permit::{Attempt, Denied, permit},
    rules::Rules,
};

use super::Message;
use crate::strategy::{Fate, Story};

/// Which changes are in the cluster, by the marks they left.
#[derive(Default)]
pub(crate) struct Cluster {
    /// Steps whose change is there.
    pub(crate) marks: BTreeMap<StepId, ()>,
    /// How often each was applied and undone.
    pub(crate) counts: BTreeMap<StepId, (u32, u32)>,
    /// Mutations that the log did not allow at that moment.
    pub(crate) unpermitted: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Take,
    Act,
    Report(Result<(), (FailureKind, Effect)>),
}

pub(crate) struct Worker {
    id: WorkerId,
    pub(crate) message: Message,
    phase: Phase,
}

pub(crate) struct Outcome {
    pub(crate) append: Option<Event>,
    pub(crate) done: bool,
}

impl Worker {
    pub(crate) fn new(number: u32, message: Message) -> Self {
        Self {
            id: format!("w{number}").parse().unwrap(),
            message,
            phase: Phase::Take,
        }
    }

    pub(crate) fn advance(&mut self, incident: &Incident, rules: &Rules, cluster: &mut Cluster, story: &Story, now: Timestamp) -> Outcome {
        let Message::Work { step, direction, attempt } = self.message.clone() else {
            unreachable!("workers only hold work")
        };
        let attempt = Attempt {
            plan: incident.plan.as_ref().unwrap().id.clone(),
            step,
            direction,
            number: attempt,
            worker: self.id.clone(),
        };
        match self.phase {
            Phase::Take => match outcome::take(incident, &attempt).as_slice() {
                [] => Outcome { append: None, done: true },
                [event] => {
                    self.phase = Phase::Act;
                    Outcome {
                        append: Some(event.clone()),
                        done: false,
                    }
                }
                more => panic!("one event at most: {more:?}"),
            },
            Phase::Act => match permit(incident, &attempt, rules, true, now) {
                Ok(step) => {
                    let mutates = step.change.mutates();
                    if attempt.direction == Direction::Forward {
                        if let Some(stop) = stop(incident, rules, now) {
                            cluster.unpermitted.push(format!("step {} acted although {}", step.id, stop.reason));
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
                    self.phase = Phase::Report(self.act(&attempt, mutates, cluster, story));
                    Outcome { append: None, done: false }
                }
                Err(Denied::Stale { .. }) => Outcome { append: None, done: true },
                Err(Denied::Stopping(_) | Denied::Forbidden(_)) => {
                    // A mutating change that may be there already must not be reported as "nothing happened".
                    let effect = if cluster.marks.contains_key(&attempt.step) {
                        Effect::Applied
                    } else {
                        Effect::None
                    };
                    self.phase = Phase::Report(Err((FailureKind::Forbidden, effect)));
                    Outcome { append: None, done: false }
                }
                Err(Denied::NoLease) => panic!("the model holds every lease"),
            },
            Phase::Report(result) => {
                let events = match result {
                    Ok(()) => outcome::succeeded(incident, &attempt, "", &[]),
                    Err((kind, effect)) => outcome::failed(incident, &attempt, kind, effect, "model"),
                };
                Outcome {
                    append: events.into_iter().next(),
                    done: true,
                }
            }
        }
    }

    fn act(&self, attempt: &Attempt, mutates: bool, cluster: &mut Cluster, story: &Story) -> Result<(), (FailureKind, Effect)> {
        let index: usize = attempt.step.as_str()[1..].parse().unwrap();
        let fates = match attempt.direction {
            Direction::Forward => &story.steps[index].fates,
            Direction::Undo => &story.steps[index].undo_fates,
        };
        let fate = fates[(attempt.number as usize - 1).min(fates.len() - 1)];
        // Looks first: the mark says whether it is already there (forward) or already gone (undo).
        let there = cluster.marks.contains_key(&attempt.step);
        let needed = mutates && (there == (attempt.direction == Direction::Undo));
        let apply = |cluster: &mut Cluster| {
            if !needed {
                return;
            }
            let counts = cluster.counts.entry(attempt.step.clone()).or_default();
            match attempt.direction {
                Direction::Forward => {
                    counts.0 += 1;
                    cluster.marks.insert(attempt.step.clone(), ());
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
            Fate::Refused(kind) => Err((kind, if mutates && there { Effect::Applied } else { Effect::None })),
            Fate::AppliedThen(kind, effect) => {
                apply(cluster);
                Err((kind, if mutates { effect } else { Effect::None }))
            }
        }
    }
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
