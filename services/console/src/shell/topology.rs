//! What there is in a cluster, for people.

use paramedic_bus::{SharedBus, topologies::Topologies};
use paramedic_domain::id::ClusterId;
use paramedic_proto::v1;
use paramedic_runtime::Clock;
use paramedic_wire::Wire;
use tonic::Status;

use super::status;

/// The topology that was announced last.
pub(super) async fn last(bus: &SharedBus, clock: &Clock, cluster: &ClusterId) -> Result<v1::TopologyResponse, Status> {
    let topologies = Topologies::open(bus).await.map_err(|error| status::bus(&error))?;
    let last = topologies.last(cluster, clock.now()).await.map_err(|error| status::bus(&error))?;
    let Some(last) = last else {
        return Err(Status::not_found(format!(
            "no topology of cluster {cluster} was announced yet; is gateway.topology.enabled, and does a gateway reach the cluster?"
        )));
    };
    let content = topologies.content(&last.taken).await.map_err(|error| status::bus(&error))?;
    let Some(content) = content else {
        return Err(Status::data_loss(format!("the content {} is no longer kept", last.taken.artifact)));
    };
    Ok(v1::TopologyResponse {
        cluster: cluster.to_string(),
        taken: Some(last.taken.to_proto()),
        content: content.to_vec(),
    })
}
