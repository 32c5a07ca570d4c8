//! Settings of the analysis service.

mod clouds;
mod mcp;
mod model;
mod repositories;

use std::{path::PathBuf, time::Duration};

use paramedic_runtime::config::Invalid;
use serde::Deserialize;

pub use self::{
    clouds::{Cloud, CloudKind},
    mcp::{McpServer, McpTool},
    model::{Model, Provider},
    repositories::Repository,
};
use crate::core::{delivery::Records, read::is_label, settle::Settle, window::Bounds};

/// Defaults of [`Config`].
pub const DEFAULTS: &str = include_str!("../defaults.toml");

/// The `[analysis]` section; `defaults.toml` says what each key means and why.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "defaults.toml documents every key with its unit")]
pub struct Config {
    pub settle_seconds: u64,
    pub quiet_seconds: u64,
    pub critical_seconds: u64,
    pub verification_window_seconds: u64,
    pub verification_most_seconds: u64,
    pub verification_tries: u32,
    pub max_attempts: u32,
    pub lookback_hours: u64,
    pub step_seconds: u64,
    pub log_minutes: u64,
    pub log_lines: u32,
    pub probe_timeout_seconds: u64,
    pub budget_seconds: u64,
    pub budget_mebibytes: u64,
    pub patience_seconds: u64,
    pub debug_flags: Vec<String>,
    pub rules: PathBuf,
    pub concurrency: usize,
    pub argocd_namespace: String,
    pub helm_records: Records,
    pub repositories: Vec<Repository>,
    pub mcp: Vec<McpServer>,
    pub clouds: Vec<Cloud>,
    pub model: Model,
}

impl Config {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The first key that cannot be used.
    pub fn validate(&self) -> Result<(), Invalid> {
        let ranges = [
            ("settle_seconds", self.settle_seconds, 0, 3_600),
            ("quiet_seconds", self.quiet_seconds, 0, 3_600),
            ("critical_seconds", self.critical_seconds, 0, 3_600),
            ("verification_window_seconds", self.verification_window_seconds, 1, 86_400),
            ("verification_most_seconds", self.verification_most_seconds, 1, 7 * 86_400),
            ("verification_tries", u64::from(self.verification_tries), 1, 100),
            ("max_attempts", u64::from(self.max_attempts), 1, 10),
            ("lookback_hours", self.lookback_hours, 1, 24 * 30),
            ("step_seconds", self.step_seconds, 15, 86_400),
            ("log_minutes", self.log_minutes, 1, 24 * 60),
            ("log_lines", u64::from(self.log_lines), 1, 5_000),
            ("probe_timeout_seconds", self.probe_timeout_seconds, 1, 300),
            ("budget_seconds", self.budget_seconds, 1, 3_600),
            ("budget_mebibytes", self.budget_mebibytes, 1, 65_536),
            ("patience_seconds", self.patience_seconds, 0, 86_400),
            ("concurrency", self.concurrency as u64, 1, 1_000),
        ];
        for (key, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(Invalid::new(
                    format!("analysis.{key}"),
                    format!("{value} must be {least} to {most}"),
                ));
            }
        }
        if self.verification_most_seconds < self.verification_window_seconds {
            return Err(Invalid::new(
                "analysis.verification_most_seconds",
                "must not be less than verification_window_seconds",
            ));
        }
        // Prometheus refuses more than 11,000 points of one series.
        if self.lookback_hours * 3_600 / self.step_seconds > 10_000 {
            return Err(Invalid::new(
                "analysis.step_seconds",
                "is so small that lookback_hours needs more than 10000 samples",
            ));
        }
        if !self.argocd_namespace.is_empty() && !is_label(&self.argocd_namespace) {
            return Err(Invalid::new(
                "analysis.argocd_namespace",
                format!("{:?} is not the name of a namespace", self.argocd_namespace),
            ));
        }
        repositories::validate(&self.repositories)?;
        mcp::validate(&self.mcp)?;
        clouds::validate(&self.clouds)?;
        self.model.validate()
    }

    pub(crate) fn settle(&self) -> Settle {
        Settle {
            most: Duration::from_secs(self.settle_seconds),
            quiet: Duration::from_secs(self.quiet_seconds),
            critical: Duration::from_secs(self.critical_seconds),
        }
    }

    pub(crate) fn window(&self) -> Bounds {
        Bounds {
            least: Duration::from_secs(self.verification_window_seconds),
            most: Duration::from_secs(self.verification_most_seconds),
        }
    }

    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(self.patience_seconds)
    }

    pub(crate) fn probe_timeout(&self) -> Duration {
        Duration::from_secs(self.probe_timeout_seconds)
    }

    pub(crate) fn budget_bytes(&self) -> u64 {
        self.budget_mebibytes << 20
    }

    pub(crate) fn budget(&self) -> Duration {
        Duration::from_secs(self.budget_seconds)
    }
}
