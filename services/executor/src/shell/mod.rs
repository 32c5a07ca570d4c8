//! Everything that talks to somebody.

pub mod advance;
mod artifacts;
mod calls;
mod confirm;
mod control;
mod crash;
mod diagnostics;
mod exec;
mod failure;
mod health;
pub mod kubernetes;
mod notify;
mod observe;
mod operations;
pub mod prepare;
pub mod worker;
