//! A simulated Kubernetes cluster behind the real REST API, with the Prometheus, Loki and Jaeger of the same workloads.
//!
//! - [`api`]: the REST API
//! - [`audit`]: every request it answered
//! - [`clock`]: simulated time
//! - [`server`]: the listener
//! - [`store`]: the objects, their versions and the change log

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod api;
pub mod audit;
pub mod clock;
pub mod server;
pub mod store;
