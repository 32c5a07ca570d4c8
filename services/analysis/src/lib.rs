//! Root cause with evidence, and verification by measurement.
//!
//! [`core`] decides; [`shell`] probes the cluster and its telemetry.

pub mod config;
pub mod core;
mod metrics;
pub mod shell;

use std::sync::Arc;

use paramedic_bus::{
    consume::{self, Handler},
    streams,
};
use paramedic_proto::v1::analysis_service_server::AnalysisServiceServer;
use paramedic_runtime::{Kit, Role};

pub use config::{Config, DEFAULTS, Repository};
use shell::{
    incidents::{INVESTIGATING_KINDS, Investigations, OPENING_KINDS, Openings},
    investigate::{Investigator, Service},
    model::ask::Advisor,
    outcomes::{KINDS, Outcomes},
    probes::Probes,
};

/// The analysis service as a role; nothing of it runs yet.
///
/// # Errors
/// The first setting that cannot be used.
pub async fn build(config: Config, kit: Kit) -> anyhow::Result<Role> {
    config.validate()?;
    metrics::describe();
    let (settle, concurrency) = (config.settle(), config.concurrency);
    let rules = shell::rules::load(&config.rules)?;
    let probes = Arc::new(Probes::new(&kit.cluster, kit.clock.clone(), config, rules));
    let investigator = Investigator {
        advisor: Advisor::configured(&probes.config.model, kit.bus.clone(), kit.cluster.name.clone()),
        probes: probes.clone(),
    };
    let service = Service {
        cluster: kit.cluster.name.clone(),
        log: kit.log.clone(),
        investigator: investigator.clone(),
    };
    let openings = Arc::new(Openings {
        log: kit.log.clone(),
        clock: kit.clock.clone(),
        settle,
    });
    let investigations = Arc::new(Investigations {
        log: kit.log.clone(),
        clock: kit.clock.clone(),
        investigator,
        artifacts: kit.bus.blobs(streams::ARTIFACTS).await?,
    });
    let outcomes = Arc::new(Outcomes {
        log: kit.log.clone(),
        clock: kit.clock.clone(),
        probes,
        artifacts: kit.bus.blobs(streams::ARTIFACTS).await?,
    });
    Ok(Role::new("analysis")
        .grpc(AnalysisServiceServer::new(service))
        .task(
            "openings",
            consumer(&kit, "analysis-openings", &OPENING_KINDS, concurrency, openings),
        )
        .task(
            "investigations",
            consumer(&kit, "analysis", &INVESTIGATING_KINDS, concurrency, investigations),
        )
        .task("outcomes", consumer(&kit, "analysis-outcomes", &KINDS, concurrency, outcomes)))
}

fn consumer(
    kit: &Kit,
    durable: &str,
    kinds: &[&'static str],
    concurrency: usize,
    handler: Arc<dyn Handler>,
) -> impl Future<Output = anyhow::Result<()>> + Send + 'static {
    let (kit, spec) = (kit.clone(), consume::on_cluster_events(durable, &kit.cluster.name, kinds));
    async move {
        consume::run(kit.bus, spec, concurrency, Arc::new(kit.clock), kit.drain, handler).await?;
        Ok(())
    }
}
