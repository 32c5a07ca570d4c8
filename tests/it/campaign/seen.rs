//! What the log shows, as it grows.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use paramedic_bus::{Bus, ConsumerSpec, SharedBus, Start, streams};
use paramedic_domain::{envelope::Recorded, id::IncidentId, incident::Incident};
use tokio::{sync::watch, task::JoinSet};

/// Every incident with its log.
#[derive(Default)]
struct Logs(BTreeMap<IncidentId, (Incident, Vec<Recorded>)>);

/// Follows every incident.
pub(crate) struct Seen {
    logs: Arc<Mutex<Logs>>,
    events: watch::Receiver<usize>,
    _follower: JoinSet<()>,
}

impl Seen {
    pub(crate) async fn follow(bus: SharedBus) -> Self {
        let spec = ConsumerSpec {
            stream: streams::INCIDENTS.into(),
            durable: "campaign".into(),
            filters: Vec::new(),
            ack_wait: Duration::from_secs(30),
            max_deliver: None,
            // One at a time: events of one incident arrive in their order.
            max_ack_pending: 1,
            start: Start::Beginning,
        };
        let logs = Arc::new(Mutex::new(Logs::default()));
        let (count, events) = watch::channel(0);
        let mut follower = JoinSet::new();
        let kept = logs.clone();
        follower.spawn(async move {
            let mut consumer = Bus::consumer(bus.as_ref(), &spec).await.unwrap();
            loop {
                let delivery = consumer.next().await.unwrap();
                let recorded = paramedic_wire::decode(&delivery.message.payload).unwrap();
                let envelope = &recorded.envelope;
                {
                    let mut logs = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    let (incident, log) = logs
                        .0
                        .entry(envelope.incident.clone())
                        .or_insert_with(|| (Incident::new(envelope.cluster.clone(), envelope.incident.clone()), Vec::new()));
                    if envelope.seq > incident.version {
                        incident.apply(&recorded).unwrap();
                        log.push(recorded);
                        count.send_modify(|count| *count += 1);
                    }
                }
                delivery.settle.ack().await.unwrap();
            }
        });
        Self {
            logs,
            events,
            _follower: follower,
        }
    }

    fn logs(&self) -> MutexGuard<'_, Logs> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many events there are.
    pub(crate) fn events(&self) -> usize {
        *self.events.borrow()
    }

    /// Waits for the next event, at most that long.
    pub(crate) async fn changed(&self, at_most: Duration) {
        let mut events = self.events.clone();
        events.mark_unchanged();
        tokio::time::timeout(at_most, events.changed()).await.ok();
    }

    /// Every incident as it stands.
    pub(crate) fn incidents(&self) -> Vec<Incident> {
        self.logs().0.values().map(|(incident, _)| incident.clone()).collect()
    }

    /// Every incident with its log.
    pub(crate) fn everything(&self) -> Vec<(Incident, Vec<Recorded>)> {
        self.logs().0.values().cloned().collect()
    }
}

/// The namespace of the incident's alerts.
pub(crate) fn namespace(incident: &Incident) -> &str {
    incident.alerts.values().next().map_or("", |alert| alert.label("namespace"))
}
