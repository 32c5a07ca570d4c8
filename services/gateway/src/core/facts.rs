//! What is known about namespaces and workloads besides how they depend on each other: it comes with each snapshot of the
//! cluster, so that a replay knows the same.

use std::collections::BTreeMap;

use paramedic_correlation::{locate, topology::Entity};
use paramedic_domain::alert::Alert;
use serde::{Deserialize, Serialize};

/// Everything known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// By name.
    #[serde(default)]
    pub namespaces: BTreeMap<String, NamespaceFacts>,
    /// By entity (`Deployment/shop/cart`): only those that say something themselves.
    #[serde(default)]
    pub workloads: BTreeMap<Entity, WorkloadFacts>,
}

/// Labels that name a workload, and its kind where that is known.
const WORKLOADS: [(&str, Option<&str>); 8] = [
    ("deployment", Some("Deployment")),
    ("statefulset", Some("StatefulSet")),
    ("daemonset", Some("DaemonSet")),
    ("cronjob", Some("CronJob")),
    ("job_name", Some("Job")),
    ("workload", None),
    ("service", None),
    ("app", None),
];
/// Kinds of workloads, the usual first.
const KINDS: [&str; 6] = ["Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "Rollout"];

impl Facts {
    /// What is known of the workload that an alert names, by its own label or by that of a pod.
    #[must_use]
    pub fn workload(&self, alert: &Alert) -> Option<&WorkloadFacts> {
        let (name, kind) = named(alert)?;
        let namespace = locate::namespace(alert);
        let of = |kind: &str| self.workloads.get(&Entity::in_namespace(kind, namespace, name));
        match kind {
            Some(kind) => of(kind),
            None => KINDS.into_iter().find_map(of),
        }
    }
}

/// The name of the workload that an alert names; `""`: none.
#[must_use]
pub fn workload(alert: &Alert) -> &str {
    named(alert).map_or("", |(name, _)| name)
}

fn named(alert: &Alert) -> Option<(&str, Option<&'static str>)> {
    let labelled = |(label, kind): &(&str, Option<&'static str>)| Some((alert.label(label), *kind)).filter(|(name, _)| !name.is_empty());
    let own = WORKLOADS[..5].iter().find_map(labelled);
    let of_pod = || Some((locate::maker(alert.label("pod"))?, None));
    own.or_else(of_pod).or_else(|| WORKLOADS[5..].iter().find_map(labelled))
}

/// What a namespace's labels and annotations say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamespaceFacts {
    /// Whether its people opted in (`true`), opted out (`false`) or said nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// `production`, `staging`, ... as labelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
}

/// What a workload's own labels say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkloadFacts {
    /// `production`, `staging`, ... as labelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
}
