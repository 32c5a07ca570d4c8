//! What there is and what depends on what, as it is handed to the correlator and written to `topology.json`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Everything known about an estate. It may be incomplete and wrong in places: it is evidence, not truth.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// What there is. An entity that only an edge names exists too.
    #[serde(default)]
    pub entities: Vec<Entity>,
    /// What depends on what.
    #[serde(default)]
    pub edges: Vec<Edge>,
    /// How long each alert's rule waits before it fires.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// One thing that can break or be alerted about: `Kind/namespace/name`, or `Kind/name` where there is no namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Entity {
    /// `Deployment`, `Service`, `Node`, ... as Kubernetes writes it; `Zone` for a zone.
    pub kind: String,
    /// `None` for what is outside of namespaces.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

/// Why one entity depends on another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// A service or workload sends requests to another.
    Calls,
    /// A Service leads to the pods of a workload.
    Selects,
    /// A workload is made of this pod.
    Owns,
    /// A pod runs on a node.
    RunsOn,
    /// A node stands in a zone.
    InZone,
    /// A workload reads a ConfigMap or Secret, or keeps data on a volume.
    Uses,
}

impl Relation {
    /// Whether it says that two names are of one thing.
    #[must_use]
    pub fn is_identity(self) -> bool {
        match self {
            Self::Selects | Self::Owns => true,
            Self::Calls | Self::RunsOn | Self::InZone | Self::Uses => false,
        }
    }
}

/// `from` depends on `to`: when `to` fails, `from` suffers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// What suffers.
    pub from: Entity,
    /// What it needs.
    pub to: Entity,
    /// How.
    pub relation: Relation,
}

/// What is known about the rule of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Name of the alert.
    pub alert: String,
    /// The rule's `for` in seconds: how long the condition held when the alert started.
    pub for_seconds: u32,
}

/// A text that names no entity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an entity: write Kind/namespace/name, or Kind/name for what has no namespace")]
pub struct NotAnEntity(String);

impl Entity {
    /// Something in a namespace.
    #[must_use]
    pub fn in_namespace(kind: &str, namespace: &str, name: &str) -> Self {
        Self {
            kind: kind.into(),
            namespace: Some(namespace.into()),
            name: name.into(),
        }
    }

    /// Something outside of namespaces.
    #[must_use]
    pub fn of_cluster(kind: &str, name: &str) -> Self {
        Self {
            kind: kind.into(),
            namespace: None,
            name: name.into(),
        }
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{}/{namespace}/{}", self.kind, self.name),
            None => write!(f, "{}/{}", self.kind, self.name),
        }
    }
}

impl FromStr for Entity {
    type Err = NotAnEntity;

    fn from_str(text: &str) -> Result<Self, NotAnEntity> {
        let parts: Vec<&str> = text.split('/').collect();
        match parts[..] {
            [kind, name] if !kind.is_empty() && !name.is_empty() => Ok(Self::of_cluster(kind, name)),
            [kind, namespace, name] if ![kind, namespace, name].contains(&"") => Ok(Self::in_namespace(kind, namespace, name)),
            _ => Err(NotAnEntity(text.into())),
        }
    }
}

impl From<Entity> for String {
    fn from(entity: Entity) -> Self {
        entity.to_string()
    }
}

impl TryFrom<String> for Entity {
    type Error = NotAnEntity;

    fn try_from(text: String) -> Result<Self, NotAnEntity> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_is_one_word_in_json() {
        let edge = Edge {
            from: Entity::in_namespace("Deployment", "shop", "cart"),
            to: Entity::of_cluster("Node", "node-1"),
            relation: Relation::RunsOn,
        };
        let json = serde_json::to_string(&edge).unwrap();
        assert_eq!(json, r#"{"from":"Deployment/shop/cart","to":"Node/node-1","relation":"runs_on"}"#);
        assert_eq!(serde_json::from_str::<Edge>(&json).unwrap(), edge);
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for text in ["", "Pod", "Pod/", "/a", "Pod//a", "Pod/a/b/c"] {
            assert!(text.parse::<Entity>().is_err(), "{text}");
        }
    }
}
