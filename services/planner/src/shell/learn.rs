//! Ends of workflows, verdicts and ends of incidents become the record, and free what was claimed.

use async_trait::async_trait;
use paramedic_bus::{
    IncidentLog, LogError,
    consume::{Handler, Verdict},
};
use paramedic_domain::{envelope::Envelope, event::Event};

use super::{claims::Claims, records::Records};
use crate::core::history::lesson;

/// What is learnt from.
pub const KINDS: [&str; 9] = [
    "workflow_finished",
    "verification_passed",
    "verification_failed",
    "verification_inconclusive",
    "plan_refused",
    "incident_resolved",
    "incident_escalated",
    "incident_cancelled",
    "incident_merged",
];

/// Keeps the record.
pub struct Learner {
    /// The logs.
    pub log: IncidentLog,
    /// The record.
    pub records: Records,
    /// Claims on root targets.
    pub claims: Claims,
}

#[async_trait]
impl Handler for Learner {
    async fn handle(&self, event: &Envelope, _delivery: u32) -> Verdict {
        match self.learn(event).await {
            Ok(()) => Verdict::Done,
            Err(error) => error.verdict(),
        }
    }
}

impl Learner {
    async fn learn(&self, event: &Envelope) -> Result<(), LogError> {
        let log = self.log.read(&event.cluster, &event.incident).await?;
        match &event.event {
            Event::WorkflowFinished { .. }
            | Event::VerificationPassed { .. }
            | Event::VerificationFailed { .. }
            | Event::VerificationInconclusive { .. } => {
                self.records.learn(&event.cluster, &lesson(&log, event.seq)).await?;
            }
            _ => self.claims.release(&event.cluster, &event.incident, &log).await?,
        }
        Ok(())
    }
}
