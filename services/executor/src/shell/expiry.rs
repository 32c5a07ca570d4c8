//! Puts back in time what must not stay.

use std::time::Duration;

use paramedic_bus::LogError;
use paramedic_domain::{
    change::Change,
    envelope::Envelope,
    event::{Direction, Event},
    fault::FailureKind,
};

use super::{failure::Halt, worker::Worker};
use crate::core::{
    expiry::{Temporary, key, temporary},
    permit::Attempt,
};

/// Deliveries after which a person is told: with doubling pauses to a minute that is about half an hour.
const TRIES: u32 = 40;
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl Worker {
    /// Undoes the effects that are due; says when to come again, and why.
    pub(crate) async fn expire_due(&self, event: &Envelope, delivery: u32) -> Result<Option<(Duration, String)>, LogError> {
        let kit = &self.kit;
        let log = kit.log.read(&event.cluster, &event.incident).await?;
        let mut again: Vec<(Duration, String)> = Vec::new();
        for found in temporary(&log) {
            let now = kit.clock.now();
            match found.due {
                Some(due) if due <= now => {
                    again.extend(self.put_back(event, &found, delivery).await?);
                }
                Some(due) if is_timer(event, &found) => {
                    let after = Duration::try_from(due.duration_since(now)).unwrap_or(LONGEST_PAUSE);
                    again.push((after, "its effect must go then".into()));
                }
                Some(_) | None => {}
            }
        }
        Ok(again.into_iter().min_by_key(|(after, _)| *after))
    }

    /// Undoes one effect and records it; or says when to try again.
    async fn put_back(&self, event: &Envelope, found: &Temporary, delivery: u32) -> Result<Option<(Duration, String)>, LogError> {
        let attempt = Attempt {
            plan: found.plan.clone(),
            step: found.step.id.clone(),
            direction: Direction::Undo,
            number: 0,
            worker: self.name().clone(),
        };
        let (plan, step) = (found.plan.clone(), found.step.id.clone());
        let outcome = match self.expire(event, &attempt, &found.step).await {
            Ok(summary) => Event::StepExpired { plan, step, summary },
            Err(Halt::Abandoned(why)) => {
                tracing::debug!(why, "nothing to put back");
                return Ok(None);
            }
            Err(Halt::Bus(problem)) => return Err(LogError::Bus(paramedic_bus::Error::Unavailable(problem))),
            Err(Halt::Failed(failure)) => {
                let again = match failure.kind {
                    FailureKind::Transient | FailureKind::LeaseLost | FailureKind::Timeout => delivery < TRIES,
                    FailureKind::Permanent | FailureKind::Drift | FailureKind::Forbidden => false,
                };
                if again {
                    let pause = Duration::from_secs(1 << delivery.min(6)).min(LONGEST_PAUSE);
                    return Ok(Some((pause, failure.message)));
                }
                Event::StepExpiryFailed {
                    plan,
                    step,
                    message: failure.message,
                }
            }
        };
        let key = key(&found.plan, &found.step.id);
        self.append(event, |incident, _| {
            if incident.expired.contains(&key) {
                Vec::new()
            } else {
                vec![outcome.clone()]
            }
        })
        .await?;
        Ok(None)
    }
}

/// Whether `event` is the timer of the effect: its own, or, where it is part of another step's patch, the end of the workflow.
fn is_timer(event: &Envelope, found: &Temporary) -> bool {
    let carried = matches!(found.step.change, Change::Carried { .. });
    match &event.event {
        Event::ExpirySet { plan, step, .. } => !carried && *plan == found.plan && *step == found.step.id,
        Event::WorkflowFinished { plan, .. } => carried && *plan == found.plan,
        _ => false,
    }
}
