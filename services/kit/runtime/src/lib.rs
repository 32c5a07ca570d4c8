//! The life of a process: configuration, telemetry, clock, listeners, tasks, drain.
//!
//! A service crate builds a [`Role`] from its configuration and a [`Kit`]; [`serve`] gives roles ports and runs them.

pub mod admin;
pub mod boot;
pub mod caller;
pub mod clock;
pub mod config;
pub mod git;
pub mod grpc;
pub mod http;
pub mod kubernetes;
pub mod program;
mod reloaded;
pub mod serve;
pub mod service;
pub mod tasks;
pub mod telemetry;
pub mod tls;

pub use clock::Clock;
pub use reloaded::{People, Policies};
pub use service::{ClusterAccess, GrpcService, Kit, Role, Task, WithoutBus};
