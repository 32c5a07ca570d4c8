//! The Kubernetes REST API over the [`crate::store`].
//!
//! - [`backend`]: logs and commands, answered by the simulated kubelets
//! - [`metrics`]: current use, answered by the simulated telemetry

pub mod backend;
pub mod metrics;
