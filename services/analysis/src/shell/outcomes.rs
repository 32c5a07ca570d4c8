//! The end of workflows: verification, the next attempt, or a person.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use paramedic_bus::{
    IncidentLog,
    consume::{Handler, Verdict},
};
use paramedic_domain::{
    envelope::Envelope,
    id::PlanId,
    incident::Incident,
    verification::{self, Verification},
};
use paramedic_runtime::Clock;

use super::{measure::measure, probes::Probes};
use crate::{
    core::{
        decide::{Next, escalate, next, verified},
        verify,
    },
    metrics,
};

/// What is acted on.
pub const KINDS: [&str; 2] = ["workflow_finished", "plan_refused"];

/// Pause before a measurement that could not be made is tried again.
const AGAIN: Duration = Duration::from_secs(30);

/// Verifies what was done, and closes incidents.
pub struct Outcomes {
    /// The logs.
    pub log: IncidentLog,
    /// Time.
    pub clock: Clock,
    /// The probes.
    pub probes: Arc<Probes>,
}

#[async_trait]
impl Handler for Outcomes {
    async fn handle(&self, event: &Envelope, _delivery: u32) -> Verdict {
        let incident = match self.log.load(&event.cluster, &event.incident).await {
            Ok(incident) => incident,
            Err(error) => return error.verdict(),
        };
        match next(&incident) {
            Next::Nothing => Verdict::Done,
            Next::Escalate(_) => self.escalate(event).await,
            Next::Close => match &incident.plan {
                Some(plan) => self.close(event, &plan.id, None).await,
                None => Verdict::Done,
            },
            Next::Verify {
                plan,
                since,
                changed_at,
                ended_at,
            } => {
                let times = Times {
                    since,
                    changed_at,
                    ended_at,
                };
                self.verify(event, &incident, &plan, times).await
            }
        }
    }
}

/// See [`Next::Verify`].
struct Times {
    since: Timestamp,
    changed_at: Timestamp,
    ended_at: Timestamp,
}

impl Outcomes {
    async fn escalate(&self, event: &Envelope) -> Verdict {
        let decided = self
            .log
            .decide(&event.cluster, &event.incident, Some(&event.id), &self.clock, |incident, _| {
                escalate(incident)
            });
        match decided.await {
            Ok(_) => Verdict::Done,
            Err(error) => error.verdict(),
        }
    }

    async fn verify(&self, event: &Envelope, incident: &Incident, plan: &PlanId, times: Times) -> Verdict {
        let window = self.probes.config.window();
        let waited = Duration::try_from(self.clock.now().duration_since(times.ended_at)).unwrap_or_default();
        if waited < window {
            return Verdict::Retry {
                after: window - waited,
                reason: "the verification window has not passed".into(),
            };
        }
        let Some(verification) = self.measured(incident, &times).await else {
            return Verdict::Done;
        };
        let tries = self.probes.config.verification_tries;
        let patience = window + AGAIN * tries.saturating_sub(1);
        if verification.verdict == verification::Verdict::Inconclusive && waited < patience {
            return Verdict::Retry {
                after: AGAIN,
                reason: verification.summary,
            };
        }
        self.close(event, plan, Some(verification)).await
    }

    async fn measured(&self, incident: &Incident, times: &Times) -> Option<Verification> {
        let (plan, diagnosis) = (incident.plan.as_ref()?, incident.diagnosis.as_ref()?);
        let readings = measure(&self.probes, &plan.criteria, times.since).await;
        Some(verify::conclude(diagnosis, plan, readings, times.changed_at, self.clock.now()))
    }

    async fn close(&self, event: &Envelope, plan: &PlanId, verification: Option<Verification>) -> Verdict {
        let max_attempts = self.probes.config.max_attempts;
        let decided = self
            .log
            .decide(&event.cluster, &event.incident, Some(&event.id), &self.clock, |incident, _| {
                verified(incident, plan, verification.as_ref(), max_attempts)
            })
            .await;
        match decided {
            Err(error) => error.verdict(),
            Ok(decided) => {
                if let Some(verification) = verification.filter(|_| !decided.appended.is_empty()) {
                    metrics::verified(match verification.verdict {
                        verification::Verdict::Passed => "passed",
                        verification::Verdict::Failed => "failed",
                        verification::Verdict::Inconclusive => "inconclusive",
                    });
                }
                Verdict::Done
            }
        }
    }
}
