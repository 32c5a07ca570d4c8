//! The end of workflows: verification, the next attempt, or a person.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use paramedic_bus::{
    Blobs, IncidentLog,
    consume::{Handler, Verdict},
};
use paramedic_domain::{
    alert::Alert,
    envelope::Envelope,
    id::PlanId,
    incident::Incident,
    verification::{self, Verification},
};
use paramedic_runtime::Clock;

use super::{
    measure::{measure, templates},
    probes::Probes,
    reported::Reported,
};
use crate::{
    core::{
        decide::{Next, escalate, next, verified},
        verify::{self, Done, only_alerts_fire},
        window::window,
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
    /// What steps kept.
    pub artifacts: Arc<dyn Blobs>,
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
            Next::Verify { plan, since, done } => self.verify(event, &incident, &plan, Times { since, done }).await,
        }
    }
}

/// See [`Next::Verify`].
#[derive(Clone, Copy)]
struct Times {
    since: Timestamp,
    done: Done,
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
        let (Some(planned), Some(diagnosis)) = (incident.plan.as_ref(), incident.diagnosis.as_ref()) else {
            return Verdict::Done;
        };
        let bounds = self.probes.config.window();
        let templates = templates(&self.probes, &planned.criteria).await;
        let window = window(diagnosis, planned, &templates, bounds);
        let waited = Duration::try_from(self.clock.now().duration_since(times.done.ended_at)).unwrap_or_default();
        let early = waited < window.length;
        let wait = || Verdict::Retry {
            after: window.length - waited,
            reason: format!("the verification window has not passed: {}", window.reason),
        };
        if early && times.done.changed_at.is_some() {
            return wait();
        }
        let reported = Reported {
            incident,
            artifacts: self.artifacts.as_ref(),
        };
        let readings = measure(&self.probes, &reported, &planned.criteria, times.since).await;
        let firing: Vec<&str> = incident.firing().map(Alert::name).collect::<BTreeSet<_>>().into_iter().collect();
        let verification = verify::conclude(diagnosis, planned, readings, times.done, &firing, self.clock.now());
        let further = AGAIN * self.probes.config.verification_tries.saturating_sub(1);
        let patience = match verification.verdict {
            // Nothing was changed and it is well: it must stay so. Where it is not, people need not wait for that to be said.
            verification::Verdict::Passed if early => return wait(),
            verification::Verdict::Passed => Duration::ZERO,
            verification::Verdict::Failed if times.done.changed_at.is_some() && only_alerts_fire(&verification) => bounds.most,
            verification::Verdict::Failed => Duration::ZERO,
            verification::Verdict::Inconclusive if early => further,
            verification::Verdict::Inconclusive => window.length + further,
        };
        if waited < patience {
            return Verdict::Retry {
                after: AGAIN,
                reason: verification.summary,
            };
        }
        self.close(event, plan, Some(verification)).await
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
