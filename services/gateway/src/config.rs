//! Configuration of the gateway.

mod kubernetes_events;
mod maintenance;
mod scope;
mod silences;
mod source;
mod topology;
mod triage;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use paramedic_domain::maintenance::Window;
use paramedic_runtime::config::Invalid;
use serde::Deserialize;

pub(crate) use self::source::{is_pair, is_token};
pub use self::{
    kubernetes_events::KubernetesEvents,
    maintenance::Maintenance,
    scope::Scope,
    silences::Silences,
    source::{Sends, Source},
    topology::Topology,
    triage::Triage,
};

/// Defaults, under the header `[gateway]`.
pub const DEFAULTS: &str = include_str!("../defaults.toml");

/// Defaults of each source, under the header `[gateway.sources.NAME]`.
pub const SOURCE_DEFAULTS: &str = include_str!("../source.toml");

/// Keys whose variables hold comma-separated lists.
pub const LISTS: [&str; 18] = [
    "gateway.scope.clusters",
    "gateway.scope.namespaces",
    "gateway.scope.excluded_namespaces",
    "gateway.topology.namespaces",
    "gateway.topology.environment_labels",
    "gateway.topology.team_labels",
    "gateway.triage.environment_labels",
    "gateway.triage.team_labels",
    "gateway.kubernetes_events.namespaces",
    "gateway.kubernetes_events.at_once",
    "gateway.kubernetes_events.ignored",
    "gateway.sources.*.tokens",
    "gateway.sources.*.basic",
    "gateway.sources.*.service_accounts",
    "gateway.sources.*.audiences",
    "gateway.sources.*.client_names",
    "gateway.sources.*.signing_secrets",
    "gateway.sources.*.mapping.resolved",
];

/// The gateway's section. `defaults.toml` says why each default is what it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Who may send alerts, by name.
    #[serde(default)]
    pub sources: BTreeMap<String, Source>,
    /// Largest webhook body, bytes.
    pub max_body_bytes: usize,
    /// Largest sum of the bodies that are not answered yet, bytes.
    pub max_in_flight_bytes: usize,
    /// Longest wait for the bus per webhook, seconds.
    pub append_timeout_seconds: u64,
    /// Where alerts wait while the bus is away.
    pub spool: Spool,
    /// Which alerts are looked after.
    pub scope: Scope,
    /// How urgent they are.
    pub triage: Triage,
    /// When alerts are expected.
    #[serde(default)]
    pub maintenance: Vec<Maintenance>,
    /// How Alertmanagers are asked what they keep quiet.
    pub silences: Silences,
    /// How warning events become alerts.
    pub kubernetes_events: KubernetesEvents,
    /// What is watched of the cluster.
    pub topology: Topology,
    /// Time after an incident's resolution from which a still firing alert opens a new one, seconds.
    pub refire_after_seconds: u64,
}

/// The `[gateway.spool]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spool {
    /// Folder; empty: there is no spool.
    pub path: PathBuf,
    /// Most bytes that wait.
    pub max_bytes: u64,
}

impl Config {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The first key that cannot be used.
    pub fn validate(&self) -> Result<(), Invalid> {
        if self.sources.is_empty() {
            return Err(Invalid::new(
                "gateway.sources.alertmanager.tokens",
                "is missing, and there is no other source: give a bearer token for Alertmanager, or set \
                 gateway.sources.alertmanager.anonymous = true to accept alerts from anybody",
            ));
        }
        let mut paths = BTreeMap::new();
        for (name, source) in &self.sources {
            let path = source.validate(name)?;
            if let Some(other) = paths.insert(path.clone(), name) {
                return Err(Invalid::new(
                    format!("gateway.sources.{name}.path"),
                    format!("{path} is the path of the source {other} already"),
                ));
            }
        }
        if !(1024..=64 << 20).contains(&self.max_body_bytes) {
            return Err(Invalid::new("gateway.max_body_bytes", "must be 1024 to 67108864"));
        }
        if self.max_in_flight_bytes < 2 * self.max_body_bytes {
            return Err(Invalid::new(
                "gateway.max_in_flight_bytes",
                format!(
                    "must be at least {}, twice gateway.max_body_bytes: half of it is set aside for the other sources",
                    2 * self.max_body_bytes
                ),
            ));
        }
        if !(1..=300).contains(&self.append_timeout_seconds) {
            return Err(Invalid::new("gateway.append_timeout_seconds", "must be 1 to 300"));
        }
        if self.spool.max_bytes < 1 << 20 {
            return Err(Invalid::new("gateway.spool.max_bytes", "must be at least 1048576"));
        }
        self.scope.compiled()?;
        self.triage.compiled()?;
        self.windows()?;
        self.silences.validate()?;
        self.kubernetes_events.validate()?;
        self.topology.validate()?;
        Ok(())
    }

    /// Whether the API server of the cluster is asked anything.
    #[must_use]
    pub fn reaches_cluster(&self) -> bool {
        self.topology.enabled || self.kubernetes_events.enabled || self.sources.values().any(|source| !source.service_accounts.is_empty())
    }

    /// The maintenance windows that it declares.
    ///
    /// # Errors
    /// The first key that cannot be used.
    pub fn windows(&self) -> Result<Vec<Window>, Invalid> {
        maintenance::windows(&self.maintenance)
    }

    pub(crate) fn append_timeout(&self) -> Duration {
        Duration::from_secs(self.append_timeout_seconds)
    }

    pub(crate) fn refire_after(&self) -> Duration {
        Duration::from_secs(self.refire_after_seconds)
    }
}

#[cfg(test)]
mod tests;
