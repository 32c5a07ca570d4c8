//! What surrounds every event in an incident's log.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    digest::Digest,
    event::Event,
    id::{ClusterId, EventId, IncidentId},
};

/// Version of the event schema that this code writes.
pub const SCHEMA_VERSION: u32 = 1;

/// An event with its place in the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// Derived from incident and sequence.
    pub id: EventId,
    /// Cluster of the incident.
    pub cluster: ClusterId,
    /// The incident.
    pub incident: IncidentId,
    /// 1, 2, 3, ... within the incident.
    pub seq: u64,
    /// When it was decided.
    pub time: Timestamp,
    /// The event that led to it.
    pub causation: Option<EventId>,
    /// Schema it was written with.
    pub schema: u32,
    /// Digest of the encoded predecessor; [`Digest::ZERO`] for the first.
    pub previous: Digest,
    /// The event.
    pub event: Event,
}

/// An envelope and the digest of its encoding, which its successor must name.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The envelope.
    pub envelope: Envelope,
    /// Digest of its encoding as stored.
    pub digest: Digest,
}
