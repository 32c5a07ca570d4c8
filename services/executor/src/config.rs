//! Configuration of the executor role.

mod accounts;
mod actions;
mod modules;
mod systems;

use std::{sync::Arc, time::Duration};

use paramedic_catalogue::network::{Network, NoNetwork};
use paramedic_domain::policy::Mode;
use paramedic_policy::Policy;
use paramedic_runtime::config::Invalid;
use serde::{Deserialize, Serialize};

use crate::core::{
    limits::{Limits, MOST_AT_ONCE, MOST_PER_HOUR},
    rules::Rules,
};

pub use accounts::Account;
pub use actions::{Action, ActionKind, DryRun};
pub use modules::Module;
pub(crate) use systems::split_author;
pub use systems::{Alertmanager, Repository, Tracker};

/// Defaults of the `[executor]` section.
pub const DEFAULTS: &str = include_str!("../defaults.toml");

/// The `[executor]` section; the defaults file says what each key bounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Steps of one workflow that may run at the same time.
    pub parallel_steps: usize,
    /// Workflows that this process works on at the same time.
    pub workers: usize,
    /// Steps that change something in one namespace at the same time, over all workflows and executors.
    pub namespace_steps: usize,
    /// The same for the whole cluster.
    pub cluster_steps: usize,
    /// Steps that may begin to change something in one namespace within an hour.
    pub namespace_changes_per_hour: usize,
    /// Forward attempts of one step, the first included.
    pub attempts: u32,
    /// Attempts to undo one step, the first included.
    pub undo_attempts: u32,
    /// Seconds before the second attempt, doubled for each further one.
    pub retry_seconds: u64,
    /// Seconds that people are asked what becomes of a failed workflow's effects.
    pub rollback_question_seconds: u64,
    /// Seconds between two looks at a rollout.
    pub poll_seconds: u64,
    /// Largest artifact that one step keeps, in MiB.
    pub artifact_megabytes: usize,
    /// Networks of the cluster's pods and services that health checks may open TCP connections to.
    pub tcp_networks: Vec<String>,
    /// Where tickets go.
    pub trackers: Vec<Tracker>,
    /// Where manifests live.
    pub repositories: Vec<Repository>,
    /// Infrastructure modules whose plans may be applied.
    pub modules: Vec<Module>,
    /// Cloud accounts whose costs may be reported.
    pub accounts: Vec<Account>,
    /// Actions that the operator registers.
    pub actions: Vec<Action>,
    /// Where alerts are silenced.
    pub alertmanager: Alertmanager,
}

impl Default for Config {
    /// The values of the defaults file.
    fn default() -> Self {
        Self {
            parallel_steps: 4,
            workers: 256,
            namespace_steps: 4,
            cluster_steps: 16,
            namespace_changes_per_hour: 60,
            attempts: 3,
            undo_attempts: 5,
            retry_seconds: 5,
            rollback_question_seconds: 1800,
            poll_seconds: 2,
            artifact_megabytes: 64,
            tcp_networks: Vec::new(),
            trackers: Vec::new(),
            repositories: Vec::new(),
            modules: Vec::new(),
            accounts: Vec::new(),
            actions: Vec::new(),
            alertmanager: Alertmanager::default(),
        }
    }
}

impl Config {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The first key that cannot be used.
    pub fn validate(&self) -> Result<(), Invalid> {
        let bounds = [
            ("executor.parallel_steps", self.parallel_steps as u64, 1, 64),
            ("executor.workers", self.workers as u64, 1, 1024),
            ("executor.namespace_steps", self.namespace_steps as u64, 1, MOST_AT_ONCE as u64),
            ("executor.cluster_steps", self.cluster_steps as u64, 1, MOST_AT_ONCE as u64),
            (
                "executor.namespace_changes_per_hour",
                self.namespace_changes_per_hour as u64,
                1,
                MOST_PER_HOUR as u64,
            ),
            ("executor.attempts", u64::from(self.attempts), 1, 20),
            ("executor.undo_attempts", u64::from(self.undo_attempts), 1, 20),
            ("executor.retry_seconds", self.retry_seconds, 1, 600),
            ("executor.rollback_question_seconds", self.rollback_question_seconds, 60, 86_400),
            ("executor.poll_seconds", self.poll_seconds, 1, 60),
            ("executor.artifact_megabytes", self.artifact_megabytes as u64, 1, 1024),
        ];
        match bounds.iter().find(|(_, value, least, most)| value < least || value > most) {
            Some((key, value, least, most)) => Err(Invalid::new(*key, format!("{value} is not between {least} and {most}"))),
            None => {
                self.networks()?;
                self.validate_systems()
            }
        }
    }

    /// The networks that TCP connections may be opened to.
    pub(crate) fn networks(&self) -> Result<Vec<Network>, Invalid> {
        let parse = |text: &String| {
            text.parse()
                .map_err(|error: NoNetwork| Invalid::new("executor.tcp_networks", error.to_string()))
        };
        self.tcp_networks.iter().map(parse).collect()
    }

    /// What a cluster allows over all workflows.
    pub(crate) fn cluster_limits(&self) -> Limits {
        Limits {
            at_once: self.cluster_steps,
            per_hour: None,
        }
    }

    /// What a namespace allows over all workflows.
    pub(crate) fn namespace_limits(&self) -> Limits {
        Limits {
            at_once: self.namespace_steps,
            per_hour: Some(self.namespace_changes_per_hour),
        }
    }

    /// The rules of the workflows of a cluster in this mode, under this policy.
    #[must_use]
    pub fn rules(&self, mode: Mode, policy: Arc<Policy>) -> Rules {
        Rules {
            mode,
            policy,
            parallel_steps: self.parallel_steps,
            attempts: self.attempts,
            undo_attempts: self.undo_attempts,
            retry_delay: Duration::from_secs(self.retry_seconds),
            rollback_question: Duration::from_secs(self.rollback_question_seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[derive(Deserialize)]
    struct File {
        executor: Config,
    }

    #[test]
    fn the_defaults_file_is_valid_and_says_what_default_says() {
        let file: File = paramedic_runtime::config::load(&[DEFAULTS], None, HashMap::new(), &[]).unwrap();
        file.executor.validate().unwrap();
        assert_eq!(format!("{:?}", file.executor), format!("{:?}", Config::default()));
    }

    #[test]
    fn a_value_out_of_bounds_is_named() {
        let config = Config {
            attempts: 0,
            ..Config::default()
        };
        assert_eq!(config.validate().unwrap_err().key, "executor.attempts");
    }
}
