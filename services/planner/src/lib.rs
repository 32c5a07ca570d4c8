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
    claims::Claims,
    diagnoses::{self, Diagnoses},
    executor::{Preparer, Remote},
    learn::{self, Learner},
    preview::Service,
    propose::Proposer,
};

/// Name of the role and of its durable consumer.
const NAME: &str = "planner";
/// Durable consumer that keeps the record.
const RECORD: &str = "planner-record";

/// The planner as a role; nothing of it runs yet.
///
/// # Errors
/// The first setting that cannot be used, or an unavailable bus.
pub async fn build(config: Config, kit: Kit) -> anyhow::Result<Role> {
    config.validate()?;
    let executor = Remote::new(&config.executor_url, config.executor_timeout())?;
    build_with(config, kit, Arc::new(executor)).await
}

/// The planner with any source of changes.
///
/// # Errors
/// When the bus is unavailable.
pub async fn build_with(config: Config, kit: Kit, executor: Arc<dyn Preparer>) -> anyhow::Result<Role> {
    metrics::describe();
    let concurrency = config.concurrency;
    let proposer = Proposer::open(config, &kit, executor).await?;
    let claims = Claims::open(&kit.bus, kit.log.clone(), kit.clock.clone()).await?;
    let learner = Arc::new(Learner {
        log: kit.log.clone(),
        records: proposer.records.clone(),
        claims: claims.clone(),
    });
    let service = Service {
        cluster: kit.cluster.name.clone(),
        log: kit.log.clone(),
        proposer: proposer.clone(),
        people: kit.people.clone(),
    };
    let planner = Arc::new(Diagnoses {
        log: kit.log.clone(),
        claims,
        proposer,
    });
    let cluster = &kit.cluster.name;
    let plans = consume::on_cluster_events(NAME, cluster, &diagnoses::KINDS);
    let record = consume::on_cluster_events(RECORD, cluster, &learn::KINDS);
    let clock = Arc::new(kit.clock);
    let planning = consume::run(kit.bus.clone(), plans, concurrency, clock.clone(), kit.drain.clone(), planner);
    let learning = consume::run(kit.bus, record, concurrency, clock, kit.drain, learner);
    Ok(Role::new(NAME)
        .grpc(PlannerServiceServer::new(service))
        .task("plans", async move { Ok(planning.await?) })
        .task("record", async move { Ok(learning.await?) }))
}
