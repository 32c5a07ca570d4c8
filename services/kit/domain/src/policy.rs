//! How much may run, and the decision on one step. What decides is the crate `paramedic-policy`.

use serde::{Deserialize, Serialize};

use crate::terms::Terms;

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
        /// Of whom, and how.
        terms: Terms,
    },
    /// Must not run.
    Deny {
        /// Why.
        reason: String,
    },
}
