//! The consumer: a proposed plan is asked about, a question's own message is its timer.

use async_trait::async_trait;
use paramedic_bus::consume::{Handler, Verdict};
use paramedic_domain::{
    envelope::Envelope,
    event::Event,
    id::{GateId, PlanId},
    incident::Incident,
};
use paramedic_runtime::Kit;

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
        for appended in &decided.appended {
            let counter = match &appended.event {
                Event::ApprovalRequested { .. } => metrics::ASKED,
                Event::ApprovalExpired { .. } => metrics::EXPIRED,
                Event::ApprovalEscalated { .. } => metrics::ESCALATED,
                _ => metrics::REMINDED,
            };
            ::metrics::counter!(counter).increment(1);
        }
        Ok(std::sync::Arc::unwrap_or_clone(decided.incident))
    }
}
