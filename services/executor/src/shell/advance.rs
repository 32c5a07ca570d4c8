//! Keeps workflows going: every event that may change what is missing leads to the same question.

use std::time::Duration;

use async_trait::async_trait;
use paramedic_bus::{
    LogError,
    consume::{Handler, Verdict},
    lease::Leases,
};
use paramedic_domain::{envelope::Envelope, event::Event, id::PlanId, plan::Plan};
use paramedic_runtime::Kit;

use super::worker::{Worker, later};
use crate::core::{
    advance::{advance, wake},
    rules::Rules,
};

/// Events after which a workflow may need something.
pub const KINDS: [&str; 16] = [
    "plan_proposed",
    "approval_granted",
    "approval_denied",
    "approval_expired",
    "step_succeeded",
    "step_failed",
    "step_undone",
    "step_skipped",
    "workflow_resumed",
    "workflow_cancelled",
    "rollback_asked",
    "rollback_decided",
    "plan_revised",
    "incident_cancelled",
    "incident_escalated",
    "workflow_finished",
];

/// Appends what is missing.
pub struct Advancer {
    pub(crate) kit: Kit,
    pub(crate) leases: Leases,
    pub(crate) rules: Rules,
}

#[async_trait]
impl Handler for Advancer {
    async fn handle(&self, event: &Envelope, _delivery: u32) -> Verdict {
        let decided = self
            .kit
            .log
            .decide_on(event, &self.kit.clock, |incident, now| advance(incident, &self.rules, now))
            .await;
        let incident = match decided {
            Ok(decided) => decided.incident,
            Err(error) => return error.verdict(),
        };
        if let Event::WorkflowFinished { plan, .. } = &event.event {
            return match self.release(event, plan).await {
                Ok(()) => Verdict::Done,
                Err(error) => error.verdict(),
            };
        }
        let now = self.kit.clock.now();
        match wake(&incident, &event.event, &self.rules, now) {
            Some(due) => Verdict::Retry {
                after: Duration::try_from(due.duration_since(now)).unwrap_or(Duration::from_secs(1)),
                reason: "a step is tried again then".into(),
            },
            None => Verdict::Done,
        }
    }
}

impl Advancer {
    /// Gives back what the ended workflow held. The incident may have a newer plan by now, so the log is asked.
    async fn release(&self, event: &Envelope, id: &PlanId) -> Result<(), LogError> {
        let log = self.kit.log.read(&event.cluster, &event.incident).await?;
        let plan: Option<&Plan> = log.iter().find_map(|recorded| match &recorded.envelope.event {
            Event::PlanProposed { plan } if plan.id == *id => Some(&**plan),
            _ => None,
        });
        for target in plan
            .into_iter()
            .flat_map(|plan| &plan.steps)
            .flat_map(|step| step.change.lease_targets())
        {
            self.leases.release(&target.lease_key(&event.cluster), id.as_str()).await?;
        }
        Ok(())
    }
}

/// Runs a step and then asks what follows from its outcome, at once: the event of the outcome leads to the same question,
/// one delivery later, if this process dies in between.
pub struct StepThenAdvance {
    pub(crate) worker: Worker,
    pub(crate) kit: Kit,
    pub(crate) rules: Rules,
}

#[async_trait]
impl Handler for StepThenAdvance {
    async fn handle(&self, event: &Envelope, delivery: u32) -> Verdict {
        let verdict = self.worker.handle(event, delivery).await;
        if verdict != Verdict::Done {
            return verdict;
        }
        let decided = self
            .kit
            .log
            .decide_on(event, &self.kit.clock, |incident, now| advance(incident, &self.rules, now))
            .await;
        match decided {
            Ok(_) => Verdict::Done,
            Err(error) => error.verdict(),
        }
    }
}

/// Consumes messages without a cluster to work on: keeps them for a process that has one.
pub struct NoCluster;

#[async_trait]
impl Handler for NoCluster {
    async fn handle(&self, _event: &Envelope, _delivery: u32) -> Verdict {
        later("this executor has no cluster".into())
    }
}
