//! Diagnoses become plans.

use std::time::Duration;

use async_trait::async_trait;
use paramedic_bus::{
    IncidentLog,
    consume::{Handler, Verdict},
};
use paramedic_domain::{
    envelope::Envelope,
    event::Event,
    incident::Incident,
    plan::{Plan, Refusal},
};

use super::{
    claims::{Claimed, Claims},
    propose::Proposer,
};
use crate::{
    core::decide::{Need, answer, need},
    metrics,
};

/// What the planner acts on.
pub const KINDS: [&str; 2] = ["diagnosis_reached", "workflow_finished"];

/// First pause before an unreachable executor is asked again.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Plans what is diagnosed.
pub struct Diagnoses {
    /// The logs.
    pub log: IncidentLog,
    /// Claims on root targets.
    pub claims: Claims,
    /// How plans are made.
    pub proposer: Proposer,
}

type Outcome = Result<Plan, Vec<Refusal>>;

#[async_trait]
impl Handler for Diagnoses {
    async fn handle(&self, event: &Envelope, delivery: u32) -> Verdict {
        let incident = match self.log.load(&event.cluster, &event.incident).await {
            Ok(incident) => incident,
            Err(error) => return error.verdict(),
        };
        let started = self.proposer.clock.now();
        let outcome = match need(&incident, self.proposer.config.max_plans) {
            Need::Nothing => return Verdict::Done,
            Need::GiveUp { .. } => Err(Vec::new()),
            Need::Plan { attempt } => match self.plan(&incident, attempt, event).await {
                Ok(Some(outcome)) => outcome,
                Ok(None) => return Verdict::Done,
                Err(reason) => match self.again(event, delivery, &reason) {
                    Some(verdict) => return verdict,
                    None => Err(vec![Refusal { step: None, reason }]),
                },
            },
        };
        let max_plans = self.proposer.config.max_plans;
        let analysis = incident.attempt;
        let decided = self
            .log
            .decide(
                &event.cluster,
                &event.incident,
                Some(&event.id),
                &self.proposer.clock,
                |incident, _| answer(incident, max_plans, analysis, &outcome),
            )
            .await;
        match decided {
            Err(error) => error.verdict(),
            Ok(decided) => {
                if let Some(envelope) = decided.appended.first() {
                    let took = self.proposer.clock.now().duration_since(started);
                    let proposed = matches!(envelope.event, Event::PlanProposed { .. });
                    metrics::planned(proposed, took.try_into().unwrap_or_default());
                    tracing::info!(proposed, "planned");
                } else if matches!(need(&decided.incident, max_plans), Need::Plan { .. } | Need::GiveUp { .. }) {
                    return Verdict::Retry {
                        after: FIRST_PAUSE,
                        reason: "the incident changed while it was planned".into(),
                    };
                }
                Verdict::Done
            }
        }
    }
}

impl Diagnoses {
    /// The outcome; `None` when the incident became a part of another one.
    async fn plan(&self, incident: &Incident, attempt: u32, event: &Envelope) -> Result<Option<Outcome>, String> {
        if let Some(diagnosis) = &incident.diagnosis {
            let claimed = self.claims.claim(incident, &diagnosis.target, event).await;
            match claimed.map_err(|error| error.to_string())? {
                Claimed::Ours => {}
                Claimed::Held(other) if incident.request.is_some() => {
                    return Ok(Some(Err(vec![Refusal {
                        step: None,
                        reason: format!("incident {other} works on {} now: ask again when it has ended", diagnosis.target),
                    }])));
                }
                Claimed::Held(other) => return Err(format!("what incident {other} was asked to change is {} too", diagnosis.target)),
                Claimed::Busy => return Err("another incident is just joining another one".into()),
                Claimed::Joined(other) => {
                    tracing::info!(%other, target = %diagnosis.target, "joined the incident with the same root target");
                    return Ok(None);
                }
            }
        }
        self.proposer.plan(incident, attempt).await.map(Some)
    }

    /// Another try later, while the event is younger than the configured patience.
    fn again(&self, event: &Envelope, delivery: u32, reason: &str) -> Option<Verdict> {
        let age = self.proposer.clock.now().duration_since(event.time);
        let patient = Duration::try_from(age).unwrap_or_default() < self.proposer.config.patience() || delivery < 3;
        tracing::warn!(reason, delivery, patient, "cannot prepare a plan");
        patient.then(|| Verdict::Retry {
            after: FIRST_PAUSE
                .saturating_mul(1 << delivery.saturating_sub(1).min(5))
                .min(LONGEST_PAUSE),
            reason: reason.to_owned(),
        })
    }
}
