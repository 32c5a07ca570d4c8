//! Objects as steps kept them: what the log says an artifact is, and nothing else, becomes part of a plan.

use paramedic_bus::streams;
use paramedic_domain::{
    digest::Digest,
    event::{Artifact, Event},
    id::IncidentId,
};
use paramedic_runtime::Kit;
use serde_json::Value;

use super::Trouble;

/// The object in the artifact of that name, or why it cannot be used.
pub(super) async fn recorded(kit: &Kit, name: &str) -> Result<Result<Value, String>, Trouble> {
    let Some(incident) = name.split('/').next().and_then(|id| id.parse::<IncidentId>().ok()) else {
        return Ok(Err("does not begin with the id of an incident".into()));
    };
    let unread = |detail: String| Trouble::Transient {
        what: format!("artifact {name}"),
        detail,
        sent: false,
    };
    let log = kit
        .log
        .read(&kit.cluster.name, &incident)
        .await
        .map_err(|error| unread(error.to_string()))?;
    // A second attempt of the step overwrites what the first kept: the last word counts.
    let known = log.iter().rev().find_map(|recorded| match &recorded.envelope.event {
        Event::StepSucceeded { artifacts, .. } => artifacts.iter().find(|artifact| artifact.name == name),
        _ => None,
    });
    let Some(Artifact { digest, .. }) = known else {
        return Ok(Err(format!("is not in the log of incident {incident}")));
    };
    let blobs = kit.bus.blobs(streams::ARTIFACTS).await.map_err(|error| unread(error.to_string()))?;
    let Some(content) = blobs.get(name).await.map_err(|error| unread(error.to_string()))? else {
        return Ok(Err("is no longer kept".into()));
    };
    if Digest::of(&content) != *digest {
        return Ok(Err("is not what the log says: its digest differs".into()));
    }
    Ok(serde_json::from_slice(&content).map_err(|_| "is not one object as JSON".to_owned()))
}
