//! The `[gateway.topology]` section.

use std::time::Duration;

use paramedic_runtime::config::Invalid;
use serde::Deserialize;

use crate::core::topology::FactKeys;

/// What is watched of the cluster.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// Whether the cluster is watched at all.
    pub enabled: bool,
    /// Namespaces that may be read; empty: all of them.
    pub namespaces: Vec<String>,
    /// Shortest time between two snapshots, seconds.
    pub debounce_seconds: u64,
    /// Shortest time between two snapshots that differ only in the names of pods, seconds.
    pub pods_seconds: u64,
    /// Whether Prometheus is asked for calls and rules.
    pub prometheus: bool,
    /// Label or annotation of a namespace that opts it in or out.
    pub enabled_label: String,
    /// Labels or annotations that name the environment.
    pub environment_labels: Vec<String>,
    /// Labels or annotations that name the team.
    pub team_labels: Vec<String>,
}

impl Topology {
    pub(super) fn validate(&self) -> Result<(), Invalid> {
        for (key, seconds) in [("debounce_seconds", self.debounce_seconds), ("pods_seconds", self.pods_seconds)] {
            if !(1..=3600).contains(&seconds) {
                return Err(Invalid::new(format!("gateway.topology.{key}"), "must be 1 to 3600"));
            }
        }
        if self.pods_seconds < self.debounce_seconds {
            return Err(Invalid::new(
                "gateway.topology.pods_seconds",
                format!("must be at least gateway.topology.debounce_seconds, {}", self.debounce_seconds),
            ));
        }
        let is_label = |text: &String| {
            !text.is_empty() && text.len() <= 63 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        if let Some(bad) = self.namespaces.iter().find(|name| !is_label(name)) {
            return Err(Invalid::new(
                "gateway.topology.namespaces",
                format!("{bad:?} is not the name of a namespace"),
            ));
        }
        Ok(())
    }

    pub(crate) fn fact_keys(&self) -> FactKeys {
        FactKeys {
            enabled: self.enabled_label.clone(),
            environment: self.environment_labels.clone(),
            team: self.team_labels.clone(),
        }
    }

    pub(crate) fn debounce(&self) -> Duration {
        Duration::from_secs(self.debounce_seconds)
    }

    pub(crate) fn pods(&self) -> Duration {
        Duration::from_secs(self.pods_seconds)
    }
}
