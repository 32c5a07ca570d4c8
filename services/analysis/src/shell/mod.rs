//! Probes, the bus and callers.

pub mod alertmanager;
mod complaints;
mod estate;
pub mod gather;
pub mod incidents;
pub mod investigate;
pub mod kubernetes;
mod loki;
mod mcp;
pub mod measure;
pub mod meter;
pub mod model;
mod onsets;
pub mod outcomes;
mod podlogs;
pub mod probes;
pub mod prometheus;
mod reader;
pub mod request;
mod resolve;
mod rights;
pub mod rules;
mod signals;
mod snapshot;
mod telemetry;
mod traces;
pub mod tracing;
