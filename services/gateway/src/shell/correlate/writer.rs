//! Writes what was decided into the logs of the incidents.

use std::{collections::BTreeMap, sync::Arc};

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use paramedic_bus::{Append, IncidentLog, LogError, SharedBus, Stored, streams, trace};
use paramedic_domain::{
    alert::{Alert, AlertStatus, Notification},
    id::{ClusterId, IncidentId},
    incident::Incident,
    subject,
};
use paramedic_runtime::{Clock, Kit};
use tracing::Instrument;

use super::{rules::Rules, transient};
use crate::{
    core::{
        facts::Facts,
        partition::{Change, Effect, Source, Taken},
        record::{Entry, What, closed, missing},
        triage::Triage,
    },
    metrics,
};

/// Logs written at the same time.
const AT_ONCE: usize = 16;

/// An effect and the trace of the request that led to it.
#[derive(Debug, Clone)]
pub(super) struct Traced {
    pub(super) effect: Effect,
    pub(super) traceparent: Option<Arc<str>>,
    /// What was known of namespaces and workloads then.
    pub(super) facts: Arc<Facts>,
}

/// What one log gets.
#[derive(Default)]
struct Pending {
    entries: Vec<Entry>,
    traceparent: Option<Arc<str>>,
}

pub(super) struct Writer {
    log: IncidentLog,
    bus: SharedBus,
    clock: Clock,
    triage: Rules,
}

impl Writer {
    pub(super) fn new(kit: &Kit, triage: Triage) -> Self {
        Self {
            triage: Rules::new(triage),
            log: kit.log.clone(),
            bus: kit.bus.clone(),
            clock: kit.clock.clone(),
        }
    }

    /// Writes the effects in their order, as far as they are missing. Doing it again after an error does no harm.
    pub(super) async fn write(&self, cluster: &ClusterId, effects: &[Traced]) -> Result<(), LogError> {
        let mut pending: BTreeMap<IncidentId, Pending> = BTreeMap::new();
        for Traced {
            effect,
            traceparent,
            facts,
        } in effects
        {
            let join = |alerts| What::Join(self.triage.joiners(alerts, facts));
            if effect.change.looks_elsewhere() {
                self.flush(cluster, std::mem::take(&mut pending)).await?;
            }
            let what = match &effect.change {
                Change::Open(alert) => join(vec![((**alert).clone(), "it opened the incident".into())]),
                Change::Join { alert, reason } => join(vec![((**alert).clone(), reason.clone())]),
                Change::Take { alerts, from } => join(self.taken(cluster, alerts, from.as_ref()).await?),
                Change::Absorb { from, reason } => join(absorbed(&self.log.load(cluster, from).await?, reason)),
                Change::Resolve { fingerprint, at } => What::Resolve {
                    fingerprint: fingerprint.clone(),
                    at: *at,
                },
                Change::Detach {
                    fingerprints,
                    into,
                    reason,
                } => What::Detach {
                    fingerprints: fingerprints.clone(),
                    into: into.clone(),
                    reason: reason.clone(),
                },
                // Where the other one is over by now, what it should have taken stays where it is.
                Change::Merge { into, .. } if closed(&self.log.load(cluster, into).await?) => continue,
                Change::Merge { into, reason } => What::Merge {
                    into: into.clone(),
                    reason: reason.clone(),
                },
                Change::Rank(ranking) => What::Rank(ranking.clone()),
                Change::Keep(keepers, at) => What::Keep(keepers.clone(), *at),
                Change::Again(source) => {
                    self.send_again(cluster, source, &effect.incident).await?;
                    continue;
                }
            };
            let of_incident = pending.entry(effect.incident.clone()).or_default();
            of_incident.traceparent = of_incident.traceparent.take().or_else(|| traceparent.clone());
            of_incident.entries.push(Entry {
                position: effect.position,
                what,
            });
        }
        self.flush(cluster, pending).await
    }

    async fn flush(&self, cluster: &ClusterId, pending: BTreeMap<IncidentId, Pending>) -> Result<(), LogError> {
        stream::iter(pending)
            .map(Ok)
            .try_for_each_concurrent(AT_ONCE, |(incident, of_incident)| async move {
                self.append(cluster, &incident, &of_incident).await
            })
            .await
    }

    async fn append(&self, cluster: &ClusterId, incident: &IncidentId, pending: &Pending) -> Result<(), LogError> {
        let traceparent = pending.traceparent.as_deref();
        let decide = |state: &Incident, now: Timestamp| missing(state, &pending.entries, traceparent, now);
        // Whoever handles what is written here works on the request that led to it.
        let span = tracing::info_span!("correlate", otel.name = "gateway-correlate", %incident);
        if let Some(traceparent) = traceparent {
            trace::join(&span, traceparent);
        }
        match self.log.decide(cluster, incident, None, &self.clock, decide).instrument(span).await {
            Ok(_) => Ok(()),
            Err(error) if transient(&error) => Err(error),
            Err(error) => {
                // The others must not wait for a log that nobody can write. The alerts themselves stay in the stream.
                tracing::error!(%incident, %error, "alerts cannot be written into their incident: its log has to be looked at");
                metrics::unwritable();
                Ok(())
            }
        }
    }

    /// Alerts that the stream brought earlier: from the incident that had them, or else from the stream.
    async fn taken(&self, cluster: &ClusterId, taken: &[Taken], from: Option<&IncidentId>) -> Result<Vec<(Alert, String)>, LogError> {
        let before = match from {
            Some(from) => Some(self.log.load(cluster, from).await?),
            None => None,
        };
        let mut alerts = Vec::with_capacity(taken.len());
        for Taken { source, reason } in taken {
            let known = before.as_ref().and_then(|before| before.alerts.get(&source.fingerprint));
            let alert = match known.filter(|known| known.starts_at == source.starts_at) {
                Some(known) => Some(known.clone()),
                None => self.fetched(cluster, source).await?.and_then(|(_, stored)| {
                    let alert = stored.alerts.into_iter().next()?;
                    Some(Alert {
                        starts_at: source.starts_at,
                        ..alert
                    })
                }),
            };
            alerts.extend(alert.map(|alert| (alert, reason.clone())));
        }
        Ok(alerts)
    }

    /// The message that brought an alert, and what it says.
    async fn fetched(&self, cluster: &ClusterId, source: &Source) -> Result<Option<(Stored, Notification)>, LogError> {
        let filter = subject::alerts_filter(cluster);
        let mut messages = self.bus.follow(streams::ALERTS, &filter, source.sequence.saturating_sub(1)).await?;
        let Some(message) = messages.next().await.transpose()? else {
            return Ok(None);
        };
        let notification = paramedic_wire::decode_notification(&message.payload).ok();
        Ok(notification.map(|mut notification| {
            notification
                .alerts
                .retain(|alert| alert.fingerprint == source.fingerprint && alert.status == AlertStatus::Firing);
            (message, notification)
        }))
    }

    /// Puts an alert into the stream once more. Its start is the sender's, which the correlator knows to count anew.
    async fn send_again(&self, cluster: &ClusterId, source: &Source, over: &IncidentId) -> Result<(), LogError> {
        let Some((message, mut notification)) = self.fetched(cluster, source).await? else {
            return Ok(());
        };
        notification.received_at = self.clock.now();
        notification.whole_group = false;
        let again = Append {
            payload: paramedic_wire::encode_notification(notification),
            msg_id: Some(format!("again-{over}-{}-{}", source.fingerprint, source.sequence)),
            subject: message.subject,
            headers: message.headers,
            expect: None,
        };
        self.bus.append(streams::ALERTS, again).await?;
        Ok(())
    }
}

/// What an incident hands over: all it has, or, when it is over already, what still fires.
fn absorbed(from: &Incident, reason: &str) -> Vec<(Alert, String)> {
    let goes = |alert: &&Alert| from.end.is_none() || alert.status == AlertStatus::Firing;
    let alerts = from.alerts.values().filter(goes);
    alerts
        .map(|alert| {
            let own = from.members.get(&alert.fingerprint).map(|member| member.reason.as_str());
            let why = own.map_or_else(|| reason.to_owned(), |own| format!("{own}; {reason}"));
            (alert.clone(), why)
        })
        .collect()
}
