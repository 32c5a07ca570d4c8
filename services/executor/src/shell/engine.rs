//! Keeps workflows going: whoever handles an event that lets steps begin runs them, and what follows from them.
//!
//! The handling of an event begins what may begin, and from then on appends each outcome together with what it lets begin. It
//! ends when nothing that it began is under way. If it dies, the event is delivered again and its attempts are taken over.

use std::{
    collections::{BTreeSet, VecDeque},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use futures::{StreamExt, stream::FuturesUnordered};
use jiff::Timestamp;
use paramedic_bus::{
    LogError,
    consume::{Handler, Verdict},
};
use paramedic_domain::{
    change::Change,
    envelope::Envelope,
    event::{Direction, Event},
    id::{PlanId, StepId, WorkerId},
    incident::Incident,
    plan::Plan,
};

use super::{
    crash::{self, Moment},
    limits::{Placed, Refusal},
    worker::{Attempted, Worker},
};
use crate::core::{
    advance::{Hand, advance, in_hand, wake, wanting_room},
    limits::{Full, at_work},
};

/// Events after which a workflow may need something that nobody at work on it brings about.
pub const KINDS: [&str; 17] = [
    "plan_proposed",
    "approval_granted",
    "approval_denied",
    "approval_expired",
    "step_skipped",
    "workflow_resumed",
    "workflow_cancelled",
    "rollback_asked",
    "rollback_decided",
    "plan_revised",
    "expiry_set",
    "verification_passed",
    "incident_resolved",
    "incident_merged",
    "incident_cancelled",
    "incident_escalated",
    "workflow_finished",
];

/// First pause before a step is tried again that found a scope busy, doubled with every delivery.
const BUSY_PAUSE: Duration = Duration::from_secs(2);
/// Longest pause of a step that waits for room, so that a place that comes free, or a person who raises the limit, is noticed.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Runs workflows.
pub struct Engine {
    worker: Worker,
}

/// A time to look again, and why.
type Again = (Duration, String);

#[async_trait]
impl Handler for Engine {
    async fn handle(&self, event: &Envelope, delivery: u32) -> Verdict {
        match self.go_on(event, delivery).await {
            Ok(None) => Verdict::Done,
            Ok(Some((after, reason))) => Verdict::Retry { after, reason },
            Err(error) => error.verdict(),
        }
    }
}

impl Engine {
    /// An engine whose attempts this worker makes.
    #[must_use]
    pub fn new(worker: Worker) -> Self {
        Self { worker }
    }

    /// Does everything that the event leads to; says when to come again.
    async fn go_on(&self, event: &Envelope, delivery: u32) -> Result<Option<Again>, LogError> {
        let incident = self.worker.append(event, |_, _| Vec::new()).await?;
        if let Some(plan) = over(&incident, event, delivery) {
            self.release(event, &incident, &plan).await?;
        }
        // What an earlier plan left behind goes before the next plan begins.
        let expiry = if incident.temporary && may_end_an_effect(&event.event) {
            self.worker.expire_due(event).await?
        } else {
            None
        };
        let workflow = self.run(event, delivery).await?;
        Ok([workflow, expiry].into_iter().flatten().min_by_key(|(after, _)| *after))
    }

    /// Runs what the workflow needs until nothing begun here is under way.
    async fn run(&self, event: &Envelope, delivery: u32) -> Result<Option<Again>, LogError> {
        let clock = &self.worker.kit.clock;
        let rules = self.worker.rules();
        let me = self.worker.hand();
        let mut begun = BTreeSet::new();
        let mut under_way = FuturesUnordered::new();
        let mut ended: VecDeque<Attempted> = VecDeque::new();
        loop {
            // What becomes due between this moment and the decision is looked at again rather than missed.
            let asked = clock.now();
            let advanced = self.advance(event, &me, ended.pop_front());
            let (incident, refused) = meanwhile(advanced, &mut under_way, &mut ended).await?;
            let mine = in_hand(&incident, &me);
            for attempt in &mine {
                if begun.insert((attempt.step.clone(), attempt.direction, attempt.number)) {
                    under_way.push(self.worker.attempt(event, incident.clone(), attempt.clone()));
                }
            }
            let now = clock.now();
            let due = wake(&incident, &event.event, &rules, asked).map(|due| {
                let after = Duration::try_from(due.duration_since(now)).unwrap_or(Duration::ZERO);
                (after, "the workflow is looked at again then".to_owned())
            });
            let again = [due, refused.map(|refused| wait_for(&refused, now, delivery))]
                .into_iter()
                .flatten()
                .min_by_key(|(after, _)| *after);
            if !ended.is_empty() {
                continue;
            }
            if under_way.is_empty() {
                // Whatever is still in this handling's name is for the next one to take over, and whatever a process that ends
                // did not begin is for another one to begin.
                let runs = incident.run.as_ref().is_some_and(|run| run.ended.is_none());
                let left = !mine.is_empty() || (runs && self.worker.kit.drain.is_cancelled());
                return Ok(if left {
                    Some((Duration::ZERO, "its work goes on elsewhere".to_owned()))
                } else {
                    again
                });
            }
            let pause = async {
                match &again {
                    Some((after, _)) => clock.sleep(*after).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                attempted = under_way.next() => ended.extend(attempted.transpose()?),
                () = pause => {}
            }
        }
    }

    /// Appends the outcome of what has ended together with what begins now.
    async fn advance(
        &self,
        event: &Envelope,
        me: &WorkerId,
        ended: Option<Attempted>,
    ) -> Result<(Arc<Incident>, Option<Refusal>), LogError> {
        let draining = self.worker.kit.drain.is_cancelled();
        let rules = self.worker.rules();
        let begin = |incident: &Incident, room: &BTreeSet<StepId>, now| {
            if draining {
                return Vec::new();
            }
            let hand = Hand {
                worker: me,
                cause: &event.id,
                room,
            };
            advance(incident, &rules, hand, now)
        };
        let none = BTreeSet::new();
        let incident = self
            .worker
            .append(event, |incident, now| {
                let mut events = ended.as_ref().map_or_else(Vec::new, |ended| ended.events(incident, now));
                if events.is_empty() {
                    return begin(incident, &none, now);
                }
                events.extend(begin(&incident.foresee(&events, now, Some(&event.id)), &none, now));
                events
            })
            .await?;
        if let Some(attempt) = ended.map(Attempted::into_attempt) {
            crash::point(&attempt.step, Moment::BeforeAck);
            if attempt.direction == Direction::Forward {
                self.leave(event, &incident, &attempt.step, me).await?;
            }
        }
        if draining {
            return Ok((incident, None));
        }
        let now = self.worker.kit.clock.now();
        let (room, refused) = self.enter(event, &incident, me, now).await?;
        if room.is_empty() {
            return Ok((incident, refused));
        }
        let incident = self.worker.append(event, |incident, now| begin(incident, &room, now)).await?;
        // What was not begun after all, because somebody said something meanwhile, needs no room.
        let mine = in_hand(&incident, me);
        for step in room.iter().filter(|step| !mine.iter().any(|attempt| attempt.step == **step)) {
            self.leave(event, &incident, step, me).await?;
        }
        Ok((incident, refused))
    }

    /// Makes room for the steps that could begin and change something: those that found it, and why another did not.
    async fn enter(
        &self,
        event: &Envelope,
        incident: &Incident,
        me: &WorkerId,
        now: Timestamp,
    ) -> Result<(BTreeSet<StepId>, Option<Refusal>), LogError> {
        let (mut room, mut refused) = (BTreeSet::new(), None);
        let Some(plan) = &incident.plan else { return Ok((room, None)) };
        let mut kept = at_work(incident);
        for step in wanting_room(incident, &self.worker.rules(), now) {
            kept.insert(step.id.clone());
            let placed = Placed {
                plan: &plan.id,
                step: &step.id,
                change: &step.change,
                worker: me,
            };
            match self.worker.ledgers.enter(&event.cluster, placed, &kept, now).await? {
                Ok(()) => {
                    room.insert(step.id.clone());
                }
                Err(full) => refused = Some(full),
            }
        }
        Ok((room, refused))
    }

    /// The step changes nothing in this handling's name any more.
    async fn leave(&self, event: &Envelope, incident: &Incident, step: &StepId, me: &WorkerId) -> Result<(), LogError> {
        let Some((plan, step)) = incident.plan.as_ref().and_then(|plan| Some((plan, plan.step(step)?))) else {
            return Ok(());
        };
        let placed = Placed {
            plan: &plan.id,
            step: &step.id,
            change: &step.change,
            worker: me,
        };
        Ok(self.worker.ledgers.leave(&event.cluster, placed).await?)
    }

    /// Gives back what the ended workflow held.
    async fn release(&self, event: &Envelope, incident: &Incident, id: &PlanId) -> Result<(), LogError> {
        if let Some(plan) = incident.plan.as_ref().filter(|plan| plan.id == *id) {
            return self.release_plan(event, plan).await;
        }
        // The incident has a newer plan by now, so the log is asked.
        let log = self.worker.kit.log.read(&event.cluster, &event.incident).await?;
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
            self.worker
                .leases
                .release(&target.lease_key(&event.cluster), plan.id.as_str())
                .await?;
        }
        self.worker.ledgers.leave_all(&event.cluster, changes(), plan.id.as_str()).await?;
        Ok(())
    }
}

/// Waits for a decision while the attempts go on: one of them may be appending its progress, and the log takes one at a time. A
/// decision that waited for its turn while nothing moved the attempt would wait for ever.
async fn meanwhile<T>(
    decision: impl Future<Output = Result<T, LogError>>,
    under_way: &mut FuturesUnordered<impl Future<Output = Result<Attempted, LogError>>>,
    ended: &mut VecDeque<Attempted>,
) -> Result<T, LogError> {
    let mut decision = pin!(decision);
    loop {
        tokio::select! {
            decided = &mut decision => return decided,
            Some(attempted) = under_way.next() => ended.push_back(attempted?),
        }
    }
}

/// The workflow that holds nothing any more: it ended with this event; or it has ended, and an earlier handling of the event,
/// which died, may have taken something after that.
fn over(incident: &Incident, event: &Envelope, delivery: u32) -> Option<PlanId> {
    let runs = incident.run.as_ref().is_some_and(|run| run.ended.is_none());
    let current = incident.plan.as_ref().map(|plan| &plan.id);
    let of_event = match &event.event {
        Event::WorkflowFinished { plan, .. } => return Some(plan.clone()),
        Event::PlanProposed { plan } => Some(&plan.id),
        _ => current,
    };
    of_event.filter(|plan| delivery > 1 && !(runs && current == Some(*plan))).cloned()
}

/// Whether an effect that must not stay may be due because of this event.
fn may_end_an_effect(event: &Event) -> bool {
    matches!(
        event,
        Event::PlanProposed { .. }
            | Event::ExpirySet { .. }
            | Event::WorkflowFinished { .. }
            | Event::VerificationPassed { .. }
            | Event::IncidentResolved { .. }
            | Event::IncidentMerged { .. }
            | Event::IncidentCancelled { .. }
            | Event::IncidentEscalated { .. }
    )
}

/// A full scope is waited for: the step has not begun, so nothing has to be told or undone.
fn wait_for(full: &Refusal, now: Timestamp, delivery: u32) -> Again {
    let (after, reason) = match &full.why {
        Full::Busy => (
            BUSY_PAUSE.saturating_mul(1 << delivery.saturating_sub(1).min(10)),
            format!("as many steps as allowed change {} now", full.scope),
        ),
        Full::Spent { until } => (
            Duration::try_from(until.duration_since(now)).unwrap_or(BUSY_PAUSE),
            format!("the changes that {} allows in an hour are used up until {until}", full.scope),
        ),
    };
    tracing::warn!(reason, "a step waits");
    (after.min(LONGEST_PAUSE), reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_waits_for_room_asks_less_and_less_often() {
        let busy = Refusal {
            scope: "test cluster".into(),
            why: Full::Busy,
        };
        let pauses: Vec<u64> = [1, 2, 3, 6, 7, 1_000]
            .map(|delivery| wait_for(&busy, Timestamp::UNIX_EPOCH, delivery).0.as_secs())
            .into();
        assert_eq!(pauses, [2, 4, 8, 60, 60, 60]);
    }
}
