//! Decisions: which steps begin, and whether a worker may change something now.

pub mod advance;
pub mod control;
pub mod costs;
pub mod expiry;
pub mod limits;
pub mod markup;
pub mod outcome;
pub mod permit;
pub mod recorded;
pub mod rules;
pub mod saved_plan;
