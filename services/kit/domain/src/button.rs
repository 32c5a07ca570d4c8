//! Buttons by which people answer in a chat: what the notifier puts on a message and the approval role reads from a click.

use serde::{Deserialize, Serialize};

use crate::{
    digest::Digest,
    id::{ClusterId, GateId, IncidentId},
};

/// Approves.
pub const APPROVE: &str = "paramedic_approve";
/// Opens the form that asks why somebody denies.
pub const DENY: &str = "paramedic_deny";
/// Says that somebody looks at it.
pub const LOOK: &str = "paramedic_look";

/// Says that somebody does it by hand.
pub const TAKE_OVER: &str = "paramedic_take_over";

/// What a button is about: the exact change of one gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Cluster.
    pub cluster: ClusterId,
    /// Incident.
    pub incident: IncidentId,
    /// Gate.
    pub gate: GateId,
    /// Digest of the change that the message showed.
    pub digest: Digest,
}
