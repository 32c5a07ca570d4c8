//! What a body says: groups of alerts, or what is wrong with it.

use std::collections::BTreeMap;

use paramedic_domain::alert::Alert;

/// A body that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// What it says about each group.
    pub groups: Vec<Group>,
    /// What is wrong with it, one sentence each: with any of them nothing of the body may be used.
    pub problems: Vec<String>,
}

/// What a body says about one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The sender's key of the group, the same as in each of the alerts.
    pub key: String,
    /// The alerts are all that the group has.
    pub whole: bool,
    /// What the sender itself left out, if anything.
    pub missing: Option<Missing>,
    /// Its alerts.
    pub alerts: Vec<Alert>,
}

/// What a sender left out of a group, and how to find the group at the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// How many alerts.
    pub alerts: u64,
    /// Name of Alertmanager's receiver.
    pub receiver: String,
    /// Labels that make the group.
    pub labels: BTreeMap<String, String>,
}

impl Reading {
    /// Of a body with something wrong.
    #[must_use]
    pub fn wrong(problems: Vec<String>) -> Self {
        Self {
            groups: Vec::new(),
            problems,
        }
    }
}
