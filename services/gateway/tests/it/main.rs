//! The gateway over real HTTP on a real embedded bus.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]

mod alertmanager;
mod bad_input;
mod correlation;
mod faults;
mod flaky;
mod formats;
mod harness;
mod hostile;
mod intake;
mod kubernetes_events;
mod load;
mod mtls;
mod quiet;
mod requests;
mod sources;
mod spool;
mod takeover;
mod topology;
