//! What a body says: groups of alerts, or what is wrong with it.

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
    /// Alerts that the sender itself left out.
    pub truncated: u64,
    /// Its alerts.
    pub alerts: Vec<Alert>,
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
