//! The consumer: a proposed plan is asked about, a question's own message is its timer.

use async_trait::async_trait;
use paramedic_bus::{
    Error, Kv, LogError,
    consume::{Handler, Verdict},
};
use paramedic_domain::{
    envelope::Envelope,
    event::Event,
    id::{GateId, PlanId},
    incident::Incident,
};
use paramedic_runtime::Kit;

use super::index::{Note, Place};
use crate::{
    core::gates::{Timer, ask, due, timer},
    metrics,
};

/// What the worker acts on.
pub const KINDS: [&str; 2] = ["plan_proposed", "approval_requested"];

/// Asks, reminds, escalates and expires.
pub struct Worker {
    /// Kit.
    pub kit: Kit,
}

#[async_trait]
impl Handler for Worker {
    async fn handle(&self, event: &Envelope, _delivery: u32) -> Verdict {
        let done = match &event.event {
            Event::PlanProposed { .. } => self.ask(event).await,
            Event::ApprovalRequested { plan, gate, .. } => self.watch(event, plan, gate).await,
            other => Ok(Verdict::Reject {
                reason: format!("the approval consumer is not for {}", other.kind()),
            }),
        };
        done.unwrap_or_else(|error| error)
    }
}

impl Worker {
    /// Does what was due while nobody ran, once, at the start. A question's own message comes too, but one that was in hand when its
    /// worker died comes only when the bus has waited for it in vain.
    ///
    /// # Errors
    /// When the bus is unavailable.
    pub async fn catch_up(&self, index: &dyn Kv) -> Result<(), Error> {
        let now = self.kit.clock.now();
        for key in index.keys().await? {
            let (Some(place), Some(entry)) = (Place::parse(&key), index.get(&key).await?) else {
                continue;
            };
            let note = entry.value.as_deref().map(Note::parse);
            if note.is_none_or(|note| !note.waits || note.due.is_none_or(|due| due > now)) {
                continue;
            }
            if let Err(error) = self.overdue(&place).await {
                tracing::warn!(%error, gate = %place.gate, "what is due at a question waits for its own message");
            }
        }
        Ok(())
    }

    async fn overdue(&self, place: &Place) -> Result<(), LogError> {
        let log = &self.kit.log;
        let decide = |incident: &Incident, now| match &incident.plan {
            Some(plan) => due(incident, &plan.id, &place.gate, now),
            None => Vec::new(),
        };
        let decided = log.decide(&place.cluster, &place.incident, None, &self.kit.clock, decide).await?;
        count(&decided.appended);
        Ok(())
    }

    async fn ask(&self, event: &Envelope) -> Result<Verdict, Verdict> {
        self.decide(event, ask).await?;
        Ok(Verdict::Done)
    }

    /// The message comes back when something is due; what was due while nobody ran is due at once.
    async fn watch(&self, event: &Envelope, plan: &PlanId, gate: &GateId) -> Result<Verdict, Verdict> {
        let mut incident = self
            .kit
            .log
            .load(&event.cluster, &event.incident)
            .await
            .map_err(|error| error.verdict())?;
        loop {
            match timer(&incident, plan, gate, self.kit.clock.now()) {
                Timer::Settled => return Ok(Verdict::Done),
                Timer::Wait(after) => {
                    return Ok(Verdict::Retry {
                        after,
                        reason: format!("{gate} waits for an answer"),
                    });
                }
                Timer::Due => {
                    incident = self.decide(event, |incident, now| due(incident, plan, gate, now)).await?;
                }
            }
        }
    }

    async fn decide(
        &self,
        event: &Envelope,
        decide: impl FnMut(&Incident, jiff::Timestamp) -> Vec<Event> + Send,
    ) -> Result<Incident, Verdict> {
        let log = &self.kit.log;
        let decided = log
            .decide(&event.cluster, &event.incident, Some(&event.id), &self.kit.clock, decide)
            .await;
        let decided = decided.map_err(|error| error.verdict())?;
        count(&decided.appended);
        Ok(std::sync::Arc::unwrap_or_clone(decided.incident))
    }
}

fn count(appended: &[Envelope]) {
    for envelope in appended {
        let counter = match &envelope.event {
            Event::ApprovalRequested { .. } => metrics::ASKED,
            Event::ApprovalExpired { .. } => metrics::EXPIRED,
            Event::ApprovalEscalated { .. } => metrics::ESCALATED,
            _ => metrics::REMINDED,
        };
        ::metrics::counter!(counter).increment(1);
    }
}
