//! The analysis service against a simulated cluster and a real bus.

#![allow(clippy::unwrap_used, missing_docs)]

mod diagnoses;
mod role;
mod world;
