//! Puts the role together; binds and spawns nothing.

use std::sync::Arc;

use anyhow::Context;
use paramedic_bus::consume;
use paramedic_catalogue::{Action, Catalogue};
use paramedic_domain::id::WorkerId;
use paramedic_proto::v1::executor_service_server::ExecutorServiceServer;
use paramedic_runtime::{Kit, Role, config::Invalid};

use crate::{
    config::Config,
    metrics,
    shell::{
        calls::Outside,
        engine::{Engine, KINDS},
        kubernetes::Cluster,
        prepare::Service,
        worker::Worker,
    },
};

/// Builds the role.
///
/// # Errors
/// When the configuration cannot be used or the bus is unavailable.
pub async fn build(config: Config, kit: Kit) -> anyhow::Result<Role> {
    metrics::describe();
    config.validate()?;
    let cluster = kit.cluster.client.clone().map(Cluster::new);
    if cluster.is_none() {
        tracing::warn!("the executor has no cluster: workflows wait for a process that has one");
    }
    let registered = config.external_actions()?;
    let registered = registered.into_iter().map(|action| Arc::new(action) as Arc<dyn Action>).collect();
    let catalogue = Catalogue::new(registered).map_err(|problem| Invalid::new("executor.actions", problem))?;
    let outside = Outside::new(&config);
    let engine = match cluster.clone() {
        Some(cluster) => {
            let worker = Worker::open(kit.clone(), config.clone(), cluster, catalogue.clone(), worker_id(&kit)?).await;
            Some(Arc::new(Engine::new(worker.context("cannot open leases, limits and artifacts")?)))
        }
        None => None,
    };
    let service = Service {
        kit: kit.clone(),
        cluster,
        catalogue,
        outside,
    };
    let role = Role::new("executor").grpc(ExecutorServiceServer::new(service));
    // Without a cluster nothing is consumed: what this process took it could only give back.
    let Some(engine) = engine else { return Ok(role) };
    Ok(role.task("engine", async move {
        let spec = consume::on_cluster_events("executor", &kit.cluster.name, &KINDS);
        let clock = Arc::new(kit.clock.clone());
        Ok(consume::run(kit.bus, spec, config.workers, clock, kit.drain, engine).await?)
    }))
}

/// Names this process among all that ever worked: a worker that comes back is another one.
fn worker_id(kit: &Kit) -> anyhow::Result<WorkerId> {
    let started = kit.clock.now().as_nanosecond();
    let host = std::env::var("HOSTNAME").unwrap_or_default();
    let text = format!("{host}|{}|{started}", std::process::id());
    let digest = paramedic_domain::digest::Digest::of(text.as_bytes());
    format!("worker-{}", digest.short()).parse().context("the worker id is not valid")
}
