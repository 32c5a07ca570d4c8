//! Everything that talks to somebody.

mod artifacts;
pub mod calls;
mod confirm;
mod control;
mod correlate;
mod costs;
mod crash;
mod diagnostics;
pub mod engine;
mod exec;
pub(crate) mod expiry;
mod failure;
mod health;
pub mod kubernetes;
pub(crate) mod limits;
mod notify;
mod observe;
mod operations;
mod pause;
pub mod prepare;
mod prometheus;
mod run;
pub mod worker;
