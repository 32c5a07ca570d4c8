//! An index of gates on the bus, so that a list need not read every incident and a watch needs no polling.
//!
//! It only says which gates to look at; what is shown always comes from the log. It can be thrown away: the consumer
//! `approval-index` started anew rebuilds it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use paramedic_bus::{
    Error, Kv,
    consume::{Handler, Verdict},
};
use paramedic_domain::{
    envelope::Envelope,
    id::{ClusterId, GateId, IncidentId},
};
use paramedic_runtime::Kit;
use serde::{Deserialize, Serialize};

use super::view;
use crate::core::gates::next_due;

/// Bucket of the index.
pub const BUCKET: &str = "gates";
/// How long a gate stays in lists after its last change: longer than any question stands.
pub const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// What the index remembers of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Version of the incident it was taken from.
    pub version: u64,
    /// Whether it waits.
    pub waits: bool,
    /// When something is due at it; `None`: nothing, or not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
}

/// Where a gate is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Cluster.
    pub cluster: ClusterId,
    /// Incident.
    pub incident: IncidentId,
    /// Gate.
    pub gate: GateId,
}

impl Place {
    /// The key of this gate.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}/{}/{}", self.cluster, self.incident, self.gate)
    }

    /// The gate of a key.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        let mut parts = key.split('/');
        let place = Self {
            cluster: parts.next()?.parse().ok()?,
            incident: parts.next()?.parse().ok()?,
            gate: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(place)
    }
}

impl Note {
    /// A stored note; an unreadable one counts as waiting and due, so that the log decides.
    #[must_use]
    pub fn parse(value: &[u8]) -> Self {
        serde_json::from_slice(value).unwrap_or(Self {
            version: 0,
            waits: true,
            due: Some(Timestamp::MIN),
        })
    }
}

/// Keeps the index.
pub struct Indexer {
    /// Kit.
    pub kit: Kit,
    /// The bucket.
    pub index: Arc<dyn Kv>,
}

#[async_trait]
impl Handler for Indexer {
    async fn handle(&self, event: &Envelope, _delivery: u32) -> Verdict {
        let incident = match self.kit.log.load(&event.cluster, &event.incident).await {
            Ok(incident) => incident,
            Err(error) => return error.verdict(),
        };
        for gate in incident.gates.keys() {
            let place = Place {
                cluster: event.cluster.clone(),
                incident: event.incident.clone(),
                gate: gate.clone(),
            };
            let note = Note {
                version: incident.version,
                waits: view::waits(&incident, gate),
                due: incident.plan.as_ref().and_then(|plan| next_due(&incident, &plan.id, gate)),
            };
            match self.write(&place.key(), note).await {
                Ok(()) => {}
                Err(Error::Invalid(reason)) => return Verdict::Reject { reason },
                Err(error @ (Error::Unavailable(_) | Error::WrongRevision { .. } | Error::Conflict { .. })) => {
                    return Verdict::Retry {
                        after: Duration::from_millis(200),
                        reason: error.to_string(),
                    };
                }
            }
        }
        Verdict::Done
    }
}

impl Indexer {
    async fn write(&self, key: &str, note: Note) -> Result<(), Error> {
        let value = Bytes::from(serde_json::to_vec(&note).expect("two plain fields"));
        match self.index.get(key).await? {
            Some(entry) => match entry.value.as_deref().map(Note::parse) {
                Some(stored) if stored.version >= note.version => Ok(()),
                Some(_) | None => self.index.update(key, value, entry.revision).await.map(drop),
            },
            None => self.index.create(key, value).await.map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_exactly_one_gate() {
        let place = Place {
            cluster: "prod-eu".parse().unwrap(),
            incident: IncidentId::derive(&["i"]),
            gate: GateId::derive(&["g"]),
        };
        assert_eq!(Place::parse(&place.key()), Some(place));
        assert_eq!(Place::parse("prod/inc_1"), None);
        assert_eq!(Place::parse("prod/inc_1/gate_1/more"), None);
    }
}
