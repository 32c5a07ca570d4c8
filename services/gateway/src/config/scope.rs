//! The `[gateway.scope]` section.

use paramedic_runtime::config::Invalid;
use serde::Deserialize;

use crate::core::scope;

/// Which alerts are looked after. `defaults.toml` says what each setting is for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Label of an alert that names its cluster.
    pub cluster_label: String,
    /// Patterns of clusters that are looked after.
    pub clusters: Vec<String>,
    /// Patterns of namespaces that are looked after.
    pub namespaces: Vec<String>,
    /// Patterns of namespaces that never are.
    pub excluded_namespaces: Vec<String>,
}

impl Scope {
    /// The scope that decides.
    ///
    /// # Errors
    /// The key that holds something that is no pattern.
    pub fn compiled(&self) -> Result<scope::Scope, Invalid> {
        scope::Scope::new(&self.cluster_label, &self.clusters, &self.namespaces, &self.excluded_namespaces)
            .map_err(|(key, problem)| Invalid::new(format!("gateway.scope.{key}"), problem))
    }
}
