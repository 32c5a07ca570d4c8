//! Approval: asks people about gates, counts their answers, ends questions that nobody answered.
//!
//! [`core`] decides (who may answer what, once); [`shell`] meets the bus, browsers and gRPC.
//!
//! Identity: through gRPC and the command line it comes from the bearer token, never from the request, once
//! people are configured; through a signed link it is whose address the link was sent to, from Slack whose user it is.

mod app;
pub mod config;
pub mod core;
pub mod metrics;
pub mod shell;

pub use app::build;
pub use config::Config;

/// Defaults of the `[approval]` section.
pub const DEFAULTS: &str = include_str!("../defaults.toml");
