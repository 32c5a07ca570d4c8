//! The executor with a simulated cluster and stand-ins of outside systems, on the embedded bus: each change is made once, whatever is
//! repeated or dies.

#![allow(clippy::unwrap_used)]

mod cluster;
mod outside;
mod stage;
use stage::{faults, recommended, story};
