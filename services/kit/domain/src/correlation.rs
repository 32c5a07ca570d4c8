//! What the correlator says about an incident, and what it is told.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    id::{ClusterId, IncidentId},
    incident::Status,
};

/// How far into the stream of alerts a decision reaches: of two decisions about one incident the later one has the greater position,
/// whoever made them and however often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Position {
    /// Sequence of the message in the stream of alerts.
    pub sequence: u64,
    /// Number of the decision among those that the message led to.
    pub index: u32,
}

/// What is remembered of a member besides the alert itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// Why it belongs to the incident.
    pub reason: String,
    /// How often it began to fire: more than once when it flaps.
    pub firings: u32,
    /// When it joined.
    pub joined_at: Timestamp,
}

/// Something that may be at fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// `Deployment/shop/cart`, `Node/n1`.
    pub entity: String,
    /// Share of belief, 0 to 1.
    pub belief: f64,
    /// Alerts of the incident that it explains.
    pub explains: u32,
    /// What speaks for it, for people.
    pub reason: String,
}

/// What the alerts alone say about the cause: where an investigation begins.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Ranking {
    /// The likeliest first.
    pub candidates: Vec<Candidate>,
    /// What suffers, by name: everything that the incident has alerts about.
    pub affected: Vec<String>,
    /// That the alerts are of one incident, 0 to 1.
    pub confidence: f64,
}

/// What became of an incident, as the correlator has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// People were asked, or its remediation began: its alerts stay together from now on.
    WorkedOn,
    /// Resolved: it takes nothing in any more.
    Resolved,
    /// A person took over: what still belongs to it joins it.
    Escalated,
    /// A person ended it.
    Cancelled,
}

impl Stage {
    /// The stage of an incident that ended so; `None` for one that has not, or that continues as another.
    #[must_use]
    pub fn of(status: Status) -> Option<Self> {
        match status {
            Status::Resolved => Some(Self::Resolved),
            Status::Escalated => Some(Self::Escalated),
            Status::Cancelled => Some(Self::Cancelled),
            Status::Open
            | Status::Analysing
            | Status::Planning
            | Status::AwaitingApproval
            | Status::Executing
            | Status::Verifying
            | Status::Merged => None,
        }
    }
}

/// What the correlator is told besides alerts. It comes by the stream of alerts too, so that a replay meets it at the same place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// Nothing came for a while: what is unsettled can settle.
    Tick,
    /// An incident reached a stage.
    Reached {
        /// The incident.
        incident: IncidentId,
        /// Where it stands.
        stage: Stage,
        /// How far its correlation had come then: what came later is not in it.
        position: Position,
    },
    /// Its investigation found that an incident is part of another.
    Merged {
        /// It is over.
        from: IncidentId,
        /// It has the alerts now.
        into: IncidentId,
        /// How far the first one's correlation had come then.
        position: Position,
    },
    /// A person knows better.
    Corrected {
        /// What.
        correction: Correction,
        /// Who.
        by: String,
    },
}

/// How a person wants alerts to be grouped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Correction {
    /// Two incidents are one.
    Merge {
        /// Continues as the other.
        from: IncidentId,
        /// The other.
        into: IncidentId,
    },
    /// Some alerts are an incident of their own.
    Split {
        /// The incident that has them.
        from: IncidentId,
        /// Which alerts.
        fingerprints: Vec<String>,
    },
    /// Some alerts belong to no incident.
    Detach {
        /// The incident that has them.
        from: IncidentId,
        /// Which alerts.
        fingerprints: Vec<String>,
    },
}

/// A [`Notice`] as the stream of alerts stores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Whose incidents.
    pub cluster: ClusterId,
    /// When.
    pub at: Timestamp,
    /// What.
    pub notice: Notice,
}
