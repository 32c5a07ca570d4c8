//! Metrics, logs and traces of the simulated workloads behind the query APIs of Prometheus, Loki and Jaeger.
//!
//! - [`series`]: labels, samples and the source of both
//! - [`containers`], [`requests`], [`state`]: where series come from
//! - [`promql`]: evaluation
//! - [`prometheus`]: HTTP

pub(crate) mod containers;
pub(crate) mod prometheus;
pub(crate) mod promql;
pub(crate) mod requests;
pub(crate) mod series;
pub(crate) mod source;
pub(crate) mod state;

pub use self::prometheus::router as prometheus_router;
