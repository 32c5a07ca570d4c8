//! The executor against a simulated cluster on the embedded bus: each change is made once, whatever is repeated or dies.

#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "shared with the tests of outside systems, which use more of it")]
#[path = "../stage/mod.rs"]
mod stage;
use stage::{faults, recommended, story};

mod drift;
mod every;
mod expiry;
mod once;
mod prepared;
mod room;
mod seven_steps;
