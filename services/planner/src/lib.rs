//! Recommendations in, a validated, risk-graded, gated workflow plan out.
//!
//! [`core`] decides; [`shell`] listens to diagnoses and asks the executor for exact changes.

pub mod config;
pub mod core;
mod metrics;
pub mod shell;

use std::sync::Arc;

use paramedic_bus::consume;
use paramedic_proto::v1::planner_service_server::PlannerServiceServer;
use paramedic_runtime::{Kit, Role};

pub use config::{Config, DEFAULTS};
use shell::{
    diagnoses::{Diagnoses, KINDS},
    executor::{Preparer, Remote},
    preview::Preview,
};

/// Name of the role and of its durable consumer.
const NAME: &str = "planner";

/// The planner as a role; nothing of it runs yet.
///
/// # Errors
/// The first setting that cannot be used.
pub async fn build(config: Config, kit: Kit) -> anyhow::Result<Role> {
    config.validate()?;
    let executor = Remote::new(&config.executor_url, config.executor_timeout())?;
    Ok(build_with(config, kit, Arc::new(executor)))
}

/// The planner with any source of changes.
#[must_use]
pub fn build_with(config: Config, kit: Kit, executor: Arc<dyn Preparer>) -> Role {
    metrics::describe();
    let preview = Preview {
        cluster: kit.cluster.name.clone(),
        mode: kit.cluster.mode,
        executor: executor.clone(),
    };
    let concurrency = config.concurrency;
    let handler = Arc::new(Diagnoses {
        log: kit.log.clone(),
        clock: kit.clock.clone(),
        mode: kit.cluster.mode,
        config,
        executor,
    });
    Role::new(NAME).grpc(PlannerServiceServer::new(preview)).task("plans", async move {
        let clock = Arc::new(kit.clock);
        consume::run(
            kit.bus,
            consume::on_cluster_events(NAME, &kit.cluster.name, &KINDS),
            concurrency,
            clock,
            kit.drain,
            handler,
        )
        .await?;
        Ok(())
    })
}
