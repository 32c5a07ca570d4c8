//! Decisions of the console: no I/O, no clock.

pub mod cancel;
pub mod catalogue;
pub mod regroup;
pub mod windows;
