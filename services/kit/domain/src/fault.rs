//! One question about every failure: what now?

use serde::{Deserialize, Serialize};

/// Why a step failed, in the terms of what follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// May work when tried again (timeouts, 429, 5xx, no connection).
    Transient,
    /// Will not work like this (refused, invalid, forbidden).
    Permanent,
    /// The object is no longer as it was approved: a new plan is needed.
    Drift,
    /// Did not finish in time.
    Timeout,
    /// The lease of the target is held by another workflow, or was lost.
    LeaseLost,
    /// Policy, approval or digest forbid it.
    Forbidden,
}

/// What is known of the effect of a step that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing was changed.
    None,
    /// The change is in the cluster.
    Applied,
    /// Nobody can tell: the undo must find out.
    Unknown,
}
