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

/// How soon people must look, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the words are the definition")]
pub enum Priority {
    P1,
    P2,
    P3,
    P4,
    P5,
}

impl Priority {
    /// `P1` to `P5`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::P1 => "P1",
            Self::P2 => "P2",
            Self::P3 => "P3",
            Self::P4 => "P4",
            Self::P5 => "P5",
        }
    }
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

/// What a sender said at one time about one of its groups of alerts: the input of correlation, one message of the `ALERTS` stream.
///
/// What does not fit into one message is several, each speaking for its own range of fingerprints, so that each can be read
/// without the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Name of the configured source it came from.
    pub source: String,
    /// The sender's key of the group; the same as in each of the alerts. Groups of different sources are different groups.
    pub group_key: String,
    /// When the gateway received it.
    pub received_at: Timestamp,
    /// The sender lists its whole group: an alert of the group that is not listed is no longer firing. See [`Notification::covers`].
    pub whole_group: bool,
    /// Least fingerprint it speaks for; empty: from the first.
    pub from: String,
    /// Least fingerprint it no longer speaks for; empty: to the last.
    pub until: String,
    /// Alerts by fingerprint, then start.
    pub alerts: Vec<Alert>,
}

impl Notification {
    /// Whether an alert of this group with this fingerprint would be among the alerts if it were still there: if it is not
    /// listed, it has vanished from the group.
    #[must_use]
    pub fn covers(&self, fingerprint: &str) -> bool {
        self.whole_group && self.from.as_str() <= fingerprint && (self.until.is_empty() || fingerprint < self.until.as_str())
    }
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
