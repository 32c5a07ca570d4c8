//! The analysis service against a simulated cluster and a real bus.

#![allow(clippy::unwrap_used, missing_docs)]

mod bounded;
mod cases;
mod clouds;
mod deliveries;
mod diagnoses;
mod families;
mod mcp;
mod models;
mod neighbourhoods;
mod podlogs;
mod requests;
mod role;
mod sources;
mod timelines;
mod world;
