//! The consumer that puts alerts into incidents.

use std::{borrow::Cow, future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use paramedic_bus::{
    ConsumerSpec, Error, IncidentLog, LogError, SharedBus, Start, Stored,
    consume::{self, MessageHandler, Verdict},
    streams,
};
use paramedic_domain::{
    alert::{Alert, AlertStatus},
    event::Event,
    id::{ClusterId, IncidentId},
    incident::Incident,
    subject,
};
use paramedic_runtime::{Clock, Kit};

use super::groups::{Groups, Remembered};
use crate::{
    Config,
    core::correlate::{self, Reason, Route},
    metrics,
};

/// Name of the durable consumer; replicas share it.
const DURABLE: &str = "gateway-correlate";
/// An alert in hand this long without a sign of life is given to another replica.
const ACK_WAIT: Duration = Duration::from_secs(30);
/// Alerts in hand or waiting at once, over all replicas.
const MAX_PENDING: u32 = 4096;
/// Lost races in one delivery; each means that somebody else made progress.
const MAX_ROUNDS: u32 = 16;
/// How often a resolution waits a second for its firing, which another replica may still have in hand.
const MAX_WAITS_FOR_FIRING: u32 = 30;

/// Runs until the kit drains.
pub(crate) fn run(config: &Config, kit: &Kit) -> impl Future<Output = Result<(), Error>> + Send + 'static {
    let (kit, refire_after, concurrency) = (kit.clone(), config.refire_after(), config.concurrency);
    async move {
        let correlator = Correlator {
            groups: Groups::open(&kit.bus).await?,
            log: kit.log.clone(),
            bus: kit.bus.clone(),
            clock: kit.clock.clone(),
            refire_after,
        };
        let spec = ConsumerSpec {
            stream: streams::ALERTS.into(),
            durable: DURABLE.into(),
            filters: Vec::new(),
            ack_wait: ACK_WAIT,
            max_deliver: None,
            max_ack_pending: MAX_PENDING,
            start: Start::Beginning,
        };
        consume::run_messages(kit.bus, spec, concurrency, Arc::new(kit.clock), kit.drain, Arc::new(correlator)).await
    }
}

struct Correlator {
    groups: Groups,
    log: IncidentLog,
    bus: SharedBus,
    clock: Clock,
    refire_after: Duration,
}

/// An incident that the index names, as its log stands.
struct Found {
    remembered: Remembered,
    incident: Incident,
}

#[async_trait]
impl MessageHandler for Correlator {
    async fn handle(&self, message: &Stored, delivery: u32) -> Verdict {
        let Some(cluster) = subject::parse_notification(&message.subject) else {
            return Verdict::Reject {
                reason: format!("{} is not the subject of a notification", message.subject),
            };
        };
        let notification = match paramedic_wire::decode_notification(&message.payload) {
            Ok(notification) => notification,
            Err(invalid) => {
                return Verdict::Reject {
                    reason: format!("not a notification: {invalid}"),
                };
            }
        };
        let mut worst = Verdict::Done;
        for alert in &notification.alerts {
            match self.correlate(&cluster, alert, message, delivery).await {
                Ok(Verdict::Done) => {}
                Ok(verdict) => worst = verdict,
                Err(error) => return error.verdict(),
            }
        }
        worst
    }
}

impl Correlator {
    async fn correlate(&self, cluster: &ClusterId, alert: &Alert, message: &Stored, delivery: u32) -> Result<Verdict, LogError> {
        for _ in 0..MAX_ROUNDS {
            let own = self.found(cluster, self.groups.of_alert(cluster, alert).await?).await?;
            let is_known = own.is_some();
            let (route, found) = match (self.route(alert, own.as_ref()), own) {
                // The alert's own incident decides, unless it is over or never knew it; then the group's does.
                (route @ (Route::Here | Route::Nowhere(Reason::Repeated | Reason::Ended | Reason::Outdated)), Some(own)) => {
                    (route, Some(own))
                }
                _ => {
                    let group = self.found(cluster, self.groups.of_group(cluster, alert).await?).await?;
                    (self.route(alert, group.as_ref()), group)
                }
            };
            let (incident, alert) = match (route, &found) {
                (Route::Here, Some(found)) => (found.remembered.incident.clone(), Cow::Borrowed(alert)),
                (Route::Nowhere(Reason::Outdated), Some(found))
                    if alert.status == AlertStatus::Resolved && !self.firing_is_stored(message, alert).await? =>
                {
                    (
                        found.remembered.incident.clone(),
                        Cow::Owned(correlate::adopt(alert, &found.incident)),
                    )
                }
                (Route::Nowhere(Reason::NeverFired), _)
                    if delivery < MAX_WAITS_FOR_FIRING && self.firing_is_stored(message, alert).await? =>
                {
                    return Ok(Verdict::Retry {
                        after: Duration::from_secs(1),
                        reason: "its firing is not correlated yet".into(),
                    });
                }
                (Route::Nowhere(reason), found) => {
                    // A crash after the append left this undone.
                    if let (Reason::Repeated, false, AlertStatus::Firing, Some(found)) = (reason, is_known, alert.status, found) {
                        self.groups.put_alert(cluster, alert, &found.remembered.incident).await?;
                    }
                    metrics::correlated(reason.word());
                    tracing::info!(fingerprint = alert.fingerprint, reason = reason.word(), "alert changes nothing");
                    return Ok(Verdict::Done);
                }
                (Route::New | Route::Here, _) => {
                    let before = found.as_ref().map(|found| &found.remembered);
                    let id = correlate::new_incident(cluster, alert, before.map(|before| &before.incident));
                    if !self.groups.claim_group(cluster, alert, &id, before).await? {
                        continue;
                    }
                    (id, Cow::Borrowed(alert))
                }
            };
            if self.put(cluster, &incident, &alert, message).await? {
                return Ok(Verdict::Done);
            }
        }
        Ok(Verdict::Retry {
            after: Duration::from_millis(200),
            reason: "other alerts of the group kept coming first".into(),
        })
    }

    fn route(&self, alert: &Alert, found: Option<&Found>) -> Route {
        correlate::route(alert, found.map(|found| &found.incident), self.clock.now(), self.refire_after)
    }

    async fn found(&self, cluster: &ClusterId, remembered: Option<Remembered>) -> Result<Option<Found>, LogError> {
        let Some(remembered) = remembered else { return Ok(None) };
        let incident = self.log.load(cluster, &remembered.incident).await?;
        Ok(Some(Found { remembered, incident }))
    }

    /// Appends what is missing. False: the incident ended meanwhile, look again.
    async fn put(&self, cluster: &ClusterId, id: &IncidentId, alert: &Alert, message: &Stored) -> Result<bool, LogError> {
        let traceparent = message.headers.get(paramedic_wire::headers::TRACEPARENT).map(String::as_str);
        let decided = self
            .log
            .decide(cluster, id, None, &self.clock, |incident, now| {
                correlate::decide(incident, alert, traceparent, now)
            })
            .await?;
        if alert.status == AlertStatus::Firing {
            if !correlate::holds(&decided.incident, alert) {
                return Ok(false);
            }
            self.groups.put_alert(cluster, alert, id).await?;
        }
        let outcome = match decided.appended.first().map(|envelope| &envelope.event) {
            Some(Event::IncidentOpened { .. }) => "opened",
            Some(Event::AlertsResolved { .. }) => "resolved",
            Some(_) => "joined",
            None => Reason::Repeated.word(),
        };
        metrics::correlated(outcome);
        Ok(true)
    }

    /// Whether the stream holds the very firing that a resolution ends: then it was correlated, or soon will be.
    async fn firing_is_stored(&self, resolution: &Stored, alert: &Alert) -> Result<bool, Error> {
        let messages = self.bus.replay(streams::ALERTS, &resolution.subject, Start::Beginning).await?;
        Ok(messages
            .iter()
            .filter_map(|message| paramedic_wire::decode_notification(&message.payload).ok())
            .flat_map(|notification| notification.alerts)
            .any(|other| {
                other.fingerprint == alert.fingerprint && other.status == AlertStatus::Firing && other.starts_at == alert.starts_at
            }))
    }
}
