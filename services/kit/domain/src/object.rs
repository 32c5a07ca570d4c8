//! References to Kubernetes objects.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One Kubernetes object, as Kubernetes names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectRef {
    /// `apps/v1`, `v1`, ...
    pub api_version: String,
    /// `Deployment`, ...
    pub kind: String,
    /// `None` for cluster-scoped objects.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// UID where it is known; a change always knows it.
    pub uid: Option<String>,
}

impl ObjectRef {
    /// A reference without UID.
    #[must_use]
    pub fn new(api_version: &str, kind: &str, namespace: Option<&str>, name: &str) -> Self {
        Self {
            api_version: api_version.into(),
            kind: kind.into(),
            namespace: namespace.map(Into::into),
            name: name.into(),
            uid: None,
        }
    }

    /// Whether both name the same object, whatever is known of the UID.
    #[must_use]
    pub fn same_object(&self, other: &Self) -> bool {
        self.kind == other.kind && self.namespace == other.namespace && self.name == other.name && self.api_version == other.api_version
    }

    /// A key of `[-/_=.a-zA-Z0-9]` for leases: one object, one key.
    #[must_use]
    pub fn lease_key(&self, cluster: &crate::id::ClusterId) -> String {
        let group = self.api_version.split_once('/').map_or("core", |(group, _)| group);
        format!(
            "{cluster}/{group}/{}/{}/{}",
            self.kind,
            self.namespace.as_deref().unwrap_or("_"),
            self.name
        )
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}
