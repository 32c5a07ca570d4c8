//! The state of a running plan: which step is where, which effects are in the cluster.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    event::{Artifact, Direction, Event, FailureCause, WorkflowOutcome},
    fault::{Effect, FailureKind},
    id::{StepId, WorkerId},
    plan::{Plan, Step},
};

/// Where a step stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum StepState {
    /// Not yet allowed to run.
    Waiting,
    /// Handed to the workers.
    Scheduled,
    /// A worker said it began.
    Running {
        /// Which.
        worker: WorkerId,
    },
    /// Done and observed.
    Succeeded,
    /// Failed; may be scheduled again when the kind is transient.
    Failed {
        /// Why.
        kind: FailureKind,
        /// What the worker said.
        message: String,
    },
    /// Taken out by a person.
    Skipped,
    /// Its undo was handed to the workers.
    UndoScheduled,
    /// A worker began to undo it.
    Undoing {
        /// Which.
        worker: WorkerId,
    },
    /// Put back.
    Undone,
    /// Could not be put back: a person must.
    UndoFailed {
        /// Why.
        kind: FailureKind,
        /// What the worker said.
        message: String,
    },
}

/// How the last forward attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepFailure {
    /// Why.
    pub kind: FailureKind,
    /// What the worker said.
    pub message: String,
    /// When.
    pub at: Timestamp,
}

/// A step with its history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRun {
    /// Where it stands.
    pub state: StepState,
    /// Forward attempts scheduled so far.
    pub attempts: u32,
    /// Undo attempts scheduled so far.
    pub undo_attempts: u32,
    /// When a worker first began.
    pub started: Option<Timestamp>,
    /// When it succeeded, failed, was skipped or undone.
    pub finished: Option<Timestamp>,
    /// What is known of its effect.
    pub effect: Effect,
    /// How its last forward attempt failed, kept while its effect is undone; `None` once it succeeded or was skipped.
    #[serde(default)]
    pub failure: Option<StepFailure>,
    /// What it reported.
    pub summary: String,
    /// What it kept.
    pub artifacts: Vec<Artifact>,
}

/// A run of one plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Every step of the plan.
    pub steps: BTreeMap<StepId, StepRun>,
    /// Steps whose change is (or may be) in the cluster, in the order it got there.
    pub effects: Vec<StepId>,
    /// How it ended, and why if not well.
    pub ended: Option<(WorkflowOutcome, Option<FailureCause>)>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl Run {
    /// A run in which nothing has happened.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let waiting = StepRun {
            state: StepState::Waiting,
            attempts: 0,
            undo_attempts: 0,
            started: None,
            finished: None,
            effect: Effect::None,
            failure: None,
            summary: String::new(),
            artifacts: Vec::new(),
        };
        Self {
            steps: plan.steps.iter().map(|step| (step.id.clone(), waiting.clone())).collect(),
            effects: Vec::new(),
            ended: None,
            ended_at: None,
        }
    }

    /// Whether the step succeeded or was skipped by a person.
    #[must_use]
    pub fn satisfied(&self, step: &StepId) -> bool {
        self.steps
            .get(step)
            .is_some_and(|run| matches!(run.state, StepState::Succeeded | StepState::Skipped))
    }

    /// Whether a worker may be busy with the step.
    #[must_use]
    pub fn busy(&self) -> bool {
        self.steps.values().any(|run| match run.state {
            StepState::Scheduled | StepState::Running { .. } | StepState::UndoScheduled | StepState::Undoing { .. } => true,
            StepState::Waiting
            | StepState::Succeeded
            | StepState::Failed { .. }
            | StepState::Skipped
            | StepState::Undone
            | StepState::UndoFailed { .. } => false,
        })
    }

    /// Applies an event of this plan. An event that does not fit the state changes nothing and returns `false`:
    /// the log may hold it, the state never bends to it.
    pub fn apply(&mut self, plan: &Plan, event: &Event, at: Timestamp) -> bool {
        if self.ended.is_some() {
            return false;
        }
        match event {
            Event::StepScheduled {
                step, direction, attempt, ..
            } => self.scheduled(step, *direction, *attempt),
            Event::StepStarted {
                step,
                direction,
                attempt,
                worker,
                ..
            } => self.started(step, *direction, *attempt, worker, at),
            Event::StepSucceeded {
                step,
                attempt,
                summary,
                artifacts,
                ..
            } => {
                let mutates = plan.step(step).is_some_and(|step| step.change.mutates());
                self.succeeded(step, *attempt, summary, artifacts, mutates, at)
            }
            Event::StepFailed {
                step,
                direction,
                attempt,
                kind,
                effect,
                message,
                ..
            } => self.failed(step, *direction, *attempt, (*kind, *effect, message), at),
            Event::StepSkipped { step, .. } => self.skipped(step, at),
            Event::StepUndone {
                step, attempt, summary, ..
            } => self.undone(step, *attempt, summary, at),
            Event::WorkflowFinished { outcome, cause, .. } => {
                self.ended = Some((*outcome, cause.clone()));
                self.ended_at = Some(at);
                true
            }
            _ => false,
        }
    }

    // Waiting | Failed => Scheduled; Succeeded | Failed => UndoScheduled; UndoFailed => UndoScheduled (tried again)
    fn scheduled(&mut self, step: &StepId, direction: Direction, attempt: u32) -> bool {
        let Some(run) = self.steps.get_mut(step) else { return false };
        match (direction, &run.state) {
            (Direction::Forward, StepState::Waiting | StepState::Failed { .. }) if attempt == run.attempts + 1 => {
                run.state = StepState::Scheduled;
                run.attempts = attempt;
                true
            }
            (Direction::Undo, StepState::Succeeded | StepState::Failed { .. } | StepState::UndoFailed { .. })
                if attempt == run.undo_attempts + 1 =>
            {
                run.state = StepState::UndoScheduled;
                run.undo_attempts = attempt;
                true
            }
            _ => false,
        }
    }

    // Scheduled | Running => Running (a second worker took over); the same for undo
    fn started(&mut self, step: &StepId, direction: Direction, attempt: u32, worker: &WorkerId, at: Timestamp) -> bool {
        let Some(run) = self.steps.get_mut(step) else { return false };
        match (direction, &run.state) {
            (Direction::Forward, StepState::Scheduled | StepState::Running { .. }) if attempt == run.attempts => {
                run.state = StepState::Running { worker: worker.clone() };
                run.started.get_or_insert(at);
                true
            }
            (Direction::Undo, StepState::UndoScheduled | StepState::Undoing { .. }) if attempt == run.undo_attempts => {
                run.state = StepState::Undoing { worker: worker.clone() };
                true
            }
            _ => false,
        }
    }

    // Running => Succeeded
    fn succeeded(&mut self, step: &StepId, attempt: u32, summary: &str, artifacts: &[Artifact], mutates: bool, at: Timestamp) -> bool {
        let Some(run) = self.steps.get_mut(step) else { return false };
        if !matches!(run.state, StepState::Running { .. }) || attempt != run.attempts {
            return false;
        }
        run.state = StepState::Succeeded;
        run.failure = None;
        run.finished = Some(at);
        summary.clone_into(&mut run.summary);
        artifacts.clone_into(&mut run.artifacts);
        if mutates {
            run.effect = Effect::Applied;
            self.remember_effect(step);
        }
        true
    }

    // Running => Failed; Undoing => UndoFailed
    fn failed(
        &mut self,
        step: &StepId,
        direction: Direction,
        attempt: u32,
        (kind, effect, message): (FailureKind, Effect, &str),
        at: Timestamp,
    ) -> bool {
        let Some(run) = self.steps.get_mut(step) else { return false };
        match (direction, &run.state) {
            (Direction::Forward, StepState::Running { .. }) if attempt == run.attempts => {
                run.state = StepState::Failed {
                    kind,
                    message: message.to_owned(),
                };
                run.failure = Some(StepFailure {
                    kind,
                    message: message.to_owned(),
                    at,
                });
                run.finished = Some(at);
                if effect != Effect::None {
                    run.effect = effect;
                    self.remember_effect(step);
                }
                true
            }
            (Direction::Undo, StepState::Undoing { .. }) if attempt == run.undo_attempts => {
                run.state = StepState::UndoFailed {
                    kind,
                    message: message.to_owned(),
                };
                run.finished = Some(at);
                true
            }
            _ => false,
        }
    }

    // Waiting | Failed => Skipped
    fn skipped(&mut self, step: &StepId, at: Timestamp) -> bool {
        let Some(run) = self.steps.get_mut(step) else { return false };
        let fits = matches!(run.state, StepState::Waiting | StepState::Failed { .. }) && run.effect == Effect::None;
        if fits {
            run.state = StepState::Skipped;
            run.failure = None;
            run.finished = Some(at);
        }
        fits
    }

    // Undoing => Undone
    fn undone(&mut self, step: &StepId, attempt: u32, summary: &str, at: Timestamp) -> bool {
        let Some(run) = self.steps.get_mut(step) else { return false };
        if !matches!(run.state, StepState::Undoing { .. }) || attempt != run.undo_attempts {
            return false;
        }
        run.state = StepState::Undone;
        run.effect = Effect::None;
        run.finished = Some(at);
        summary.clone_into(&mut run.summary);
        self.effects.retain(|id| id != step);
        true
    }

    fn remember_effect(&mut self, step: &StepId) {
        if !self.effects.contains(step) {
            self.effects.push(step.clone());
        }
    }

    /// Steps whose dependencies are satisfied and that nobody has taken yet.
    pub fn unblocked<'a>(&'a self, plan: &'a Plan) -> impl Iterator<Item = &'a Step> {
        plan.steps.iter().filter(|step| {
            self.steps.get(&step.id).is_some_and(|run| run.state == StepState::Waiting)
                && step.depends_on.iter().all(|dependency| self.satisfied(dependency))
        })
    }
}
