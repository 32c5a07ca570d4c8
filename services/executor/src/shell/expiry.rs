//! Puts back in time what must not stay.

use std::time::Duration;

use jiff::Timestamp;
use paramedic_bus::LogError;
use paramedic_domain::{
    envelope::Envelope,
    event::{Direction, Event},
    fault::FailureKind,
};

use super::{failure::Halt, worker::Worker};
use crate::core::{
    expiry::{Temporary, key, temporary},
    permit::Attempt,
};

/// How long an effect that is due is tried to be put back before a person is told: a maintenance of the API server is over by then.
/// Time in which no executor ran does not count.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
const SHORTEST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl Worker {
    /// Undoes the effects that are due; says when to come again, and why.
    pub(crate) async fn expire_due(&self, event: &Envelope) -> Result<Option<(Duration, String)>, LogError> {
        let kit = &self.kit;
        let log = kit.log.read(&event.cluster, &event.incident).await?;
        let mut again: Vec<(Duration, String)> = Vec::new();
        for found in temporary(&log) {
            let now = kit.clock.now();
            match found.due {
                Some(due) if due <= now => {
                    again.extend(self.put_back(event, &found, due).await?);
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
    async fn put_back(&self, event: &Envelope, found: &Temporary, due: Timestamp) -> Result<Option<(Duration, String)>, LogError> {
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
                let tried = self.kit.clock.now().duration_since(due.max(self.opened));
                let tried = Duration::try_from(tried).unwrap_or(Duration::ZERO);
                let again = match failure.kind {
                    FailureKind::Transient | FailureKind::LeaseLost | FailureKind::Timeout => tried < PATIENCE,
                    FailureKind::Permanent | FailureKind::Drift | FailureKind::Forbidden => false,
                };
                if again {
                    // As long as it has been tried, so the pauses double.
                    let pause = tried.clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
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

/// Whether `event` is the timer of the effect: its own, or, where it has none, the end of the workflow.
fn is_timer(event: &Envelope, found: &Temporary) -> bool {
    match &event.event {
        Event::ExpirySet { plan, step, .. } => found.timed && *plan == found.plan && *step == found.step.id,
        Event::WorkflowFinished { plan, .. } => !found.timed && *plan == found.plan,
        _ => false,
    }
}
