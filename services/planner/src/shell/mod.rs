//! Talking to the executor, the bus and callers.

pub mod claims;
pub mod diagnoses;
pub mod executor;
pub mod learn;
pub mod make;
pub mod preview;
pub mod propose;
pub mod records;
pub mod revise;
