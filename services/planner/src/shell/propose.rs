//! Every way out of an incident is prepared; one becomes the plan.

use std::sync::Arc;

use jiff::Timestamp;
use paramedic_bus::{Error, MAX_MESSAGE_BYTES};
use paramedic_domain::{
    diagnosis::Diagnosis,
    event::Event,
    incident::Incident,
    plan::{Plan, Refusal},
    policy::Mode,
};
use paramedic_policy::About;
use paramedic_runtime::{Clock, Kit, Policies};

use super::{
    executor::Preparer,
    make::Maker,
    records::{Records, word},
};
use crate::{
    Config,
    core::{
        assemble::{Brief, Cause},
        cooldown::Intent,
        decide::plan_id,
        options::{Wanted, choose, wanted},
        ranking::{Track, changing, ranked},
    },
};

/// Bytes that the bus needs around an event: subject, headers, the digest of the event before it.
const AROUND: usize = 8 * 1024;

/// Makes plans for incidents.
#[derive(Clone)]
pub struct Proposer {
    /// Time.
    pub clock: Clock,
    /// Mode of the cluster.
    pub mode: Mode,
    /// What decides on steps.
    pub policies: Policies,
    /// Settings.
    pub config: Config,
    /// The executor.
    pub executor: Arc<dyn Preparer>,
    /// What was measured before.
    pub records: Records,
}

impl Proposer {
    /// A proposer for the kit's cluster.
    ///
    /// # Errors
    /// When the bus is unavailable.
    pub async fn open(config: Config, kit: &Kit, executor: Arc<dyn Preparer>) -> Result<Self, Error> {
        Ok(Self {
            clock: kit.clock.clone(),
            mode: kit.cluster.mode,
            policies: kit.cluster.policies.clone(),
            config,
            executor,
            records: Records::open(&kit.bus).await?,
        })
    }

    /// The incident's plan with that number, or why there is none.
    ///
    /// # Errors
    /// When the executor or the bus cannot be reached.
    pub async fn plan(&self, incident: &Incident, attempt: u32) -> Result<Result<Plan, Vec<Refusal>>, String> {
        match &incident.diagnosis {
            Some(diagnosis) => self.choose(incident, attempt, wanted(incident, diagnosis)).await,
            None => Ok(Err(Vec::new())),
        }
    }

    /// The same for ways out that are given.
    ///
    /// # Errors
    /// When the executor or the bus cannot be reached.
    pub async fn choose(&self, incident: &Incident, attempt: u32, wanted: Wanted) -> Result<Result<Plan, Vec<Refusal>>, String> {
        let Some(diagnosis) = &incident.diagnosis else {
            return Ok(Err(Vec::new()));
        };
        let maker = Maker {
            executor: self.executor.as_ref(),
            records: &self.records,
            cluster: &incident.cluster,
        };
        let policy = self.policies.current();
        let (mut outcomes, mut tracks) = (Vec::with_capacity(wanted.options.len()), Vec::new());
        for option in &wanted.options {
            let brief = Brief {
                plan: plan_id(incident, attempt),
                attempt,
                about: About::of(incident, attempt),
                policy: policy.clone(),
                mode: self.mode,
                recommendations: option.recommendations.clone(),
                criteria: diagnosis.criteria.clone(),
                rollback: option.rollback.unwrap_or(self.config.rollback),
                rules: self.config.rules(),
                cause: Some(Cause {
                    incident: incident.id.clone(),
                    category: diagnosis.category,
                    target: diagnosis.target.clone(),
                    by_person: wanted.by_person,
                }),
                now: self.clock.now(),
            };
            let outcome = maker.make(&brief).await?;
            tracks.push(match &outcome {
                Ok(plan) => self.track(incident, diagnosis, plan).await.map_err(|error| error.to_string())?,
                Err(_) => Track::default(),
            });
            outcomes.push(outcome);
        }
        let (wanted, outcomes) = ranked(wanted, outcomes, tracks, &word(&diagnosis.category));
        Ok(choose(wanted, outcomes).and_then(|plan| fits(incident, plan, self.clock.now())))
    }
}

impl Proposer {
    /// What is on record about the actions of a plan.
    async fn track(&self, incident: &Incident, diagnosis: &Diagnosis, plan: &Plan) -> Result<Track, Error> {
        let actions = changing(plan);
        if actions.is_empty() {
            return Ok(Track::default());
        }
        let cause = Some((diagnosis.category, &diagnosis.target));
        let pairs = actions.iter().map(|action| (action.clone(), String::new())).collect();
        let experience = self.records.experience(&incident.cluster, pairs, cause).await?;
        let intent = Intent {
            incident: &incident.id,
            category: diagnosis.category,
            target: &diagnosis.target,
            actions: &actions,
            now: self.clock.now(),
        };
        Ok(Track {
            here: self.config.rules().cooldown.tally(&intent, &experience.remediations),
            elsewhere: experience.successes.into_iter().collect(),
        })
    }
}

/// The plan, if one event of the log can hold it: a larger one could never be proposed, and the incident would wait for it for ever.
fn fits(incident: &Incident, plan: Plan, now: Timestamp) -> Result<Plan, Vec<Refusal>> {
    let steps = plan.steps.len();
    let event = Event::PlanProposed { plan: Box::new(plan) };
    let envelope = incident.next_envelope(event, now, None);
    let bytes = paramedic_wire::encode(&envelope).len();
    let Event::PlanProposed { plan } = envelope.event else {
        return Err(Vec::new());
    };
    if bytes <= MAX_MESSAGE_BYTES - AROUND {
        return Ok(*plan);
    }
    Err(vec![Refusal {
        step: None,
        reason: format!(
            "the plan of {steps} steps has {bytes} bytes with its exact changes, and one event holds at most {}: recommend fewer steps, \
             or steps that change fewer objects",
            MAX_MESSAGE_BYTES - AROUND
        ),
    }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::tests::fixtures::{Case, now, recommendation};

    #[test]
    fn a_plan_that_no_event_can_hold_is_refused_with_its_size() {
        let incident = Incident::new("test".parse().unwrap(), "inc_a".parse().unwrap());
        let plan = Case::of(vec![recommendation("up", "scale", &[])]).plan().unwrap();
        assert_eq!(fits(&incident, plan.clone(), now()), Ok(plan.clone()));
        let large = Plan {
            notes: vec!["n".repeat(MAX_MESSAGE_BYTES)],
            ..plan
        };
        let refusals = fits(&incident, large, now()).unwrap_err();
        assert!(refusals[0].reason.contains("bytes"), "{refusals:?}");
    }
}
