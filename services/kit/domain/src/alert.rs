//! Alerts as Alertmanager knows them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Firing or resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertStatus {
    /// The condition holds.
    Firing,
    /// The condition ended.
    Resolved,
}

/// How bad, in the order of paging.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// `info`, `none` or nothing usable in the label.
    Info,
    /// `warning`.
    Warning,
    /// `critical`, `error`, `page`.
    Critical,
}

/// One alert. Labels and annotations are untrusted text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Alertmanager's hash of the label set.
    pub fingerprint: String,
    /// Firing or resolved.
    pub status: AlertStatus,
    /// Identifying labels.
    pub labels: BTreeMap<String, String>,
    /// Descriptive texts.
    pub annotations: BTreeMap<String, String>,
    /// When the rule's `for` elapsed.
    pub starts_at: Timestamp,
    /// When it ended, if it did.
    pub ends_at: Option<Timestamp>,
    /// Link to the expression that fired.
    pub generator_url: String,
    /// Alertmanager's group key: alerts of one group are one incident.
    pub group_key: String,
}

impl Alert {
    /// The value of a label, `""` where it is missing (as PromQL sees it).
    #[must_use]
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    /// `alertname`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.label("alertname")
    }

    /// The `severity` label, read kindly: unknown words count as warning, since somebody thought them worth a label.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self.label("severity") {
            "critical" | "error" | "page" => Severity::Critical,
            "" | "info" | "none" => Severity::Info,
            _ => Severity::Warning,
        }
    }
}
