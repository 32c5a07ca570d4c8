//! What is known about namespaces and workloads besides how they depend on each other: it comes with each snapshot of the
//! cluster, so that a replay knows the same.

use std::collections::BTreeMap;

use paramedic_correlation::topology::Entity;
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
