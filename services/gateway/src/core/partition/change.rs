//! What a message of the stream changes about an incident.

use std::sync::Arc;

use jiff::Timestamp;
use paramedic_domain::{
    alert::Alert,
    correlation::{Position, Ranking},
    id::IncidentId,
};

use crate::core::gate::Keepers;

/// A change of one incident, with its place in the order of all decisions.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// Whose.
    pub incident: IncidentId,
    /// How far into the stream it reaches.
    pub position: Position,
    /// What.
    pub change: Change,
}

/// An alert that began to fire and is in no incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// Which.
    pub fingerprint: String,
    /// Its name.
    pub name: String,
    /// Since when it fires.
    pub since: Timestamp,
    /// Why.
    pub why: String,
}

impl Aside {
    pub(super) fn new(alert: &Alert, why: impl Into<String>) -> Self {
        Self {
            fingerprint: alert.fingerprint.clone(),
            name: alert.name().to_owned(),
            since: alert.starts_at,
            why: why.into(),
        }
    }
}

/// A change of one incident.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// It begins with this alert.
    Open(Box<Alert>),
    /// An alert joins, or begins to fire again.
    Join {
        /// The alert.
        alert: Box<Alert>,
        /// Why it belongs here.
        reason: String,
    },
    /// Alerts join that the stream brought earlier; the incident may be new.
    Take {
        /// Which.
        alerts: Vec<Taken>,
        /// The incident that had them, if one did.
        from: Option<IncidentId>,
    },
    /// An alert ended.
    Resolve {
        /// Which.
        fingerprint: String,
        /// When.
        at: Timestamp,
    },
    /// Alerts leave.
    Detach {
        /// Which.
        fingerprints: Vec<String>,
        /// Where to.
        into: Option<IncidentId>,
        /// Why.
        reason: String,
    },
    /// Everything that another incident has joins.
    Absorb {
        /// The other.
        from: IncidentId,
        /// Why.
        reason: String,
    },
    /// It continues as another.
    Merge {
        /// The other.
        into: IncidentId,
        /// Why.
        reason: String,
    },
    /// What its alerts point to has changed.
    Rank(Ranking),
    /// What is kept quiet has changed.
    Keep(Arc<Keepers>, Timestamp),
    /// An alert that came too late for it, since it was over, has to come again.
    Again(Source),
}

/// An alert that the stream brought earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Where it is.
    pub source: Source,
    /// Why it belongs to the incident.
    pub reason: String,
}

/// Where the stream has an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Which alert.
    pub fingerprint: String,
    /// When it began to fire, as the incident shows it.
    pub starts_at: Timestamp,
    /// Sequence of the last message that said that it fires.
    pub sequence: u64,
}

impl Change {
    /// Whether it needs what other incidents have: then everything before has to be written first.
    #[must_use]
    pub fn looks_elsewhere(&self) -> bool {
        match self {
            Self::Take { .. } | Self::Detach { .. } | Self::Absorb { .. } | Self::Merge { .. } | Self::Again(_) => true,
            Self::Open(_) | Self::Join { .. } | Self::Resolve { .. } | Self::Rank(_) | Self::Keep(..) => false,
        }
    }
}
