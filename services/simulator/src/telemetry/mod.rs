//! Metrics, logs and traces of the simulated workloads behind the query APIs of Prometheus, Loki, Jaeger and Tempo.
//!
//! - `series`: labels and samples, `source`: all of them in one place
//! - `containers`, `requests`, `volumes`, `state`: where series come from
//! - `promql`: evaluation, `traces`: request traces
//! - `prometheus`, `loki` with `logql`, `jaeger`, `tempo`: HTTP, over whatever kind of cluster
//! - `streams`: where log lines come from

pub(crate) mod containers;
pub(crate) mod jaeger;
pub(crate) mod logql;
pub(crate) mod loki;
pub(crate) mod params;
pub(crate) mod prometheus;
pub(crate) mod promql;
pub(crate) mod requests;
pub(crate) mod series;
pub(crate) mod source;
#[cfg(test)]
mod spreading;
pub(crate) mod state;
mod streams;
pub(crate) mod tempo;
#[cfg(test)]
mod tests;
pub(crate) mod traces;
pub(crate) mod volumes;

pub(crate) use self::{
    jaeger::router as jaeger_router, loki::router as loki_router, prometheus::router as prometheus_router, tempo::router as tempo_router,
};
