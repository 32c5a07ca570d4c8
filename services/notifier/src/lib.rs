//! Notifier: tells people, through every configured channel, what happens to their incidents.
//!
//! [`core`] composes and renders; [`shell`] delivers. Each message owed is derived from the log, sent in the log's
//! order, one thread per incident and recipient, and recorded there when its provider took it.

mod app;
pub mod config;
pub mod core;
pub mod metrics;
pub mod shell;

pub use app::build;
pub use config::Config;

/// Defaults of the `[notifier]` section.
pub const DEFAULTS: &str = include_str!("../defaults.toml");
