//! How much may run, and the decision on one step. What decides is the crate `paramedic-policy`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How much the operator lets run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// No mutation, ever.
    Observe,
    /// Reads run; mutations by policy.
    Standard,
    /// Policy may approve up to its ceiling.
    Autonomous,
}

/// The decision on one step, with the sentence that is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "decision")]
pub enum Decision {
    /// Runs without asking.
    Auto {
        /// Why.
        reason: String,
    },
    /// Waits for people.
    Ask {
        /// Why.
        reason: String,
        /// Approvals needed.
        quorum: u32,
        /// How long the question stands.
        expires_after: Duration,
    },
    /// Must not run.
    Deny {
        /// Why.
        reason: String,
    },
}

/// How long a question stands by default: long enough for a page and its escalation, short enough that the world
/// the change was computed for still resembles the present one.
pub const DEFAULT_EXPIRY: Duration = Duration::from_secs(30 * 60);
