//! Keeps workflows going: every event that may change what is missing leads to the same question.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use paramedic_bus::{
    LogError,
    consume::{Handler, Verdict},
    lease::Leases,
};
use paramedic_domain::{
    change::Change,
    envelope::Envelope,
    event::{Direction, Event},
    id::PlanId,
    incident::Incident,
    plan::Plan,
};
use paramedic_runtime::Kit;

use super::{
    expiry::Expiry,
    limits::{Ledgers, Refusal},
    worker::{Worker, later},
};
use crate::core::{
    advance::{advance, stop, wake},
    limits::{Full, keeps_its_place},
    rules::Rules,
};

/// Events after which a workflow may need something.
pub const KINDS: [&str; 19] = [
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
    "verification_passed",
    "incident_resolved",
    "incident_merged",
    "incident_cancelled",
    "incident_escalated",
    "workflow_finished",
];

/// Pause before a step is tried again that found a scope busy.
const BUSY_PAUSE: Duration = Duration::from_secs(2);
/// Longest pause of a step whose scope has used up its hour, so that a person who raises the limit is heard.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Appends what is missing.
pub struct Advancer {
    pub(crate) kit: Kit,
    pub(crate) leases: Leases,
    pub(crate) ledgers: Ledgers,
    pub(crate) rules: Rules,
    /// Puts back what must not stay; `None` without a cluster.
    pub(crate) expiry: Option<Expiry>,
}

#[async_trait]
impl Handler for Advancer {
    async fn handle(&self, event: &Envelope, delivery: u32) -> Verdict {
        match self.go_on(event, delivery).await {
            Ok(None) => Verdict::Done,
            Ok(Some((after, reason))) => Verdict::Retry { after, reason },
            Err(error) => error.verdict(),
        }
    }
}

impl Advancer {
    /// Appends what is missing and does what is due; says when to come again.
    async fn go_on(&self, event: &Envelope, delivery: u32) -> Result<Option<(Duration, String)>, LogError> {
        let decided = self
            .kit
            .log
            .decide_on(event, &self.kit.clock, |incident, now| advance(incident, &self.rules, now))
            .await?;
        let incident = decided.incident;
        if let Event::WorkflowFinished { plan, .. } = &event.event {
            self.release(event, &incident, plan).await?;
        }
        let now = self.kit.clock.now();
        let due = wake(&incident, &event.event, &self.rules, now).map(|due| {
            let after = Duration::try_from(due.duration_since(now)).unwrap_or(Duration::from_secs(1));
            (after, "the workflow is looked at again then".to_owned())
        });
        let expiry = match &self.expiry {
            Some(expiry) if incident.temporary => match expiry.expire(event, delivery).await? {
                Verdict::Retry { after, reason } => Some((after, reason)),
                Verdict::Done | Verdict::Reject { .. } => None,
            },
            Some(_) | None => None,
        };
        Ok([due, expiry].into_iter().flatten().min_by_key(|(after, _)| *after))
    }

    /// Gives back what the ended workflow held.
    async fn release(&self, event: &Envelope, incident: &Incident, id: &PlanId) -> Result<(), LogError> {
        if let Some(plan) = incident.plan.as_ref().filter(|plan| plan.id == *id) {
            return self.release_plan(event, plan).await;
        }
        // The incident has a newer plan by now, so the log is asked.
        let log = self.kit.log.read(&event.cluster, &event.incident).await?;
        let plan = log.iter().find_map(|recorded| match &recorded.envelope.event {
            Event::PlanProposed { plan } if plan.id == *id => Some(&**plan),
            _ => None,
        });
        match plan {
            Some(plan) => self.release_plan(event, plan).await,
            None => Ok(()),
        }
    }

    async fn release_plan(&self, event: &Envelope, plan: &Plan) -> Result<(), LogError> {
        let changes = || plan.steps.iter().map(|step| &step.change);
        for target in changes().flat_map(Change::lease_targets) {
            self.leases.release(&target.lease_key(&event.cluster), plan.id.as_str()).await?;
        }
        self.ledgers.leave_all(&event.cluster, changes(), plan.id.as_str()).await?;
        Ok(())
    }
}

/// Runs a step and then asks what follows from its outcome, at once: the event of the outcome leads to the same question,
/// one delivery later, if this process dies in between.
pub struct StepThenAdvance {
    pub(crate) worker: Worker,
    pub(crate) ledgers: Ledgers,
    pub(crate) kit: Kit,
    pub(crate) rules: Rules,
}

#[async_trait]
impl Handler for StepThenAdvance {
    async fn handle(&self, event: &Envelope, delivery: u32) -> Verdict {
        match self.step(event, delivery).await {
            Ok(verdict) => verdict,
            Err(error) => error.verdict(),
        }
    }
}

impl StepThenAdvance {
    async fn step(&self, event: &Envelope, delivery: u32) -> Result<Verdict, LogError> {
        let seen = self.kit.log.decide_on(event, &self.kit.clock, |_, _| Vec::new()).await?.incident;
        let mut place = true;
        let entered = match change_of(&seen, event) {
            Some((holder, change)) => {
                let now = self.kit.clock.now();
                match self.ledgers.enter(&event.cluster, change, &holder, now).await? {
                    Ok(()) => Some((holder, change)),
                    // A workflow that stops must not wait for room: the worker is refused before it changes anything.
                    Err(_) if self.stops(event).await? => {
                        place = false;
                        None
                    }
                    Err(full) => return Ok(wait_for(&full, now)),
                }
            }
            None => None,
        };
        let verdict = if place {
            self.worker.handle(event, delivery).await
        } else {
            self.worker.handle_without_place(event).await
        };
        if verdict != Verdict::Done {
            return Ok(verdict);
        }
        let after = self
            .kit
            .log
            .decide_on(event, &self.kit.clock, |incident, now| advance(incident, &self.rules, now))
            .await?
            .incident;
        if let (Some((holder, change)), Event::StepScheduled { plan, step, .. }) = (entered, &event.event)
            && !(runs(&after, plan) && keeps_its_place(&after, step))
        {
            self.ledgers.leave(&event.cluster, change, &holder).await?;
        }
        Ok(Verdict::Done)
    }
}

impl StepThenAdvance {
    /// Whether the workflow, as its log stands now, goes forward no more.
    async fn stops(&self, event: &Envelope) -> Result<bool, LogError> {
        let incident = self.kit.log.load(&event.cluster, &event.incident).await?;
        Ok(stop(&incident, &self.rules, self.kit.clock.now()).is_some())
    }
}

/// Whether this plan is the one that runs.
fn runs(incident: &Incident, plan: &PlanId) -> bool {
    incident.plan.as_ref().is_some_and(|current| current.id == *plan) && incident.run.as_ref().is_some_and(|run| run.ended.is_none())
}

/// The change that a work item is about to make, and the name under which it counts. Undoing is never held up.
fn change_of<'a>(incident: &'a Incident, event: &Envelope) -> Option<(String, &'a Change)> {
    let Event::StepScheduled {
        plan,
        step,
        direction: Direction::Forward,
        ..
    } = &event.event
    else {
        return None;
    };
    let current = incident.plan.as_ref().filter(|current| current.id == *plan)?;
    let change = &current.step(step)?.change;
    change.mutates().then(|| (format!("{plan}/{step}"), change))
}

/// A full scope is waited for: the step has not begun, so nothing has to be told or undone.
fn wait_for(full: &Refusal, now: Timestamp) -> Verdict {
    let (after, reason) = match &full.why {
        Full::Busy => (BUSY_PAUSE, format!("as many steps as allowed change {} now", full.scope)),
        Full::Spent { until } => (
            Duration::try_from(until.duration_since(now))
                .unwrap_or(BUSY_PAUSE)
                .min(LONGEST_PAUSE),
            format!("the changes that {} allows in an hour are used up until {until}", full.scope),
        ),
    };
    tracing::warn!(reason, "a step waits");
    Verdict::Retry { after, reason }
}

/// Consumes messages without a cluster to work on: keeps them for a process that has one.
pub struct NoCluster;

#[async_trait]
impl Handler for NoCluster {
    async fn handle(&self, _event: &Envelope, _delivery: u32) -> Verdict {
        later("this executor has no cluster".into())
    }
}
