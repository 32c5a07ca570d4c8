//! The planner on a real bus, asking a pretend executor over real gRPC.

#![allow(clippy::unwrap_used, missing_docs)]

mod executor;
mod history;
mod plans;
mod previews;
mod revisions;
mod together;
mod world;
