//! What the wire promises: golden files stay readable, every envelope survives, bad ones are named.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]

mod bad_input;
mod golden;
mod round_trip;
mod samples;
mod strategies;
