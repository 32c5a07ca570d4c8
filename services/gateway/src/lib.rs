//! The way in: Alertmanager's webhooks become alerts in the `ALERTS` stream, alerts become incidents.
//!
//! - [`core`]: what a webhook must look like, which incident an alert belongs to, which event it leads to.
//! - `shell::intake`: HTTP. Answers 2xx only for what the bus, or the spool, has made durable.
//! - `shell::spool`: where alerts wait while the bus is away.
//! - `shell::topology`: what there is in the cluster and what depends on what, watched by one replica and announced on the same stream.
//! - `shell::kubernetes_events`: warning events as alerts. `shell::silences`, `shell::windows`: what is kept quiet, said on the same stream.
//! - `shell::correlate`: one replica reads the stream in order; every decision is made there, so that a crash after the answer
//!   loses nothing.

pub mod config;
pub mod core;
mod metrics;
mod shell;

pub use config::{Config, DEFAULTS, LISTS, SOURCE_DEFAULTS};
pub use metrics::describe;

use std::sync::Arc;

use anyhow::Context;
use paramedic_runtime::{Kit, Role};

use self::shell::spool::Spool;

/// Builds the role: the webhook, the watch over the cluster and the correlating consumer.
///
/// # Errors
/// When a file with secrets cannot be read, the spool cannot be opened, or there is no way to the cluster.
pub async fn build(config: Config, kit: Kit) -> anyhow::Result<Role> {
    metrics::describe();
    let spool = match config.spool.path.as_os_str() {
        none if none.is_empty() => None,
        path => {
            let spool = Spool::open(path.as_ref(), config.spool.max_bytes, config.sources.keys()).await;
            let problem = || {
                format!(
                    "configuration key gateway.spool.path: cannot use the folder {}",
                    config.spool.path.display()
                )
            };
            Some(Arc::new(spool.with_context(problem)?))
        }
    };
    let lifecycle = shell::correlate::lifecycle(&kit);
    let lifecycle = async move { Ok(lifecycle.await?) };
    let correlate = shell::correlate::run(config.clone(), config.scope.compiled()?, config.triage.compiled()?, kit.clone());
    let mut role = Role::new("gateway")
        .http(shell::intake::routes(&config, &kit, spool.clone())?)
        .task("lifecycle", lifecycle)
        .task("correlate", async move { Ok(correlate.await?) });
    let windows = shell::windows::run(config.windows()?, kit.clone());
    role = role.task("windows", async move { Ok(windows.await?) });
    if config.kubernetes_events.enabled {
        let client = kit.cluster.client.clone().context(
            "configuration key gateway.kubernetes_events.enabled: events cannot be watched without a way to the cluster; give one, or set this to false",
        )?;
        let events = shell::kubernetes_events::run(&config.kubernetes_events, &kit, client);
        role = role.task("kubernetes-events", async move { Ok(events.await?) });
    }
    if let Some(silences) = shell::silences::run(&config, &kit)? {
        role = role.task("silences", async move { Ok(silences.await?) });
    }
    if config.topology.enabled {
        let client = kit.cluster.client.clone().context(
            "configuration key gateway.topology.enabled: the cluster cannot be watched without a way to it; give one, or set this to false",
        )?;
        let topology = shell::topology::run(&config.topology, &kit, client);
        role = role.task("topology", async move { Ok(topology.await?) });
    }
    if let Some(spool) = spool {
        let stands_in = spool.clone();
        role = role
            .without_bus(move || stands_in.standing())
            .task("forward", shell::spool::run(spool, kit.bus, kit.drain));
    }
    Ok(role)
}
