//! Tells the correlator what becomes of incidents: what is worked on keeps its alerts, what is over takes none.

use std::{future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use paramedic_bus::{
    ConsumerSpec, Error, IncidentLog, SharedBus, Start,
    consume::{self, Handler, Verdict},
    streams,
};
use paramedic_domain::{
    correlation::{Notice, Stage, Told},
    envelope::Envelope,
    event::Event,
    subject,
};
use paramedic_runtime::Kit;

use super::tell;

/// Name of the durable consumer; replicas share it.
const DURABLE: &str = "gateway-lifecycle";
/// What it hears.
const KINDS: [&str; 5] = [
    "plan_proposed",
    "incident_resolved",
    "incident_escalated",
    "incident_cancelled",
    "incident_merged",
];
/// An event in hand this long without a sign of life is given to another replica.
const ACK_WAIT: Duration = Duration::from_secs(30);
/// Events in hand at once, over all replicas.
const MAX_PENDING: u32 = 256;
/// Events handled at once.
const AT_ONCE: usize = 8;

/// Runs until the kit drains.
pub(crate) fn run(kit: &Kit) -> impl Future<Output = Result<(), Error>> + Send + 'static {
    let kit = kit.clone();
    async move {
        let spec = ConsumerSpec {
            stream: streams::INCIDENTS.into(),
            durable: DURABLE.into(),
            filters: KINDS
                .iter()
                .map(|kind| subject::cluster_kind_filter(&kit.cluster.name, kind))
                .collect(),
            ack_wait: ACK_WAIT,
            max_deliver: None,
            max_ack_pending: MAX_PENDING,
            start: Start::Beginning,
        };
        let lifecycle = Lifecycle {
            log: kit.log,
            bus: kit.bus.clone(),
        };
        consume::run(kit.bus, spec, AT_ONCE, Arc::new(kit.clock), kit.drain, Arc::new(lifecycle)).await
    }
}

struct Lifecycle {
    log: IncidentLog,
    bus: SharedBus,
}

#[async_trait]
impl Handler for Lifecycle {
    async fn handle(&self, event: &Envelope, _delivery: u32) -> Verdict {
        let incident = match self.log.load(&event.cluster, &event.incident).await {
            Ok(incident) => incident,
            Err(error) => return error.verdict(),
        };
        let reached = |stage| Notice::Reached {
            incident: event.incident.clone(),
            stage,
            position: incident.position,
        };
        let notice = match &event.event {
            Event::PlanProposed { .. } => reached(Stage::WorkedOn),
            Event::IncidentResolved { .. } => reached(Stage::Resolved),
            Event::IncidentEscalated { .. } => reached(Stage::Escalated),
            Event::IncidentCancelled { .. } => reached(Stage::Cancelled),
            Event::IncidentMerged { into, .. } => Notice::Merged {
                from: event.incident.clone(),
                into: into.clone(),
                position: incident.position,
            },
            _ => return Verdict::Done,
        };
        let told = Told {
            cluster: event.cluster.clone(),
            at: event.time,
            notice,
        };
        match tell(&self.bus, &told, event.id.to_string()).await {
            Ok(()) => Verdict::Done,
            Err(error) => paramedic_bus::LogError::from(error).verdict(),
        }
    }
}
