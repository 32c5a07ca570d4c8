//! The planner on a real bus, asking a pretend executor over real gRPC.

#![allow(clippy::unwrap_used, missing_docs)]

mod executor;
mod plans;
mod world;
