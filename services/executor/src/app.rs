//! Puts the role together; binds and spawns nothing.

use std::sync::Arc;

use anyhow::Context;
use paramedic_bus::{
    consume::{self, Handler},
    lease::Leases,
};
use paramedic_catalogue::{Action, Catalogue};
use paramedic_domain::id::WorkerId;
use paramedic_proto::v1::executor_service_server::ExecutorServiceServer;
use paramedic_runtime::{Kit, Role, config::Invalid};

use crate::{
    config::Config,
    metrics,
    shell::{
        advance::{Advancer, KINDS, NoCluster, StepThenAdvance},
        calls::Outside,
        expiry::Expiry,
        kubernetes::Cluster,
        limits::Ledgers,
        prepare::Service,
        worker::Worker,
    },
};

/// Workflows moved on at the same time; each move is one or two appends.
const ADVANCING: usize = 64;

/// Builds the role.
///
/// # Errors
/// When the configuration cannot be used or the bus is unavailable.
pub async fn build(config: Config, kit: Kit) -> anyhow::Result<Role> {
    metrics::describe();
    config.validate()?;
    let cluster = kit.cluster.client.clone().map(Cluster::new);
    if cluster.is_none() {
        tracing::warn!("the executor has no cluster: steps wait for a process that has one");
    }
    let registered = config.external_actions()?;
    let registered = registered.into_iter().map(|action| Arc::new(action) as Arc<dyn Action>).collect();
    let catalogue = Catalogue::new(registered).map_err(|problem| Invalid::new("executor.actions", problem))?;
    let outside = Outside::new(&config);
    let leases = Leases::open(&kit.bus).await.context("cannot open the leases")?;
    let ledgers = Ledgers::open(&kit.bus, config.cluster_limits(), config.namespace_limits())
        .await
        .context("cannot open the limits")?;
    let worker = async |cluster: Cluster| {
        Worker::open(kit.clone(), config.clone(), cluster, catalogue.clone(), worker_id(&kit)?)
            .await
            .context("cannot open leases and artifacts")
    };
    let expiry = match cluster.clone() {
        Some(cluster) => Some(Expiry {
            worker: worker(cluster).await?,
        }),
        None => None,
    };
    let advancer = Advancer {
        kit: kit.clone(),
        leases,
        ledgers: ledgers.clone(),
        rules: config.rules(kit.cluster.mode),
        expiry,
    };
    let steps: Arc<dyn Handler> = match cluster.clone() {
        Some(cluster) => Arc::new(StepThenAdvance {
            worker: worker(cluster).await?,
            ledgers,
            kit: kit.clone(),
            rules: config.rules(kit.cluster.mode),
        }),
        None => Arc::new(NoCluster),
    };
    let service = Service {
        kit: kit.clone(),
        cluster,
        catalogue,
        outside,
    };
    let advancing = kit.clone();
    Ok(Role::new("executor")
        .grpc(ExecutorServiceServer::new(service))
        .task("advance", async move {
            let spec = consume::on_cluster_events("executor-advance", &advancing.cluster.name, &KINDS);
            let clock = Arc::new(advancing.clock.clone());
            Ok(consume::run(advancing.bus, spec, ADVANCING, clock, advancing.drain, Arc::new(advancer)).await?)
        })
        .task("steps", async move {
            let spec = consume::on_cluster_events("executor-steps", &kit.cluster.name, &["step_scheduled"]);
            let clock = Arc::new(kit.clock.clone());
            Ok(consume::run(kit.bus, spec, config.workers, clock, kit.drain, steps).await?)
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
