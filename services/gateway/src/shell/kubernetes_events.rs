//! One replica per cluster watches Kubernetes' warning events and turns them into alerts on the way that every alert goes.

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, future, stream::BoxStream};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use kube::{
    Api, Client,
    runtime::{
        WatchStreamExt,
        watcher::{self, watcher},
    },
};
use paramedic_bus::{Error, Kv, leader, streams};
use paramedic_domain::alert::{Alert, AlertStatus};
use paramedic_runtime::Kit;
use tokio_util::sync::CancellationToken;

use super::{intake, replica};
use crate::{
    config::KubernetesEvents,
    core::{
        notification::{self, Context, status_word},
        warnings::{Warning, Warnings},
    },
    metrics,
};

/// Name of the source in notifications and metrics.
const SOURCE: &str = "kubernetes-events";
/// Pause after the bus could not take something.
const PAUSE: Duration = Duration::from_secs(1);

/// Watches whenever this replica leads, until the kit drains.
pub(crate) fn run(config: &KubernetesEvents, kit: &Kit, client: Client) -> impl Future<Output = Result<(), Error>> + Send + 'static {
    let (config, kit) = (Arc::new(config.clone()), kit.clone());
    async move {
        let office = format!("kubernetes-events/{}", kit.cluster.name);
        leader::lead(&kit.bus, &office, &replica::name(), &kit.drain, |over| {
            let (config, kit, client) = (config.clone(), kit.clone(), client.clone());
            async move {
                tokio::select! {
                    () = over.cancelled() => {}
                    () = follow(&config, &kit, &client, &over) => {}
                }
            }
        })
        .await
    }
}

async fn follow(config: &KubernetesEvents, kit: &Kit, client: &Client, over: &CancellationToken) {
    let Some(told) = Told::open(kit, over).await else { return };
    let mut warnings = Warnings::new(config.settings());
    warnings.restore(told.firing.clone(), kit.clock.now());
    let mut events = watch(config, client);
    loop {
        let due = warnings.due();
        let wait = async {
            match due {
                Some(due) => {
                    let left = due.duration_since(kit.clock.now());
                    kit.clock.sleep(Duration::try_from(left).unwrap_or_default()).await;
                }
                None => future::pending().await,
            }
        };
        let now = || kit.clock.now();
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(watcher::Event::Apply(event))) => seen(&mut warnings, &event, false, &told, now()).await,
                Some(Ok(watcher::Event::InitApply(event))) => seen(&mut warnings, &event, true, &told, now()).await,
                Some(Ok(watcher::Event::Delete(event))) => warnings.gone(&event.metadata.uid.unwrap_or_default()),
                Some(Ok(watcher::Event::Init | watcher::Event::InitDone)) => {}
                Some(Err(error)) => {
                    metrics::warnings_unwatched();
                    tracing::warn!(%error, "warning events cannot be watched; trying again");
                }
                None => return,
            },
            () = wait => {}
        }
        for alert in warnings.look(now()) {
            told.tell(&alert).await;
        }
        metrics::warnings(warnings.firing(), warnings.passed_over());
    }
}

async fn seen(warnings: &mut Warnings, event: &Event, listed: bool, told: &Told, now: Timestamp) {
    let Some(warning) = read(event) else { return };
    metrics::warning_seen();
    if let Some(alert) = warnings.see(&warning, listed, now) {
        told.tell(&alert).await;
    }
}

/// Events of all namespaces, or of those that are named.
fn watch(config: &KubernetesEvents, client: &Client) -> BoxStream<'static, Result<watcher::Event<Event>, watcher::Error>> {
    let apis = if config.namespaces.is_empty() {
        vec![Api::all(client.clone())]
    } else {
        let of = |namespace: &String| Api::namespaced(client.clone(), namespace);
        config.namespaces.iter().map(of).collect()
    };
    let only = watcher::Config::default().fields("type=Warning");
    let watches = apis.into_iter().map(|api| watcher(api, only.clone()).default_backoff().boxed());
    futures::stream::select_all(watches).boxed()
}

/// What an event says; both ways of counting, that of `core/v1` and that of `events.k8s.io/v1`.
fn read(event: &Event) -> Option<Warning> {
    if event.type_.as_deref() != Some("Warning") {
        return None;
    }
    let time = |time: &Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>| time.as_ref().map(|time| time.0);
    let created = time(&event.metadata.creation_timestamp);
    let noted = event.event_time.as_ref().map(|time| time.0);
    let series = event.series.as_ref();
    let last = series
        .and_then(|series| series.last_observed_time.as_ref().map(|time| time.0))
        .or_else(|| time(&event.last_timestamp))
        .or(noted)
        .or(created)?;
    let first = time(&event.first_timestamp).or(noted).or(created).unwrap_or(last);
    let count = series.and_then(|series| series.count).or(event.count).unwrap_or(1);
    let object = &event.involved_object;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    Some(Warning {
        uid: text(&event.metadata.uid),
        reason: event.reason.clone().filter(|reason| !reason.is_empty())?,
        message: text(&event.message),
        kind: text(&object.kind),
        namespace: text(&object.namespace),
        name: text(&object.name),
        count: u32::try_from(count).unwrap_or(1),
        first: first.min(last),
        last,
    })
}

/// What was told, kept for a successor: before an alert fires, and until its end is told.
struct Told {
    kit: Kit,
    bucket: Arc<dyn Kv>,
    firing: Vec<Alert>,
}

impl Told {
    /// `None`: leadership is over.
    async fn open(kit: &Kit, over: &CancellationToken) -> Option<Self> {
        while !over.is_cancelled() {
            match Self::read(kit).await {
                Ok(told) => return Some(told),
                Err(error) => tracing::warn!(%error, "alerts of warning events cannot be read yet"),
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }

    async fn read(kit: &Kit) -> Result<Self, Error> {
        let bucket = kit.bus.kv(streams::WARNINGS, None).await?;
        let prefix = format!("{}/", kit.cluster.name);
        let mut firing = Vec::new();
        for key in bucket.keys().await?.into_iter().filter(|key| key.starts_with(&prefix)) {
            let value = bucket.get(&key).await?.and_then(|entry| entry.value);
            // What cannot be read is of another version: it is told anew if it still fires.
            firing.extend(value.and_then(|value| serde_json::from_slice(&value).ok()));
        }
        let kit = kit.clone();
        Ok(Self { kit, bucket, firing })
    }

    /// Tells until the bus has it.
    async fn tell(&self, alert: &Alert) {
        while let Err(error) = self.try_tell(alert).await {
            tracing::warn!(%error, alert = alert.name(), "an alert of warning events cannot be told yet");
            tokio::time::sleep(PAUSE).await;
        }
        metrics::accepted(SOURCE, status_word(alert.status), 1);
        tracing::info!(alert = alert.name(), status = status_word(alert.status), "alert of warning events");
    }

    async fn try_tell(&self, alert: &Alert) -> Result<(), Error> {
        let key = format!("{}/{}", self.kit.cluster.name, alert.fingerprint);
        if alert.status == AlertStatus::Firing {
            let value = serde_json::to_vec(alert).map_err(|error| Error::Invalid(error.to_string()))?;
            self.bucket.put(&key, Bytes::from(value)).await?;
        }
        let context = Context {
            cluster: &self.kit.cluster.name,
            source: SOURCE,
            group_key: &alert.group_key,
            received_at: self.kit.clock.now(),
            whole_group: false,
        };
        for part in notification::split(context, vec![alert.clone()]) {
            self.kit
                .bus
                .append(streams::ALERTS, intake::message(&self.kit.cluster.name, part))
                .await?;
        }
        if alert.status == AlertStatus::Resolved {
            self.bucket.delete(&key, None).await?;
        }
        Ok(())
    }
}
