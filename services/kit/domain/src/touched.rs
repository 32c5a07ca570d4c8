//! The namespaces that a step touches.

use std::{collections::BTreeSet, fmt};

use serde_json::{Map, Value};

use crate::{change::Change, name_pattern::fits, object::ObjectRef};

/// The namespaces that a change touches, runs in or looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touched<'a> {
    /// These; none for what belongs to no namespace.
    Known(BTreeSet<&'a str>),
    /// Nobody knows: what holds for any namespace holds for it.
    Unknown,
}

impl<'a> Touched<'a> {
    /// Those of a change. What is done outside of the cluster (a pull request, a silence, an action of one's own) belongs to the
    /// namespace that its parameters name and to that of the `cause`.
    #[must_use]
    pub fn by(change: &'a Change, parameters: &'a Map<String, Value>, cause: Option<&'a str>) -> Self {
        let mut names: BTreeSet<&str> = targets(change)
            .into_iter()
            .filter_map(|target| target.namespace.as_deref())
            .collect();
        if let Change::Call(_) = change {
            names.extend(parameters.get("namespace").and_then(Value::as_str));
            names.extend(cause);
            if names.is_empty() {
                return Self::Unknown;
            }
        }
        Self::Known(names)
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Known(one), Self::Known(two)) => Self::Known(one.union(&two).copied().collect()),
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
        }
    }

    /// Whether a name among these is meant by a pattern.
    #[must_use]
    pub fn any(&self, patterns: &[String]) -> bool {
        match self {
            Self::Known(names) => names.iter().any(|name| patterns.iter().any(|pattern| fits(pattern, name))),
            Self::Unknown => true,
        }
    }
}

impl fmt::Display for Touched<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(names) if names.is_empty() => f.write_str("the cluster"),
            Self::Known(names) => f.write_str(&names.iter().copied().collect::<Vec<_>>().join(", ")),
            Self::Unknown => f.write_str("any namespace"),
        }
    }
}

/// Every object that a change is about.
#[must_use]
pub fn targets(change: &Change) -> Vec<&ObjectRef> {
    match change {
        Change::Exec(exec) => vec![&exec.target],
        Change::Read { targets, .. } => targets.iter().collect(),
        Change::Patch(_) | Change::Delete(_) | Change::Sequence { .. } => change.lease_targets(),
        Change::Call(_) | Change::Notify(_) | Change::Carried { .. } => Vec::new(),
    }
}
