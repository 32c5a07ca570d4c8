//! Files that investigations and steps kept.

use paramedic_bus::{SharedBus, streams};
use paramedic_domain::id::IncidentId;
use paramedic_proto::v1::ArtifactPart;
use tonic::Status;

use super::status;

/// Bytes of one part; messages of gRPC are to be small.
const PART: usize = 1 << 20;

/// The parts of an incident's file. Other files of the bucket are nobody's to read here.
pub(super) async fn parts(bus: &SharedBus, incident: &IncidentId, name: &str) -> Result<Vec<ArtifactPart>, Status> {
    let own = name.strip_prefix(incident.as_str()).is_some_and(|rest| rest.starts_with('/'));
    let unknown = || Status::not_found(format!("incident {incident} kept no file {name:?}, or it is no longer there"));
    if !own {
        return Err(unknown());
    }
    let bucket = bus.blobs(streams::ARTIFACTS).await.map_err(|error| status::bus(&error))?;
    let content = bucket.get(name).await.map_err(|error| status::bus(&error))?.ok_or_else(unknown)?;
    let starts = (0..content.len()).step_by(PART);
    Ok(starts
        .map(|start| ArtifactPart {
            content: content.slice(start..content.len().min(start + PART)).to_vec(),
        })
        .collect())
}
