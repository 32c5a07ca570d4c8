//! A simulated Kubernetes cluster behind the real REST API, with the Prometheus, Loki and Jaeger of the same workloads.
//!
//! - [`alerting`]: alert rules and their webhook
//! - [`api`]: the REST API
//! - [`audit`]: every request it answered
//! - [`clock`]: simulated time
//! - [`commands`]: command-line tools as they were recorded
//! - [`recording`]: clusters as they were recorded
//! - [`scenario`]: clusters, behaviours and faults as data
//! - [`Simulator`]: all of it, behind one listener ([`server`])
//! - [`store`]: the objects, their versions and the change log
//! - [`telemetry`]: Prometheus, Loki and Jaeger
//! - [`world`]: controllers, scheduler and kubelets

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod alerting;
pub mod api;
pub mod audit;
pub mod clock;
pub mod commands;
pub mod recording;
pub mod scenario;
pub mod server;
mod simulator;
mod stage;
pub mod store;
pub mod telemetry;
pub mod world;

pub use self::{
    alerting::Webhook,
    audit::Entry as AuditEntry,
    recording::{Begin, Recording, RequestPattern, Source},
    scenario::Scenario,
    simulator::{Cluster, Options, Simulator},
};
