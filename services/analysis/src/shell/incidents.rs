//! New incidents are investigated once they have settled.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use paramedic_bus::{
    Blobs, IncidentLog,
    consume::{Handler, Verdict},
};
use paramedic_domain::{diagnosis, envelope::Envelope, incident::Incident};
use paramedic_runtime::Clock;

use super::{gather::Watcher, investigate::Investigator, model::ask::Asked, request::consider};
use crate::{
    core::{
        decide::{Conclusion, Opening, conclude, investigating, joined, open, opening, outgrown},
        facts::Facts,
        kept::seen,
        settle::Settle,
    },
    metrics,
};

/// What opens an investigation.
pub const OPENING_KINDS: [&str; 2] = ["incident_opened", "alerts_resolved"];
/// What runs one.
pub const INVESTIGATING_KINDS: [&str; 1] = ["analysis_started"];

/// First pause before an unreachable cluster is asked again.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Waits until an incident has settled, then begins the investigation.
pub struct Openings {
    /// The logs.
    pub log: IncidentLog,
    /// Time.
    pub clock: Clock,
    /// How long an incident settles.
    pub settle: Settle,
}

#[async_trait]
impl Handler for Openings {
    async fn handle(&self, event: &Envelope, _delivery: u32) -> Verdict {
        let settle = self.settle;
        let decided = self
            .log
            .decide(&event.cluster, &event.incident, Some(&event.id), &self.clock, |incident, now| {
                open(incident, now, settle)
            })
            .await;
        match decided {
            Err(error) => error.verdict(),
            Ok(decided) => match opening(&decided.incident, self.clock.now(), settle) {
                Opening::Wait(after) => Verdict::Retry {
                    after,
                    reason: "settling".into(),
                },
                Opening::Nothing | Opening::Start | Opening::ResolvedByItself | Opening::ResolvedByPeople => Verdict::Done,
            },
        }
    }
}

/// Runs investigations.
pub struct Investigations {
    /// The logs.
    pub log: IncidentLog,
    /// Time.
    pub clock: Clock,
    /// Who looks into them.
    pub investigator: Investigator,
    /// Where what they saw is kept.
    pub artifacts: Arc<dyn Blobs>,
}

#[async_trait]
impl Handler for Investigations {
    async fn handle(&self, event: &Envelope, delivery: u32) -> Verdict {
        let mut incident = match self.log.load(&event.cluster, &event.incident).await {
            Ok(incident) if investigating(&incident) => incident,
            Ok(_) => return Verdict::Done,
            Err(error) => return error.verdict(),
        };
        let mut conclusion = self.conclusion(&incident).await;
        // Whoever joined while a cause was found may need something done, too: one more look, and no third.
        if matches!(conclusion, Ok(Conclusion::Found(_))) {
            match self.log.load(&event.cluster, &event.incident).await {
                Ok(now) if joined(&now, incident.alerts.len()) => {
                    conclusion = self.conclusion(&now).await;
                    incident = now;
                }
                Ok(_) => {}
                Err(error) => return error.verdict(),
            }
        }
        let conclusion = match conclusion {
            Ok(conclusion) => conclusion,
            Err(reason) if self.patient(event, delivery) => return again(delivery, reason),
            Err(reason) => Conclusion::Inconclusive {
                reasons: vec![reason],
                evidence: Vec::new(),
            },
        };
        let (attempt, looked_at) = (incident.attempt, incident.alerts.len());
        let patient = self.patient(event, delivery);
        let decided = self
            .log
            .decide(
                &event.cluster,
                &event.incident,
                Some(&event.id),
                &self.clock,
                |incident, _| match patient && outgrown(incident, looked_at, &conclusion) {
                    true => Vec::new(),
                    false => conclude(incident, attempt, &conclusion),
                },
            )
            .await;
        match decided {
            Err(error) => error.verdict(),
            Ok(decided) if patient && outgrown(&decided.incident, looked_at, &conclusion) => again(
                1,
                "alerts joined while it was investigated, and nothing was found without them".into(),
            ),
            Ok(decided) => {
                if !decided.appended.is_empty() {
                    metrics::diagnosed(match &conclusion {
                        Conclusion::Found(diagnosis) => &diagnosis.engine,
                        Conclusion::Inconclusive { .. } => "inconclusive",
                    });
                }
                Verdict::Done
            }
        }
    }
}

impl Investigations {
    async fn conclusion(&self, incident: &Incident) -> Result<Conclusion, String> {
        if let Some(reasons) = &incident.inconclusive {
            return Ok(Conclusion::Inconclusive {
                reasons: reasons.clone(),
                evidence: Vec::new(),
            });
        }
        if let Some(request) = &incident.request {
            let considered = consider(&self.investigator.probes, request, incident.attempt).await;
            return considered.map_err(|unreachable| unreachable.to_string());
        }
        let alerts = incident.alerts.values().cloned().collect();
        let watch: Watcher<'_> = &mut |_, note| tracing::debug!(note);
        let looked = self.investigator.look(alerts, watch).await;
        let case = looked.map_err(|unreachable| unreachable.to_string())?;
        self.keep(incident, &case.facts).await;
        Ok(self.investigator.conclude(case, Some(&incident.id), Asked::ByDoubt, watch).await)
    }

    /// Keeps what was seen for people to read later: events expire after an hour. A diagnosis does not wait for it, or fail with it.
    async fn keep(&self, incident: &Incident, facts: &Facts) {
        let name = diagnosis::seen(&incident.id, incident.attempt);
        if let Err(error) = self.artifacts.put(&name, seen(facts).into()).await {
            tracing::warn!(%error, name, "what the investigation saw could not be kept; its diagnosis quotes a part of it");
        }
    }

    /// Whether there may be another try: while the event is younger than the configured patience.
    fn patient(&self, event: &Envelope, delivery: u32) -> bool {
        let age = Duration::try_from(self.clock.now().duration_since(event.time)).unwrap_or_default();
        age < self.investigator.probes.config.patience() || delivery < 3
    }
}

/// Another try after a pause, which is longer every time.
fn again(delivery: u32, reason: String) -> Verdict {
    tracing::warn!(reason, delivery, "investigated again");
    Verdict::Retry {
        after: FIRST_PAUSE
            .saturating_mul(1 << delivery.saturating_sub(1).min(5))
            .min(LONGEST_PAUSE),
        reason,
    }
}
