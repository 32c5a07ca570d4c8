//! The `[gateway.kubernetes_events]` section.

use std::{collections::BTreeSet, time::Duration};

use paramedic_runtime::config::Invalid;
use serde::Deserialize;

use crate::core::warnings::Settings;

/// How warning events become alerts. `defaults.toml` says what each setting is for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KubernetesEvents {
    /// They are watched.
    pub enabled: bool,
    /// Namespaces; empty: all.
    pub namespaces: Vec<String>,
    /// So many of them ...
    pub occurrences: u32,
    /// ... within this time.
    pub within_seconds: u64,
    /// The alert ends after this long without another one.
    pub quiet_seconds: u64,
    /// Reasons of which one is enough.
    pub at_once: BTreeSet<String>,
    /// Reasons that mean nothing.
    pub ignored: BTreeSet<String>,
}

impl KubernetesEvents {
    pub(super) fn validate(&self) -> Result<(), Invalid> {
        if !(1..=1000).contains(&self.occurrences) {
            return Err(Invalid::new("gateway.kubernetes_events.occurrences", "must be 1 to 1000"));
        }
        for (field, seconds) in [("within_seconds", self.within_seconds), ("quiet_seconds", self.quiet_seconds)] {
            // The API server forgets events after an hour.
            if !(10..=3600).contains(&seconds) {
                return Err(Invalid::new(format!("gateway.kubernetes_events.{field}"), "must be 10 to 3600"));
            }
        }
        Ok(())
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            occurrences: self.occurrences,
            within: Duration::from_secs(self.within_seconds),
            quiet: Duration::from_secs(self.quiet_seconds),
            at_once: self.at_once.clone(),
            ignored: self.ignored.clone(),
        }
    }
}
