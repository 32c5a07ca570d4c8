//! Why a decision does not count.

use jiff::Timestamp;
use paramedic_domain::{
    approval::Answer,
    digest::Digest,
    id::{GateId, IncidentId, PlanId},
    people::Role,
};

/// A decision that does not count, with the sentence its author reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is nothing to decide on.
    #[error("{incident} has no plan that waits for approval; see `paramedic show {incident}`")]
    NoPlan {
        /// Incident.
        incident: IncidentId,
    },
    /// No plan of the incident ever had this gate.
    #[error("{incident} has no gate {gate}; see `paramedic show {incident}` for the gates of its plan")]
    UnknownGate {
        /// Incident.
        incident: IncidentId,
        /// Gate.
        gate: GateId,
    },
    /// The gate belongs to a plan that has been replaced.
    #[error("{gate} belongs to {plan}, which a newer plan has replaced: look at the newer plan and decide on that")]
    OlderPlan {
        /// Gate.
        gate: GateId,
        /// Its plan.
        plan: PlanId,
    },
    /// The incident or the run is over.
    #[error("{incident} is over ({how}): no answer is needed any more")]
    Over {
        /// Incident.
        incident: IncidentId,
        /// How.
        how: String,
    },
    /// The gate has not asked yet.
    #[error("{gate} has not asked yet: try again in a moment")]
    NotAsked {
        /// Gate.
        gate: GateId,
    },
    /// What the person saw is not what would run.
    #[error("the change you looked at ({shown}) is not the change that {gate} asks about ({current}): look again and decide on that")]
    WrongDigest {
        /// Gate.
        gate: GateId,
        /// What the decision names.
        shown: Digest,
        /// What the gate holds.
        current: Digest,
    },
    /// Somebody was earlier.
    #[error("{gate} was already {} by {by} at {at}: a decided gate is never reopened", past(*.answer))]
    AlreadyDecided {
        /// Gate.
        gate: GateId,
        /// How.
        answer: Answer,
        /// By whom.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// Two pairs of eyes are wanted, and these have seen it.
    #[error("{by} asked for this change: {gate} wants the approval of others")]
    OwnRequest {
        /// Gate.
        gate: GateId,
        /// Who asked.
        by: String,
    },
    /// The person is not somebody who may.
    #[error("{by} may not {} {gate}: that takes the role {role} in {place}, which the people file does not give (any more)", verb(*.answer))]
    NoRole {
        /// Gate.
        gate: GateId,
        /// Who.
        by: String,
        /// What they wanted.
        answer: Answer,
        /// The role that they lack.
        role: Role,
        /// Where the change is.
        place: String,
    },
    /// Policy wants others.
    #[error("{gate} wants the approval of {wanted}, and {by} is none of them: ask one of them, or an admin")]
    NotAmong {
        /// Gate.
        gate: GateId,
        /// Who.
        by: String,
        /// Whose approval is wanted, in words.
        wanted: String,
    },
    /// Too late.
    #[error("{gate} expired at {at}: nothing will run from this plan, ask for a new one")]
    Expired {
        /// Gate.
        gate: GateId,
        /// When.
        at: Timestamp,
    },
    /// The person's approval is already counted; other people's are still needed.
    #[error("the approval of {by} is already counted for {gate}: {missing} more must come from other people")]
    AlreadyCounted {
        /// Gate.
        gate: GateId,
        /// Person.
        by: String,
        /// Approvals still missing.
        missing: u32,
    },
    /// The reason is longer than anybody reads.
    #[error("the reason has {characters} characters; at most {max} are kept")]
    ReasonTooLong {
        /// Found.
        characters: usize,
        /// Allowed.
        max: usize,
    },
}

impl Refusal {
    /// A stable word for metrics and for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoPlan { .. } => "no_plan",
            Self::UnknownGate { .. } => "unknown_gate",
            Self::OlderPlan { .. } => "older_plan",
            Self::Over { .. } => "over",
            Self::NotAsked { .. } => "not_asked",
            Self::WrongDigest { .. } => "wrong_digest",
            Self::AlreadyDecided { .. } => "already_decided",
            Self::NoRole { .. } => "no_role",
            Self::NotAmong { .. } => "not_among",
            Self::Expired { .. } => "expired",
            Self::OwnRequest { .. } => "own_request",
            Self::AlreadyCounted { .. } => "already_counted",
            Self::ReasonTooLong { .. } => "reason_too_long",
        }
    }
}

fn verb(answer: Answer) -> &'static str {
    match answer {
        Answer::Approve => "approve",
        Answer::Deny => "deny",
    }
}

fn past(answer: Answer) -> &'static str {
    match answer {
        Answer::Approve => "approved",
        Answer::Deny => "denied",
    }
}
