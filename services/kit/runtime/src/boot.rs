//! From configuration to a [`Kit`].

use std::{path::Path, sync::Arc};

use anyhow::Context;
use paramedic_bus::{IncidentLog, SharedBus, embedded::EmbeddedBus, jetstream::JetStreamBus, streams};
use tokio_util::sync::CancellationToken;

use crate::{
    Clock, ClusterAccess, Kit, People, Policies,
    config::{Bus, ClockSource, Cluster, Process},
    http, kubernetes,
};

/// Opens the configured bus and creates the streams that are missing.
///
/// # Errors
/// When the folder is in use, or the server is unreachable or too old.
pub async fn open_bus(settings: &Bus) -> anyhow::Result<SharedBus> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let bus: SharedBus = match settings.url.strip_prefix("embedded:") {
        Some(folder) => {
            Arc::new(EmbeddedBus::open(Path::new(folder)).with_context(|| format!("configuration key bus.url: cannot open {folder}"))?)
        }
        None => Arc::new(
            JetStreamBus::connect(&settings.url, settings.nats_options())
                .await
                .with_context(|| format!("configuration key bus.url: cannot use {}", settings.url))?,
        ),
    };
    streams::ensure_all(bus.as_ref(), settings.replicas)
        .await
        .context("cannot create the streams")?;
    Ok(bus)
}

/// The configured clock.
///
/// # Errors
/// When the epoch of a fast clock is no time.
pub fn clock(settings: &ClockSource) -> anyhow::Result<Clock> {
    if settings.speed == 1.0 {
        return Ok(Clock::system());
    }
    Ok(Clock::scaled(
        settings.epoch.parse().context("configuration key clock.epoch")?,
        settings.speed,
    ))
}

/// The way to the cluster; `reach` says whether this process talks to its API at all.
///
/// # Errors
/// When the kubeconfig cannot be used.
pub async fn cluster(settings: &Cluster, reach: bool) -> anyhow::Result<ClusterAccess> {
    let url = |text: &String| (!text.is_empty()).then(|| text.trim_end_matches('/').to_owned());
    Ok(ClusterAccess {
        name: settings.name.parse().context("configuration key cluster.name")?,
        client: if reach { Some(kubernetes::client(settings).await?) } else { None },
        prometheus: url(&settings.prometheus_url),
        loki: url(&settings.loki_url),
        jaeger: url(&settings.jaeger_url),
        tempo: url(&settings.tempo_url),
        alertmanager: url(&settings.alertmanager_url),
        mode: settings.mode()?,
        policies: Policies::open(&settings.policy_file),
        http: http::client()?,
    })
}

/// Everything a role is given.
///
/// # Errors
/// When the bus or the cluster's configuration cannot be used.
pub async fn kit(process: &Process, clock: Clock, reach_cluster: bool) -> anyhow::Result<Kit> {
    let bus = open_bus(&process.bus).await?;
    Ok(Kit {
        log: IncidentLog::new(bus.clone()),
        bus,
        clock,
        drain: CancellationToken::new(),
        cluster: cluster(&process.cluster, reach_cluster).await?,
        people: People::open(&process.people.file),
    })
}
