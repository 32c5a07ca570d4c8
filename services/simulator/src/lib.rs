//! A simulated Kubernetes cluster behind the real REST API, with the Prometheus, Loki and Jaeger of the same workloads.
//!
//! - [`api`]: the REST API
//! - [`store`]: the objects, their versions and the change log

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod api;
pub mod store;
