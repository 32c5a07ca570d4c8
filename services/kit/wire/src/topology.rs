//! Snapshots of a cluster as the `ALERTS` stream stores them.

use bytes::Bytes;
use paramedic_domain::topology::TopologyTaken;
use paramedic_proto::v1;
use prost::Message;

use crate::{Invalid, Wire, codec::message};

message!(TopologyTaken => TopologyTaken { taken_at, digest, artifact, entities, edges });

/// Encodes a snapshot's announcement for the `ALERTS` stream.
#[must_use]
pub fn encode_topology(taken: &TopologyTaken) -> Bytes {
    taken.to_proto().encode_to_vec().into()
}

/// Decodes a snapshot's announcement of the `ALERTS` stream.
///
/// # Errors
/// Names the field that is missing or wrong.
pub fn decode_topology(bytes: &[u8]) -> Result<TopologyTaken, Invalid> {
    let proto =
        v1::TopologyTaken::decode(bytes).map_err(|error| Invalid::new("topology", format!("is not a protobuf message: {error}")))?;
    Wire::from_proto(proto)
}
