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
