//! Settings of the planner.

use std::time::Duration;

use paramedic_domain::{name_pattern, plan::Rollback};
use paramedic_runtime::config::Invalid;
use serde::{Deserialize, Serialize};

use crate::core::{cooldown::Cooldown, rules::Rules, scope::Scope};

/// Defaults of [`Config`].
pub const DEFAULTS: &str = include_str!("../defaults.toml");

/// Longest of the times below: what lies further back says nothing about today's cluster.
const LONGEST_SECONDS: u64 = 30 * 24 * 3600;

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
    /// Of one set.
    pub max_steps: usize,
    /// Steps of the longest chain.
    pub max_depth: usize,
    /// Names, or beginnings of names with `*`.
    pub allow_namespaces: Vec<String>,
    /// Names, or beginnings of names with `*`.
    pub deny_namespaces: Vec<String>,
    /// Kinds.
    pub cluster_kinds: Vec<String>,
    /// `label=value`; empty: none.
    pub opt_out_label: String,
    /// After a failure.
    pub rollback: Rollback,
    /// Of one step.
    pub step_attempts: u32,
    /// Seconds.
    pub deadline_margin_seconds: u64,
    /// Seconds.
    pub cooldown_seconds: u64,
    /// Failures of the same actions.
    pub repeat_limit: u32,
    /// Seconds.
    pub repeat_window_seconds: u64,
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
        for (key, value) in [("planner.max_steps", self.max_steps), ("planner.max_depth", self.max_depth)] {
            if !(1..=100).contains(&value) {
                return Err(Invalid::new(key, "must be 1 to 100"));
            }
        }
        if !self.opt_out_label.is_empty() && pair(&self.opt_out_label).is_none() {
            return Err(Invalid::new(
                "planner.opt_out_label",
                format!("{:?} is not label=value", self.opt_out_label),
            ));
        }
        if !(1..=20).contains(&self.step_attempts) {
            return Err(Invalid::new("planner.step_attempts", "must be 1 to 20"));
        }
        if !(1..=100).contains(&self.repeat_limit) {
            return Err(Invalid::new("planner.repeat_limit", "must be 1 to 100"));
        }
        for (key, seconds) in [
            ("planner.deadline_margin_seconds", self.deadline_margin_seconds),
            ("planner.cooldown_seconds", self.cooldown_seconds),
            ("planner.repeat_window_seconds", self.repeat_window_seconds),
        ] {
            if seconds > LONGEST_SECONDS {
                return Err(Invalid::new(key, format!("must be at most {LONGEST_SECONDS} (thirty days)")));
            }
        }
        for (key, names) in [
            ("planner.allow_namespaces", &self.allow_namespaces),
            ("planner.deny_namespaces", &self.deny_namespaces),
        ] {
            name_pattern::check(names).map_err(|problem| Invalid::new(key, problem))?;
        }
        Ok(())
    }

    /// The same, as the decisions need it.
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            max_steps: self.max_steps,
            max_depth: self.max_depth,
            scope: Scope {
                allowed: self.allow_namespaces.clone(),
                denied: self.deny_namespaces.clone(),
                cluster_kinds: self.cluster_kinds.clone(),
                opt_out: pair(&self.opt_out_label),
            },
            attempts: self.step_attempts,
            margin: Duration::from_secs(self.deadline_margin_seconds),
            cooldown: Cooldown {
                pause: Duration::from_secs(self.cooldown_seconds),
                limit: self.repeat_limit,
                window: Duration::from_secs(self.repeat_window_seconds),
            },
        }
    }

    pub(crate) fn executor_timeout(&self) -> Duration {
        Duration::from_secs(self.executor_timeout_seconds)
    }

    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(self.patience_seconds)
    }
}

/// `label=value`, both not empty.
fn pair(text: &str) -> Option<(String, String)> {
    let (label, value) = text.split_once('=')?;
    (!label.is_empty() && !value.is_empty()).then(|| (label.to_owned(), value.to_owned()))
}

/// What the program runs with when nothing is configured.
#[cfg(test)]
pub(crate) fn defaults() -> Config {
    #[derive(Deserialize)]
    struct File {
        planner: Config,
    }
    let file: File = paramedic_runtime::config::load(&[DEFAULTS], None, std::collections::HashMap::new(), &[]).unwrap();
    file.planner.validate().unwrap();
    file.planner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_cannot_be_used_is_named() {
        type Change = fn(&mut Config);
        let table: [(Change, &str); 7] = [
            (|config| config.max_steps = 0, "planner.max_steps"),
            (|config| config.max_depth = 101, "planner.max_depth"),
            (|config| config.step_attempts = 0, "planner.step_attempts"),
            (|config| config.repeat_limit = 0, "planner.repeat_limit"),
            (|config| config.cooldown_seconds = u64::MAX, "planner.cooldown_seconds"),
            (|config| config.deny_namespaces = vec!["a*b".into()], "planner.deny_namespaces"),
            (|config| config.opt_out_label = "disabled".into(), "planner.opt_out_label"),
        ];
        for (change, key) in table {
            let mut config = defaults();
            change(&mut config);
            assert_eq!(config.validate().unwrap_err().key, key);
        }
    }
}
