//! Talking to the executor, the bus and callers.

pub mod diagnoses;
pub mod executor;
pub mod make;
pub mod preview;
