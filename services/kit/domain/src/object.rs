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
            escaped(&self.name)
        )
    }
}

/// A name with what a key does not take as `=` and two hexadecimal digits: names of roles may be anything that fits into a path
/// (`system:node`).
fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let bytes = name.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let plain = match byte {
            // Single ones inside only.
            b'.' => bytes.get(at + 1).is_some_and(|next| *next != b'.'),
            b'-' | b'_' => true,
            byte => byte.is_ascii_alphanumeric(),
        };
        if plain {
            out.push(char::from(*byte));
        } else {
            out.push_str(&format!("={byte:02X}"));
        }
    }
    out
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_an_object_is_one_that_every_bus_takes_and_its_own() {
        let key =
            |name: &str| ObjectRef::new("rbac.authorization.k8s.io/v1", "ClusterRole", None, name).lease_key(&"test".parse().unwrap());
        assert_eq!(
            key("payment-service.v1"),
            "test/rbac.authorization.k8s.io/ClusterRole/_/payment-service.v1"
        );
        assert_eq!(key("system:node"), "test/rbac.authorization.k8s.io/ClusterRole/_/system=3Anode");
        let odd = ["system:node", "system=3Anode", "a..b", "a.=2Eb", "a.", "ä", "a b", "a/b"];
        let keys: std::collections::BTreeSet<String> = odd.iter().map(|name| key(name)).collect();
        assert_eq!(keys.len(), odd.len(), "{keys:?}");
        for key in keys {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-/_=.".contains(&byte);
            assert!(key.bytes().all(plain) && !key.contains("..") && !key.ends_with('.'), "{key}");
        }
    }
}
