//! The state of a running plan: which step is where, which effects are in the cluster.

mod transitions;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    event::{Artifact, FailureCause, WorkflowOutcome},
    fault::{Effect, FailureKind},
    id::{EventId, StepId, WorkerId},
    plan::{Gate, Plan, Step},
};

/// Where a step stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum StepState {
    /// Not yet allowed to run.
    Waiting,
    /// A worker said it began.
    Running {
        /// Which.
        worker: WorkerId,
    },
    /// Done and observed.
    Succeeded,
    /// Failed; may be tried again when the kind is transient.
    Failed {
        /// Why.
        kind: FailureKind,
        /// What the worker said.
        message: String,
    },
    /// Taken out by a person.
    Skipped,
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
    /// Forward attempts so far.
    pub attempts: u32,
    /// Undo attempts so far.
    pub undo_attempts: u32,
    /// When a worker first began.
    pub started: Option<Timestamp>,
    /// When a worker first began the latest attempt, forward or undo.
    #[serde(default)]
    pub began: Option<Timestamp>,
    /// The event whose handling the latest attempt is part of: who handles it again takes the attempt over.
    #[serde(default)]
    pub cause: Option<EventId>,
    /// Who had the latest attempt in hand, one after the other.
    #[serde(default)]
    pub workers: Vec<WorkerId>,
    /// When it succeeded, failed, was skipped or undone.
    pub finished: Option<Timestamp>,
    /// What is known of its effect.
    pub effect: Effect,
    /// How its last forward attempt failed, kept while its effect is undone; `None` once it succeeded or was skipped.
    #[serde(default)]
    pub failure: Option<StepFailure>,
    /// What it reported.
    pub summary: String,
    /// How far it has come, while it runs.
    #[serde(default)]
    pub progress: Option<String>,
    /// What it kept.
    pub artifacts: Vec<Artifact>,
}

/// A person's word on a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// What becomes of the effects of a failed workflow whose plan asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum RollbackState {
    /// Nobody was asked yet.
    Open,
    /// People were asked.
    Asked {
        /// Until then.
        expires_at: Timestamp,
    },
    /// A person said it.
    Decided {
        /// Effects are undone.
        undo: bool,
        /// Who, why and when.
        word: Word,
    },
}

/// A run of one plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Every step of the plan.
    pub steps: BTreeMap<StepId, StepRun>,
    /// Steps whose change is (or may be) in the cluster, in the order it got there.
    pub effects: Vec<StepId>,
    /// When its plan was proposed.
    pub since: Timestamp,
    /// No further step starts while this stands.
    #[serde(default)]
    pub paused: Option<Word>,
    /// How long it was paused before, which its deadline does not count.
    #[serde(default)]
    pub paused_for: SignedDuration,
    /// A person ended it.
    #[serde(default)]
    pub cancelled: Option<Word>,
    /// What people say about its effects after a failure.
    pub rollback: RollbackState,
    /// How it ended, and why if not well.
    pub ended: Option<(WorkflowOutcome, Option<FailureCause>)>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl Word {
    fn new(by: &str, reason: &str, at: Timestamp) -> Self {
        Self {
            by: by.to_owned(),
            reason: reason.to_owned(),
            at,
        }
    }
}

impl Run {
    /// A run in which nothing has happened.
    #[must_use]
    pub fn new(plan: &Plan, since: Timestamp) -> Self {
        let waiting = StepRun {
            state: StepState::Waiting,
            attempts: 0,
            undo_attempts: 0,
            started: None,
            began: None,
            cause: None,
            workers: Vec::new(),
            finished: None,
            effect: Effect::None,
            failure: None,
            summary: String::new(),
            progress: None,
            artifacts: Vec::new(),
        };
        Self {
            steps: plan.steps.iter().map(|step| (step.id.clone(), waiting.clone())).collect(),
            effects: Vec::new(),
            since,
            paused: None,
            paused_for: SignedDuration::ZERO,
            cancelled: None,
            rollback: RollbackState::Open,
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

    /// Whether the answer to a question still decides anything: a step behind it is neither done nor taken out by a person.
    #[must_use]
    pub fn needs(&self, gate: &Gate) -> bool {
        gate.steps.iter().any(|step| !self.satisfied(step))
    }

    /// When the workflow has to be through with its forward steps; `None` without a limit, and while it is paused in time: a pause
    /// that comes too late brings no time back.
    #[must_use]
    pub fn deadline(&self, plan: &Plan) -> Option<Timestamp> {
        let limit = SignedDuration::try_from(plan.deadline?).unwrap_or(SignedDuration::MAX);
        let deadline = self.since.checked_add(limit.checked_add(self.paused_for)?).ok()?;
        let in_time = self.paused.as_ref().is_some_and(|word| word.at < deadline);
        (!in_time).then_some(deadline)
    }

    /// Whether a worker may be busy with the step.
    #[must_use]
    pub fn busy(&self) -> bool {
        self.steps.values().any(|run| match run.state {
            StepState::Running { .. } | StepState::Undoing { .. } => true,
            StepState::Waiting
            | StepState::Succeeded
            | StepState::Failed { .. }
            | StepState::Skipped
            | StepState::Undone
            | StepState::UndoFailed { .. } => false,
        })
    }

    /// Steps whose dependencies are satisfied and that nobody has taken yet.
    pub fn unblocked<'a>(&'a self, plan: &'a Plan) -> impl Iterator<Item = &'a Step> {
        plan.steps.iter().filter(|step| {
            self.steps.get(&step.id).is_some_and(|run| run.state == StepState::Waiting)
                && step.depends_on.iter().all(|dependency| self.satisfied(dependency))
        })
    }
}
