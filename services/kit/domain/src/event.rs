//! Everything that can happen to an incident, in the past tense.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    alert::{Alert, Priority, Severity},
    approval::{Channel, Decision},
    correlation::{Position, Ranking},
    diagnosis::Diagnosis,
    digest::Digest,
    evidence::Evidence,
    fault::{Effect, FailureKind},
    id::{GateId, IncidentId, PlanId, StepId, WorkerId},
    plan::{Plan, Refusal, StepEdit},
    request::ChangeRequest,
    verification::Verification,
};

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Forward, or putting an effect back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The step's change.
    Forward,
    /// Its inverse.
    Undo,
}

/// A file a step produced, kept in the `artifacts` bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Name in the bucket.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Digest of the content.
    pub digest: Digest,
}

/// How a workflow ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowOutcome {
    /// Every step succeeded or was skipped by a person.
    Succeeded,
    /// It failed; nothing is left of it (or nothing had been changed).
    RolledBack,
    /// It failed and effects stay because the plan or a person said so.
    Failed,
    /// It failed and an effect could not be undone: a person was paged.
    Stuck,
    /// A person stopped it.
    Cancelled,
}

/// Why a workflow did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "cause")]
pub enum FailureCause {
    /// A step failed for good.
    StepFailed {
        /// Which.
        step: StepId,
        /// Why.
        kind: FailureKind,
    },
    /// A person denied a gate.
    Denied {
        /// Which.
        gate: GateId,
    },
    /// A gate expired.
    Expired {
        /// Which.
        gate: GateId,
    },
    /// A person cancelled the workflow or closed the incident.
    Cancelled,
    /// It took longer than the plan allows.
    Deadline,
    /// A person asked for another plan.
    Superseded,
}

/// Where a notification went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Idempotency key: channel and what it is about.
    pub key: String,
    /// `email`, `slack`, ...
    pub channel: String,
    /// Address or channel name.
    pub recipient: String,
    /// Subject line or first line.
    pub title: String,
    /// The provider's id of the message: Message-ID, Slack `ts`.
    pub message_id: String,
    /// The provider's id of the incident's thread.
    pub thread: String,
}

/// An event of an incident's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
#[allow(missing_docs, reason = "fields carry the types' own docs")]
pub enum Event {
    /// First event of every incident.
    IncidentOpened {
        title: String,
        severity: Severity,
        alerts: Vec<Alert>,
        traceparent: Option<String>,
        /// `None` where alerts opened it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<ChangeRequest>,
    },
    /// More alerts joined, or known ones changed.
    AlertsCorrelated {
        alerts: Vec<Alert>,
        reason: String,
        /// The same for each of the alerts, in their order; none: the one reason goes for all.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        reasons: Vec<String>,
        /// `None` where no correlator decided it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        position: Option<Position>,
    },
    /// Alerts ended.
    AlertsResolved { fingerprints: Vec<String>, at: Timestamp },
    /// Many alerts in little time.
    StormDeclared { alerts: u32, reason: String },
    /// What the alerts say about the cause. `title`: a headline that fits it.
    RootsRanked {
        ranking: Ranking,
        title: Option<String>,
        position: Position,
    },
    /// Alerts turned out not to belong here.
    AlertsDetached {
        fingerprints: Vec<String>,
        into: Option<IncidentId>,
        reason: String,
        position: Position,
    },
    /// This incident continues as another.
    IncidentMerged { into: IncidentId, reason: String },
    /// How urgent it is, where, and whose, by the rule that said so; empty: not known. The severity never falls.
    IncidentTriaged {
        severity: Severity,
        priority: Priority,
        environment: String,
        team: String,
        rule: String,
    },
    /// People, or another alert, keep quiet what still fires, until then where that is known.
    AlertsSuppressed {
        fingerprints: Vec<String>,
        by: String,
        until: Option<Timestamp>,
        /// `None` where no correlator decided it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        position: Option<Position>,
    },

    /// An investigation began.
    AnalysisStarted { attempt: u32 },
    /// It found a cause.
    DiagnosisReached { attempt: u32, diagnosis: Box<Diagnosis> },
    /// It found none it trusts.
    AnalysisInconclusive {
        attempt: u32,
        reasons: Vec<String>,
        evidence: Vec<Evidence>,
    },

    /// A plan, complete with exact changes and gates.
    PlanProposed { plan: Box<Plan> },
    /// No plan, and why.
    PlanRefused { attempt: u32, refusals: Vec<Refusal> },
    /// A person wants another of the plan's options, or other parameters: a new plan with a new digest follows.
    PlanRevised {
        plan: PlanId,
        option: u32,
        edits: Vec<StepEdit>,
        by: String,
        reason: String,
    },

    /// A gate asks.
    ApprovalRequested { plan: PlanId, gate: GateId, expires_at: Timestamp },
    /// One person agreed; the gate opens when its quorum is reached.
    ApprovalGranted { plan: PlanId, decision: Decision },
    /// One person said no; the gate is closed.
    ApprovalDenied { plan: PlanId, decision: Decision },
    /// Nobody answered in time.
    ApprovalExpired { plan: PlanId, gate: GateId },
    /// The next people were asked; `level` counts from 1.
    ApprovalEscalated {
        plan: PlanId,
        gate: GateId,
        to: String,
        #[serde(default, skip_serializing_if = "is_zero")]
        level: u32,
    },
    /// Nobody has decided yet, and people are reminded; `number` counts from 1.
    ApprovalReminded { plan: PlanId, gate: GateId, number: u32 },
    /// Somebody's answer did not count; the same refusal of the same person is written once.
    ApprovalRefused {
        gate: GateId,
        by: String,
        channel: Channel,
        code: String,
        reason: String,
    },
    /// Somebody is looking at it.
    ApprovalAcknowledged {
        plan: PlanId,
        gate: GateId,
        by: String,
        channel: Channel,
    },

    /// A worker took a step that may run now: written before anything is done. Whoever handles the event that caused it is
    /// who does the work, so that event is delivered again if the worker dies.
    StepStarted {
        plan: PlanId,
        step: StepId,
        direction: Direction,
        attempt: u32,
        worker: WorkerId,
    },
    /// Its effect is there and was observed.
    StepSucceeded {
        plan: PlanId,
        step: StepId,
        attempt: u32,
        summary: String,
        artifacts: Vec<Artifact>,
    },
    /// It failed.
    StepFailed {
        plan: PlanId,
        step: StepId,
        direction: Direction,
        attempt: u32,
        kind: FailureKind,
        effect: Effect,
        message: String,
    },
    /// A person took it out.
    StepSkipped {
        plan: PlanId,
        step: StepId,
        by: String,
        reason: String,
    },
    /// Its effect was put back.
    StepUndone {
        plan: PlanId,
        step: StepId,
        attempt: u32,
        summary: String,
    },
    /// How far a long step has come.
    StepProgressed {
        plan: PlanId,
        step: StepId,
        direction: Direction,
        attempt: u32,
        message: String,
    },
    /// What a step did must be gone by then; the message is the timer.
    ExpirySet { plan: PlanId, step: StepId, due: Timestamp },
    /// The effect of a step that must not stay was put back in time.
    StepExpired { plan: PlanId, step: StepId, summary: String },
    /// It could not be put back: a person must.
    StepExpiryFailed { plan: PlanId, step: StepId, message: String },
    /// A person stopped the workflow from starting further steps.
    WorkflowPaused { plan: PlanId, by: String, reason: String },
    /// A person let it go on.
    WorkflowResumed { plan: PlanId, by: String },
    /// A person ended it: what runs is finished, what was done is undone.
    WorkflowCancelled { plan: PlanId, by: String, reason: String },
    /// It failed, and people are asked what becomes of its effects.
    RollbackAsked {
        plan: PlanId,
        reason: String,
        expires_at: Timestamp,
    },
    /// A person said whether effects are undone.
    RollbackDecided {
        plan: PlanId,
        undo: bool,
        by: String,
        reason: String,
    },
    /// Nothing more will run.
    WorkflowFinished {
        plan: PlanId,
        outcome: WorkflowOutcome,
        cause: Option<FailureCause>,
    },

    /// The measurements say it worked.
    VerificationPassed { attempt: u32, verification: Box<Verification> },
    /// They say it did not.
    VerificationFailed { attempt: u32, verification: Box<Verification> },
    /// They do not say.
    VerificationInconclusive { attempt: u32, verification: Box<Verification> },

    /// The end: problem gone.
    IncidentResolved { reason: String },
    /// A person must take over.
    IncidentEscalated { reason: String },
    /// A person ended it.
    IncidentCancelled { by: String, reason: String },

    /// A message arrived at its provider.
    NotificationSent { receipt: Receipt },
    /// A message was given up.
    NotificationFailed {
        key: String,
        channel: String,
        error: String,
        next_try_in: Option<Duration>,
    },
}

impl Event {
    /// The last token of the event's subject.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::IncidentOpened { .. } => "incident_opened",
            Self::AlertsCorrelated { .. } => "alerts_correlated",
            Self::AlertsResolved { .. } => "alerts_resolved",
            Self::StormDeclared { .. } => "storm_declared",
            Self::RootsRanked { .. } => "roots_ranked",
            Self::AlertsDetached { .. } => "alerts_detached",
            Self::IncidentMerged { .. } => "incident_merged",
            Self::IncidentTriaged { .. } => "incident_triaged",
            Self::AlertsSuppressed { .. } => "alerts_suppressed",
            Self::AnalysisStarted { .. } => "analysis_started",
            Self::DiagnosisReached { .. } => "diagnosis_reached",
            Self::AnalysisInconclusive { .. } => "analysis_inconclusive",
            Self::PlanProposed { .. } => "plan_proposed",
            Self::PlanRefused { .. } => "plan_refused",
            Self::PlanRevised { .. } => "plan_revised",
            Self::ApprovalRequested { .. } => "approval_requested",
            Self::ApprovalGranted { .. } => "approval_granted",
            Self::ApprovalDenied { .. } => "approval_denied",
            Self::ApprovalExpired { .. } => "approval_expired",
            Self::ApprovalEscalated { .. } => "approval_escalated",
            Self::ApprovalReminded { .. } => "approval_reminded",
            Self::ApprovalRefused { .. } => "approval_refused",
            Self::ApprovalAcknowledged { .. } => "approval_acknowledged",
            Self::StepStarted { .. } => "step_started",
            Self::StepSucceeded { .. } => "step_succeeded",
            Self::StepFailed { .. } => "step_failed",
            Self::StepSkipped { .. } => "step_skipped",
            Self::StepUndone { .. } => "step_undone",
            Self::StepProgressed { .. } => "step_progressed",
            Self::ExpirySet { .. } => "expiry_set",
            Self::StepExpired { .. } => "step_expired",
            Self::StepExpiryFailed { .. } => "step_expiry_failed",
            Self::WorkflowPaused { .. } => "workflow_paused",
            Self::WorkflowResumed { .. } => "workflow_resumed",
            Self::WorkflowCancelled { .. } => "workflow_cancelled",
            Self::RollbackAsked { .. } => "rollback_asked",
            Self::RollbackDecided { .. } => "rollback_decided",
            Self::WorkflowFinished { .. } => "workflow_finished",
            Self::VerificationPassed { .. } => "verification_passed",
            Self::VerificationFailed { .. } => "verification_failed",
            Self::VerificationInconclusive { .. } => "verification_inconclusive",
            Self::IncidentResolved { .. } => "incident_resolved",
            Self::IncidentEscalated { .. } => "incident_escalated",
            Self::IncidentCancelled { .. } => "incident_cancelled",
            Self::NotificationSent { .. } => "notification_sent",
            Self::NotificationFailed { .. } => "notification_failed",
        }
    }
}
