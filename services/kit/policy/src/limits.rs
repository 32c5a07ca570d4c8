//! What no rule lifts: modes of namespaces, and times at which nothing is changed.

use std::collections::BTreeSet;

use jiff::Timestamp;
use paramedic_domain::{maintenance::Schedule, policy::Mode};
use serde::Deserialize;

/// A stricter mode for some namespaces.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scoped {
    /// Names, or beginnings of names with `*`.
    pub namespaces: Vec<String>,
    /// The mode there, where it is stricter than that of the cluster.
    pub mode: Mode,
}

/// A time at which nothing is changed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// Its name, which people are told.
    pub name: String,
    /// When.
    pub during: Schedule,
    /// Names, or beginnings of names with `*`; empty: the whole cluster.
    #[serde(default)]
    pub namespaces: Vec<String>,
}

impl Scoped {
    pub(crate) fn covers(&self, namespaces: &BTreeSet<&str>) -> bool {
        any(&self.namespaces, namespaces)
    }
}

impl Freeze {
    /// Whether it holds for a change of these namespaces now.
    pub(crate) fn holds(&self, namespaces: &BTreeSet<&str>, now: Timestamp) -> bool {
        (self.namespaces.is_empty() || any(&self.namespaces, namespaces)) && self.during.span_at(now).is_some()
    }
}

/// The stricter of two modes.
pub(crate) fn stricter(one: Mode, other: Mode) -> Mode {
    match (one, other) {
        (Mode::Observe, _) | (_, Mode::Observe) => Mode::Observe,
        (Mode::Standard, _) | (_, Mode::Standard) => Mode::Standard,
        (Mode::Autonomous, Mode::Autonomous) => Mode::Autonomous,
    }
}

/// What is wrong with names of namespaces.
pub(crate) fn bad_name(names: &[String]) -> Option<String> {
    let bad = |name: &&String| name.is_empty() || name.trim_end_matches('*').contains('*');
    let name = names.iter().find(bad)?;
    Some(format!("{name:?} is no name and no beginning of one (a * only at the end)"))
}

fn any(patterns: &[String], namespaces: &BTreeSet<&str>) -> bool {
    let fits = |pattern: &String, name: &str| match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => pattern == name,
    };
    namespaces.iter().any(|name| patterns.iter().any(|pattern| fits(pattern, name)))
}
