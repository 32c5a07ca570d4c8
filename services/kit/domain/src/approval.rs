//! Decisions of people.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{digest::Digest, id::GateId};

/// Where a decision was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// Command line.
    Cli,
    /// A signed link in an email.
    Email,
    /// Slack.
    Slack,
    /// The web console.
    Web,
    /// Another program through gRPC.
    Grpc,
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// Approve.
    Approve,
    /// Deny.
    Deny,
}

/// One person's decision on one gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Which gate.
    pub gate: GateId,
    /// The digest the person saw.
    pub digest: Digest,
    /// Verified identity.
    pub by: String,
    /// Where.
    pub channel: Channel,
    /// The person's words; may be empty.
    pub reason: String,
    /// What gave the person the right to it, as in `approver in shop` or `approver in shop for ann@example.com`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub right: String,
    /// Who had lent them that right; empty: nobody, it was their own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub behalf_of: String,
    /// Digest of the policy that asked; `None`: the plan knows none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Digest>,
}

/// What was done so that somebody answers a question.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pursuit {
    /// The last reminder, counted from 1; 0: none yet.
    pub reminders: u32,
    /// Escalations that happened: as many of those that apply, in their order.
    pub escalations: u32,
    /// Who is looking at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledged>,
}

/// Somebody is looking at a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// Who.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
}

/// Where a gate stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum GateState {
    /// In the plan, nobody asked yet.
    Planned,
    /// Asked.
    Waiting {
        /// When it was asked.
        since: Timestamp,
        /// When the question ends.
        expires_at: Timestamp,
        /// Approvals so far, one per person.
        approvals: Vec<Decision>,
        /// What was done so that somebody answers.
        #[serde(default)]
        pursuit: Pursuit,
    },
    /// Enough people agreed.
    Granted {
        /// When.
        at: Timestamp,
        /// Who.
        approvals: Vec<Decision>,
    },
    /// Somebody said no.
    Denied {
        /// When.
        at: Timestamp,
        /// Who.
        decision: Decision,
    },
    /// Nobody answered in time.
    Expired {
        /// When.
        at: Timestamp,
    },
}
