//! Evidence: what was asked of which source, when, and what it said.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::EvidenceId;

/// Where evidence comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The Kubernetes API.
    Kubernetes,
    /// Prometheus.
    Prometheus,
    /// Loki.
    Loki,
    /// Jaeger.
    Jaeger,
    /// Alertmanager.
    Alertmanager,
    /// Tempo.
    Tempo,
    /// A Git repository of manifests.
    Git,
    /// A tool server of the team's own (Model Context Protocol).
    Mcp,
    /// What somebody asked for.
    Request,
    /// What a step of a plan kept.
    Executor,
    /// Argo CD.
    Argocd,
    /// Flux.
    Flux,
    /// Helm.
    Helm,
    /// Amazon Web Services.
    Aws,
    /// Google Cloud.
    Gcp,
}

/// One fact with its origin. The excerpt is untrusted text, with secrets already redacted by the probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Unique within the incident's attempt.
    pub id: EvidenceId,
    /// Who was asked.
    pub source: Source,
    /// The request path or query expression, such that a person can repeat it.
    pub query: String,
    /// When it was observed.
    pub observed_at: Timestamp,
    /// What it says, in one or a few lines.
    pub excerpt: String,
    /// The number in it, where there is one.
    pub value: Option<f64>,
    /// Unit of `value`: `bytes`, `bytes/h`, `restarts`, ...
    pub unit: String,
}
