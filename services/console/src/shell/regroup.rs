//! What people say about which alerts belong together goes to the correlator by its own stream.

use paramedic_bus::{Append, Headers, IncidentLog, SharedBus, streams, trace};
use paramedic_domain::{
    correlation::{Correction, Notice, Told},
    id::{ClusterId, IncidentId},
    incident::Incident,
    subject::Subject,
};
use paramedic_proto::v1;
use paramedic_runtime::Clock;
use paramedic_wire::Wire;
use tonic::Status;

use super::status;
use crate::core::regroup;

/// Checks a correction and tells it. The number of alerts that it is about.
pub(super) async fn regroup(
    bus: &SharedBus,
    log: &IncidentLog,
    clock: &Clock,
    cluster: &ClusterId,
    correction: Option<v1::Correction>,
    by: String,
) -> Result<u32, Status> {
    let correction = correction.ok_or_else(|| Status::invalid_argument("correction: is missing"))?;
    let correction = Correction::from_proto(correction).map_err(|invalid| Status::invalid_argument(format!("correction: {invalid}")))?;
    let load = async |id: &IncidentId| -> Result<Incident, Status> {
        let incident = log.load(cluster, id).await.map_err(|error| status::log(&error))?;
        match incident.version {
            0 => Err(status::unknown(cluster, id)),
            _ => Ok(incident),
        }
    };
    let (from, into) = match &correction {
        Correction::Merge { from, into } => (load(from).await?, Some(load(into).await?)),
        Correction::Split { from, .. } | Correction::Detach { from, .. } => (load(from).await?, None),
    };
    let alerts = regroup::check(&correction, &from, into.as_ref()).map_err(Status::failed_precondition)?;
    tracing::info!(%cluster, ?correction, by, "alerts are regrouped by a person");
    let told = Told {
        cluster: cluster.clone(),
        at: clock.now(),
        notice: Notice::Corrected { correction, by },
    };
    let mut headers = Headers::new();
    trace::inject(&mut headers);
    let message = Append {
        subject: Subject::Told { cluster: cluster.clone() }.to_string(),
        headers,
        payload: paramedic_wire::encode_told(&told),
        ..Append::default()
    };
    bus.append(streams::ALERTS, message).await.map_err(|error| status::bus(&error))?;
    Ok(u32::try_from(alerts).unwrap_or(u32::MAX))
}
