//! `IncidentService` over real gRPC on a real embedded bus.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]

mod artifacts;
mod dead_letters;
mod harness;
mod maintenance;
mod queries;
mod regroup;
mod safety;
mod topology;
mod watching;
