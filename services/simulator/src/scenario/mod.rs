//! Scenarios: a cluster and what goes wrong in it, as one YAML file.
//!
//! - [`Scenario`]: objects with their past, behaviours, alert rules, traces
//! - [`behaviour`]: what healthy containers do
//! - [`admission`]: what is not let into the cluster
//! - [`fault`]: what goes wrong, and in which pods
//! - `check`: what must hold before a scenario may start

pub mod admission;
pub mod behaviour;
mod check;
pub(crate) mod definitions;
pub mod fault;
pub mod span;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, path::Path, time::Duration};

use serde::Deserialize;
use serde_json::Value;

pub use self::span::Span;
use crate::world::ledger::WorkloadKey;

/// Embedded scenarios by name.
const BUILTIN: &[(&str, &str)] = &[
    ("payment-oom", include_str!("../../scenarios/payment-oom.yaml")),
    ("bad-release", include_str!("../../scenarios/bad-release.yaml")),
    ("cascading-failure", include_str!("../../scenarios/cascading-failure.yaml")),
    ("redis-storm", include_str!("../../scenarios/redis-storm.yaml")),
    ("db-deadlock", include_str!("../../scenarios/db-deadlock.yaml")),
    ("slow-release", include_str!("../../scenarios/slow-release.yaml")),
    ("gateway-503", include_str!("../../scenarios/gateway-503.yaml")),
];

/// Why a scenario cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name is not among the embedded ones.
    #[error("there is no built-in scenario {name:?}; known are {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The file cannot be read.
    #[error("cannot read scenario {file}: {source}")]
    Read {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// The text is not YAML.
    #[error("scenario {file} is not valid YAML: {source}")]
    Yaml {
        /// The file.
        file: String,
        /// Where and why.
        source: serde_yaml_ng::Error,
    },
    /// A value is missing or wrong.
    #[error("scenario {file}: {path}: {problem}")]
    Invalid {
        /// The file.
        file: String,
        /// The place inside the file, e.g. `workloads[0].faults[1].memory_leak.rate_mib_per_hour`.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// A cluster, what its containers do, what goes wrong, and the alert rules that watch it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Short name.
    pub name: String,
    /// One paragraph for people.
    pub description: String,
    /// Seed of every random choice (names, jitter); the same seed gives the same cluster.
    #[serde(default)]
    pub seed: u64,
    /// How long the cluster is simulated before the scenario's beginning, with `history` applied on the way.
    #[serde(default)]
    pub warmup: Span,
    /// Time between two samples of every series (default 15 s).
    #[serde(default = "fifteen_seconds")]
    pub scrape_interval: Span,
    /// How long before the beginning series of the cluster's state are known (default 14 days).
    #[serde(default = "two_weeks")]
    pub retention: Span,
    /// Repositories with a closed list of tags; other repositories have every tag.
    #[serde(default)]
    pub images: BTreeMap<String, Vec<String>>,
    /// The objects at the start of the warm-up.
    pub objects: Vec<Seed>,
    /// What happens during the warm-up.
    #[serde(default)]
    pub history: Vec<Past>,
    /// What containers do.
    #[serde(default)]
    pub workloads: Vec<behaviour::Workload>,
    /// What is stored on volumes.
    #[serde(default)]
    pub volumes: Vec<behaviour::Volume>,
    /// Revisions of the Git repository that Applications are synchronised from, oldest first.
    #[serde(default)]
    pub git: Vec<GitRevision>,
    /// Nodes that fail.
    #[serde(default)]
    pub node_failures: Vec<fault::NodeFailure>,
    /// Policies that refuse objects, in dry runs too.
    #[serde(default)]
    pub admission: Vec<admission::Admission>,
    /// Labels by which alerts are grouped into notifications (default `alertname` and `namespace`).
    #[serde(default = "usual_groups")]
    pub group_by: Vec<String>,
    /// Alert rules.
    #[serde(default)]
    pub rules: Vec<AlertRule>,
    /// Request traces.
    #[serde(default)]
    pub traces: Vec<Trace>,
}

/// An object with its past.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    /// Age at the scenario's beginning; younger than the warm-up means it is created on the way.
    #[serde(default)]
    pub age: Span,
    /// The object as `kubectl apply` would take it.
    pub object: Value,
    /// Deployments: revisions older than the object's template, oldest first.
    #[serde(default)]
    pub revisions: Vec<Revision>,
    /// Deployments: age of the present revision; the object's age if absent.
    #[serde(default)]
    pub rolled_out: Option<Span>,
    /// Deployments and StatefulSets: pods with a past of their own; pods beyond the list are as old as the rollout.
    #[serde(default)]
    pub pods: Vec<SeededPod>,
}

/// An earlier revision of a Deployment.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    /// How long ago it was rolled out.
    pub age: Span,
    /// Images it ran, by container.
    #[serde(default)]
    pub images: BTreeMap<String, String>,
    /// Other differences to the present template: JSON Patch on `spec.template`.
    #[serde(default)]
    pub json_patch: Vec<Value>,
    /// Value of the `kubernetes.io/change-cause` annotation.
    #[serde(default)]
    pub change_cause: Option<String>,
}

/// A pod with a past.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeededPod {
    /// Age; derived from the restarts when a working set is given, else the age of the rollout.
    #[serde(default)]
    pub age: Option<Span>,
    /// Node it runs on; the scheduler chooses if absent.
    #[serde(default)]
    pub node: Option<String>,
    /// Restarts behind it, each an OOM kill of a leaking container.
    #[serde(default)]
    pub restarts: u32,
    /// Working set now, MiB; for leaking containers this sets when the present container started.
    #[serde(default)]
    pub working_set_mib: Option<f64>,
}

/// Something that happened during the warm-up.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Past {
    /// How long before the scenario's beginning.
    pub ago: Span,
    /// API version of the object.
    pub api_version: String,
    /// Plural resource name.
    pub resource: String,
    /// Namespace, for namespaced objects.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Name of the object.
    pub name: String,
    /// JSON Patch applied to it.
    pub json_patch: Vec<Value>,
}

/// A revision of a Git repository.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitRevision {
    /// Commit, as Argo CD shows it.
    pub revision: String,
    /// Partial objects (`kind`, `metadata.name`, `spec` or `data`) that are merged over what the revision before it says.
    #[serde(default)]
    pub objects: Vec<Value>,
}

/// A Prometheus alerting rule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertRule {
    /// Value of the `alertname` label.
    pub alert: String,
    /// PromQL expression.
    pub expr: String,
    /// How long after the scenario's beginning the rule is loaded (default: it always was there).
    #[serde(default)]
    pub after: Option<Span>,
    /// How long it must hold before it fires.
    #[serde(default, rename = "for")]
    pub hold: Span,
    /// How long it stays firing after the expression stopped matching.
    #[serde(default)]
    pub keep_firing_for: Span,
    /// Labels; values may use `{{ $labels.x }}` and `{{ $value }}`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Annotations; the same placeholders.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// A kind of request that is traced.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    /// Time between two traces of this kind.
    pub every: Span,
    /// The first span, with everything below it.
    pub root: TraceSpan,
}

/// One span of a trace.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceSpan {
    /// Service that recorded it.
    pub service: String,
    /// Operation name.
    pub operation: String,
    /// Own time of the span without its children, milliseconds; from the workload's latency if absent.
    #[serde(default)]
    pub own_ms: Option<f64>,
    /// Workload (`namespace/name`) whose latency and errors it shows.
    #[serde(default)]
    pub workload: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, Value>,
    /// Calls made, one after the other.
    #[serde(default)]
    pub children: Vec<TraceSpan>,
}

impl Scenario {
    /// One of the embedded scenarios.
    pub fn builtin(name: &str) -> Result<Self, Error> {
        let known = || BUILTIN.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let (_, text) = BUILTIN.iter().find(|(known, _)| *known == name).ok_or_else(|| Error::Unknown {
            name: name.to_owned(),
            known: known(),
        })?;
        Self::parse(name, text)
    }

    /// The names of the embedded scenarios.
    pub fn builtin_names() -> impl Iterator<Item = &'static str> {
        BUILTIN.iter().map(|(name, _)| *name)
    }

    /// A scenario file.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let file = path.as_ref().display().to_string();
        let text = std::fs::read_to_string(path.as_ref()).map_err(|source| Error::Read {
            file: file.clone(),
            source,
        })?;
        Self::parse(&file, &text)
    }

    /// Reads and checks a scenario; `file` is its name in errors.
    pub fn parse(file: &str, text: &str) -> Result<Self, Error> {
        let yaml = |source| Error::Yaml {
            file: file.to_owned(),
            source,
        };
        let mut value: serde_yaml_ng::Value = serde_yaml_ng::from_str(text).map_err(yaml)?;
        value.apply_merge().map_err(yaml)?;
        // Through JSON, so that numbers, keys and enums behave as in the Kubernetes API.
        let value: Value = serde_yaml_ng::from_value(value).map_err(yaml)?;
        let scenario: Self = serde_path_to_error::deserialize(value).map_err(|error| Error::Invalid {
            file: file.to_owned(),
            path: error.path().to_string(),
            problem: error.inner().to_string(),
        })?;
        check::check(&scenario).map_err(|fault| Error::Invalid {
            file: file.to_owned(),
            path: fault.path,
            problem: fault.problem,
        })?;
        Ok(scenario)
    }

    /// How long the cluster is simulated before the scenario's beginning.
    pub fn warmup(&self) -> Duration {
        self.warmup.0
    }

    /// The index of a workload's behaviour.
    pub fn behaviour(&self, namespace: &str, name: &str) -> Option<usize> {
        self.workloads.iter().position(|w| w.namespace == namespace && w.name == name)
    }

    /// The index of the behaviour of what is behind a pod. The behaviour of a Job also holds for Jobs named after it.
    pub(crate) fn behaviour_of(&self, workload: &WorkloadKey) -> Option<usize> {
        let exact = self.behaviour(&workload.namespace, &workload.name);
        if exact.is_some() || workload.kind != "Job" {
            return exact;
        }
        let named_after = |known: &str| workload.name.strip_prefix(known).is_some_and(|rest| rest.starts_with('-'));
        let all = self.workloads.iter().enumerate();
        let found = all.filter(|(_, w)| w.namespace == workload.namespace && named_after(&w.name));
        found.max_by_key(|(_, w)| w.name.len()).map(|(i, _)| i)
    }

    /// False when the repository has a closed list of tags without this one.
    pub fn image_exists(&self, image: &str) -> bool {
        let (repository, tag) = fault::split_image(image);
        self.images.get(repository).is_none_or(|tags| tags.iter().any(|known| known == tag))
    }
}

fn fifteen_seconds() -> Span {
    Span::seconds(15)
}

fn usual_groups() -> Vec<String> {
    vec!["alertname".to_owned(), "namespace".to_owned()]
}

fn two_weeks() -> Span {
    Span::seconds(14 * 86_400)
}
