//! What the correlator says, and what it is told.

use bytes::Bytes;
use paramedic_domain::correlation::{Candidate, Correction, Notice, Position, Ranking, Stage, Told};
use paramedic_proto::v1::{self, correction, told};
use prost::Message;

use crate::{
    Invalid, Wire,
    codec::{Field, message, message_field, words},
};

words!(Stage => Stage { WorkedOn, Resolved, Escalated, Cancelled });
message!(Position => Position { sequence, index });
message!(Candidate => Candidate { entity, belief, explains, reason });
message!(Ranking => Ranking { candidates, affected, confidence });
message_field!(Correction);

fn within<T: Field>(proto: T::Proto, name: &str) -> Result<T, Invalid> {
    T::from_field(proto).map_err(|invalid| invalid.within(name))
}

impl Wire for Correction {
    type Proto = v1::Correction;
    fn to_proto(&self) -> v1::Correction {
        let kind = match self {
            Self::Merge { from, into } => correction::Kind::Merge(correction::Merge {
                from: from.to_proto(),
                into: into.to_proto(),
            }),
            Self::Split { from, fingerprints } => correction::Kind::Split(some(from.to_proto(), fingerprints)),
            Self::Detach { from, fingerprints } => correction::Kind::Detach(some(from.to_proto(), fingerprints)),
        };
        v1::Correction { kind: Some(kind) }
    }
    fn from_proto(proto: v1::Correction) -> Result<Self, Invalid> {
        Ok(match proto.kind {
            Some(correction::Kind::Merge(merge)) => Self::Merge {
                from: within(merge.from, "merge.from")?,
                into: within(merge.into, "merge.into")?,
            },
            Some(correction::Kind::Split(some)) => Self::Split {
                from: within(some.from, "split.from")?,
                fingerprints: some.fingerprints,
            },
            Some(correction::Kind::Detach(some)) => Self::Detach {
                from: within(some.from, "detach.from")?,
                fingerprints: some.fingerprints,
            },
            None => return Err(Invalid::new("kind", "is missing or unknown")),
        })
    }
}

fn some(from: String, fingerprints: &[String]) -> correction::Some {
    correction::Some {
        from,
        fingerprints: fingerprints.to_vec(),
    }
}

impl Wire for Told {
    type Proto = v1::Told;
    fn to_proto(&self) -> v1::Told {
        let notice = match &self.notice {
            Notice::Tick => told::Notice::Tick(told::Tick {}),
            Notice::Reached { incident, stage, position } => told::Notice::Reached(told::Reached {
                incident: incident.to_proto(),
                stage: stage.to_proto(),
                position: position.to_field(),
            }),
            Notice::Merged { from, into, position } => told::Notice::Merged(told::Merged {
                from: from.to_proto(),
                into: into.to_proto(),
                position: position.to_field(),
            }),
            Notice::Corrected { correction, by } => told::Notice::Corrected(told::Corrected {
                correction: correction.to_field(),
                by: by.clone(),
            }),
        };
        v1::Told {
            cluster: self.cluster.to_proto(),
            at: self.at.to_field(),
            notice: Some(notice),
        }
    }
    fn from_proto(proto: v1::Told) -> Result<Self, Invalid> {
        let notice = match proto.notice {
            Some(told::Notice::Tick(told::Tick {})) => Notice::Tick,
            Some(told::Notice::Reached(reached)) => Notice::Reached {
                incident: within(reached.incident, "reached.incident")?,
                stage: within(reached.stage, "reached.stage")?,
                position: within(reached.position, "reached.position")?,
            },
            Some(told::Notice::Merged(merged)) => Notice::Merged {
                from: within(merged.from, "merged.from")?,
                into: within(merged.into, "merged.into")?,
                position: within(merged.position, "merged.position")?,
            },
            Some(told::Notice::Corrected(corrected)) => Notice::Corrected {
                correction: within(corrected.correction, "corrected.correction")?,
                by: corrected.by,
            },
            None => return Err(Invalid::new("notice", "is missing or unknown")),
        };
        Ok(Self {
            cluster: within(proto.cluster, "cluster")?,
            at: within(proto.at, "at")?,
            notice,
        })
    }
}

/// Encodes what the correlator is told, for the `ALERTS` stream.
#[must_use]
pub fn encode_told(told: &Told) -> Bytes {
    told.to_proto().encode_to_vec().into()
}

/// Decodes what the correlator is told.
///
/// # Errors
/// Names the field that is missing or wrong.
pub fn decode_told(bytes: &[u8]) -> Result<Told, Invalid> {
    let proto = v1::Told::decode(bytes).map_err(|error| Invalid::new("notice", format!("is not a protobuf message: {error}")))?;
    Wire::from_proto(proto)
}
