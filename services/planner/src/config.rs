//! Settings of the planner.

use std::time::Duration;

use paramedic_runtime::config::Invalid;
use serde::{Deserialize, Serialize};

/// Defaults of [`Config`].
pub const DEFAULTS: &str = include_str!("../defaults.toml");

/// The `[planner]` section; `defaults.toml` says what each key means.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// gRPC address of an executor.
    pub executor_url: String,
    /// Seconds.
    pub executor_timeout_seconds: u64,
    /// Seconds.
    pub patience_seconds: u64,
    /// Per incident.
    pub max_plans: u32,
    /// Incidents at a time.
    pub concurrency: usize,
}

impl Config {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The first key that cannot be used.
    pub fn validate(&self) -> Result<(), Invalid> {
        let url = &self.executor_url;
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            return Err(Invalid::new(
                "planner.executor_url",
                format!("{url:?} is not a gRPC address (http://host:port)"),
            ));
        }
        if !(1..=600).contains(&self.executor_timeout_seconds) {
            return Err(Invalid::new("planner.executor_timeout_seconds", "must be 1 to 600"));
        }
        if !(1..=20).contains(&self.max_plans) {
            return Err(Invalid::new("planner.max_plans", "must be 1 to 20"));
        }
        if !(1..=1_000).contains(&self.concurrency) {
            return Err(Invalid::new("planner.concurrency", "must be 1 to 1000"));
        }
        Ok(())
    }

    pub(crate) fn executor_timeout(&self) -> Duration {
        Duration::from_secs(self.executor_timeout_seconds)
    }

    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(self.patience_seconds)
    }
}
