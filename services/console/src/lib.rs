//! The query side: `IncidentService` over the incident logs, whose state is derived and can be thrown away; and what people say
//! about alerts to come, `MaintenanceService`; and the kill switch, `SafetyService`.
//!
//! - [`core`]: the catalogue of all incidents as folded from their logs, and the decision to cancel one.
//! - `shell::tail`: follows the logs. `shell::service`: answers.

pub mod config;
pub mod core;
mod metrics;
mod shell;

use std::sync::Arc;

use paramedic_proto::v1::{
    incident_service_server::IncidentServiceServer, maintenance_service_server::MaintenanceServiceServer,
    safety_service_server::SafetyServiceServer,
};
use paramedic_runtime::{Kit, Role};

pub use config::{Config, DEFAULTS};
pub use metrics::describe;

/// Builds the role: the gRPC service and the task that follows the logs.
///
/// # Errors
/// When the bus is unavailable.
pub async fn build(config: Config, kit: Kit) -> anyhow::Result<Role> {
    metrics::describe();
    let tail = Arc::new(shell::tail::Tail::new(kit.bus.clone()));
    let service = shell::service::Incidents::new(&kit, tail.clone());
    let maintenance = shell::maintenance::Maintenance::new(&kit);
    let safety = shell::safety::Safety::open(&kit).await?;
    let callers = shell::identity::Callers::new(&kit);
    let follow = shell::tail::follow(tail, config.poll_interval(), kit.drain);
    Ok(Role::new("console")
        .grpc(IncidentServiceServer::with_interceptor(service, callers.clone()))
        .grpc(MaintenanceServiceServer::with_interceptor(maintenance, callers.clone()))
        .grpc(SafetyServiceServer::with_interceptor(safety, callers))
        .task("tail", async move {
            follow.await;
            Ok(())
        }))
}
