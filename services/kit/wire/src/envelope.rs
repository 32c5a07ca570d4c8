//! Envelopes: what the log stores.

use bytes::Bytes;
use paramedic_domain::{
    digest::Digest,
    envelope::{Envelope, Recorded, SCHEMA_VERSION},
};
use paramedic_proto::v1;
use prost::Message;

use crate::{Invalid, Wire, codec::message};

message!(Envelope => Envelope { id, cluster, incident, seq, time, causation, schema, previous, event });

/// Encodes an envelope. Equal envelopes have equal bytes: fields go out in the order of their numbers, maps sorted.
#[must_use]
pub fn encode(envelope: &Envelope) -> Bytes {
    envelope.to_proto().encode_to_vec().into()
}

/// Decodes a stored envelope and takes the digest of exactly these bytes, which its successor names.
///
/// # Errors
/// Names the field that is missing or wrong, or the schema that this version does not know.
pub fn decode(bytes: &[u8]) -> Result<Recorded, Invalid> {
    let proto = v1::Envelope::decode(bytes).map_err(|error| Invalid::new("envelope", format!("is not a protobuf message: {error}")))?;
    // Before anything else: what a newer schema added cannot be judged by the rules of this one.
    known_schema(proto.schema)?;
    Ok(Recorded {
        envelope: Wire::from_proto(proto)?,
        digest: Digest::of(bytes),
    })
}

fn known_schema(schema: u32) -> Result<(), Invalid> {
    match schema {
        0 => Err(Invalid::new("schema", "is missing: the message is not an envelope")),
        1..=SCHEMA_VERSION => Ok(()),
        newer => Err(Invalid::new(
            "schema",
            format!("{newer} is newer than {SCHEMA_VERSION}, the newest that this version reads: upgrade this process"),
        )),
    }
}
