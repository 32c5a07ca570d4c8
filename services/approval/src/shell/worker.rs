//! The consumer: a proposed plan is asked about, a question's own message is its timer.

use async_trait::async_trait;
use paramedic_bus::consume::{Handler, Verdict};
use paramedic_domain::{envelope::Envelope, event::Event};
use paramedic_runtime::Kit;

use crate::{
    core::gates::{Timer, ask, expire, timer},
    metrics,
};

/// What the worker acts on.
pub const KINDS: [&str; 2] = ["plan_proposed", "approval_requested"];

/// Asks and expires.
pub struct Worker {
    /// Kit.
    pub kit: Kit,
}

#[async_trait]
impl Handler for Worker {
    async fn handle(&self, event: &Envelope, _delivery: u32) -> Verdict {
        match &event.event {
            Event::PlanProposed { .. } => self.decide(event, ask, metrics::ASKED).await,
            Event::ApprovalRequested { plan, gate, .. } => {
                let incident = match self.kit.log.load(&event.cluster, &event.incident).await {
                    Ok(incident) => incident,
                    Err(error) => return error.verdict(),
                };
                match timer(&incident, plan, gate, self.kit.clock.now()) {
                    Timer::Settled => Verdict::Done,
                    Timer::Wait(after) => Verdict::Retry {
                        after,
                        reason: format!("{gate} waits for an answer"),
                    },
                    Timer::Due => self.decide(event, expire, metrics::EXPIRED).await,
                }
            }
            other => Verdict::Reject {
                reason: format!("the approval consumer is not for {}", other.kind()),
            },
        }
    }
}

impl Worker {
    async fn decide(
        &self,
        event: &Envelope,
        decide: fn(&paramedic_domain::incident::Incident, jiff::Timestamp) -> Vec<Event>,
        counter: &'static str,
    ) -> Verdict {
        let decided = self
            .kit
            .log
            .decide(&event.cluster, &event.incident, Some(&event.id), &self.kit.clock, decide)
            .await;
        match decided {
            Ok(decided) => {
                ::metrics::counter!(counter).increment(decided.appended.len() as u64);
                Verdict::Done
            }
            Err(error) => error.verdict(),
        }
    }
}
