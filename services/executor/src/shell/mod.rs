//! Everything that talks to somebody.

pub mod advance;
mod apply;
mod artifacts;
mod confirm;
mod crash;
mod delete;
mod diagnostics;
mod exec;
mod failure;
mod health;
pub mod kubernetes;
mod notify;
mod observe;
pub mod prepare;
mod undo;
pub mod worker;
