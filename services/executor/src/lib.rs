//! The executor: runs workflows of approved changes, each effect exactly once, and puts back what a failed one left.
//!
//! [`core`] decides (what to schedule, whether a worker may act, what exactly an action changes); [`shell`] talks to the
//! cluster, the bus and the planner; [`app`] puts the role together.

pub mod app;
pub mod config;
pub mod core;
mod metrics;
pub mod shell;

pub use app::build;
pub use config::{Config, DEFAULTS};
