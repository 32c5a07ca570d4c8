//! How events move a run from state to state. An event that does not fit changes nothing.

use jiff::Timestamp;

use super::{RollbackState, Run, StepFailure, StepState, Word};
use crate::{
    event::{Artifact, Direction, Event},
    fault::{Effect, FailureKind},
    id::{EventId, StepId, WorkerId},
    plan::Plan,
};

impl Run {
    /// Applies an event of this plan. An event that does not fit the state changes nothing and returns `false`:
    /// the log may hold it, the state never bends to it. `cause` is the event whose handling led to it.
    pub fn apply(&mut self, plan: &Plan, event: &Event, at: Timestamp, cause: Option<&EventId>) -> bool {
        if self.ended.is_some() {
            return false;
        }
        match event {
            Event::StepStarted {
                step,
                direction,
                attempt,
                worker,
                ..
            } => self.started(step, (*direction, *attempt), worker, cause, at),
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
            Event::StepProgressed {
                step,
                direction,
                attempt,
                message,
                ..
            } => self.progressed(step, *direction, *attempt, message),
            Event::WorkflowPaused { by, reason, .. } => {
                let fits = self.paused.is_none();
                self.paused.get_or_insert(Word::new(by, reason, at));
                fits
            }
            Event::WorkflowResumed { .. } => self.resumed(at),
            Event::WorkflowCancelled { by, reason, .. } => {
                let fits = self.cancelled.is_none();
                self.cancelled.get_or_insert(Word::new(by, reason, at));
                fits
            }
            Event::RollbackAsked { expires_at, .. } => self.rollback_asked(*expires_at),
            Event::RollbackDecided { undo, by, reason, .. } => self.rollback_decided(*undo, Word::new(by, reason, at)),
            Event::WorkflowFinished { outcome, cause, .. } => {
                self.ended = Some((*outcome, cause.clone()));
                self.ended_at = Some(at);
                true
            }
            _ => false,
        }
    }

    // Waiting | Failed => Running; Succeeded | Failed | UndoFailed => Undoing, with the next number; the same number: a second
    // worker took over
    fn started(
        &mut self,
        step: &StepId,
        (direction, attempt): (Direction, u32),
        worker: &WorkerId,
        cause: Option<&EventId>,
        at: Timestamp,
    ) -> bool {
        let Some(run) = self.steps.get_mut(step) else { return false };
        let again = match (direction, &run.state) {
            (Direction::Forward, StepState::Waiting | StepState::Failed { .. }) if attempt == run.attempts + 1 => false,
            (Direction::Forward, StepState::Running { .. }) if attempt == run.attempts => true,
            (Direction::Undo, StepState::Succeeded | StepState::Failed { .. } | StepState::UndoFailed { .. })
                if attempt == run.undo_attempts + 1 =>
            {
                false
            }
            (Direction::Undo, StepState::Undoing { .. }) if attempt == run.undo_attempts => true,
            _ => return false,
        };
        if !again {
            run.began = Some(at);
            run.workers.clear();
        }
        run.workers.push(worker.clone());
        let worker = worker.clone();
        match direction {
            Direction::Forward => {
                run.state = StepState::Running { worker };
                run.attempts = attempt;
                run.started.get_or_insert(at);
            }
            Direction::Undo => {
                run.state = StepState::Undoing { worker };
                run.undo_attempts = attempt;
            }
        }
        run.cause = cause.cloned();
        true
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

    /// The effect of the step went by itself when its time was over: there is nothing left of it to undo.
    pub(crate) fn expired(&mut self, step: &StepId) {
        if let Some(run) = self.steps.get_mut(step) {
            run.effect = Effect::None;
        }
        self.effects.retain(|id| id != step);
    }

    // Running | Undoing => the same, with news
    fn progressed(&mut self, step: &StepId, direction: Direction, attempt: u32, message: &str) -> bool {
        let Some(run) = self.steps.get_mut(step) else { return false };
        let current = match (direction, &run.state) {
            (Direction::Forward, StepState::Running { .. }) => attempt == run.attempts,
            (Direction::Undo, StepState::Undoing { .. }) => attempt == run.undo_attempts,
            _ => false,
        };
        if current {
            run.progress = Some(message.to_owned());
        }
        current
    }

    // paused => not paused
    fn resumed(&mut self, at: Timestamp) -> bool {
        let Some(word) = self.paused.take() else { return false };
        self.paused_for = self.paused_for.saturating_add(at.duration_since(word.at));
        true
    }

    // Open => Asked
    fn rollback_asked(&mut self, expires_at: Timestamp) -> bool {
        match self.rollback {
            RollbackState::Open => {
                self.rollback = RollbackState::Asked { expires_at };
                true
            }
            RollbackState::Asked { .. } | RollbackState::Decided { .. } => false,
        }
    }

    // Asked => Decided, in time
    fn rollback_decided(&mut self, undo: bool, word: Word) -> bool {
        match self.rollback {
            RollbackState::Asked { expires_at } if word.at < expires_at => {
                self.rollback = RollbackState::Decided { undo, word };
                true
            }
            RollbackState::Open | RollbackState::Asked { .. } | RollbackState::Decided { .. } => false,
        }
    }

    fn remember_effect(&mut self, step: &StepId) {
        if !self.effects.contains(step) {
            self.effects.push(step.clone());
        }
    }
}
