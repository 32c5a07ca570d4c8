//! Decisions: what to schedule, whether a worker may change something now, and what exactly an action changes.

pub mod actions;
pub mod advance;
pub mod context;
pub mod outcome;
pub mod patch;
pub mod permit;
pub mod prepare;
pub mod redact;
pub mod rollout;
pub mod rules;
