//! Every way out of an incident is prepared; one becomes the plan.

use std::sync::Arc;

use paramedic_bus::Error;
use paramedic_domain::{
    incident::Incident,
    plan::{Plan, Refusal},
    policy::Mode,
};
use paramedic_runtime::{Clock, Kit};

use super::{executor::Preparer, make::Maker, records::Records};
use crate::{
    Config,
    core::{
        assemble::{Brief, Cause},
        decide::plan_id,
        options::{Wanted, choose, wanted},
    },
};

/// Makes plans for incidents.
#[derive(Clone)]
pub struct Proposer {
    /// Time.
    pub clock: Clock,
    /// Mode of the cluster.
    pub mode: Mode,
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
        let mut outcomes = Vec::with_capacity(wanted.options.len());
        for option in &wanted.options {
            let brief = Brief {
                plan: plan_id(incident, attempt),
                attempt,
                confidence: diagnosis.confidence,
                mode: self.mode,
                recommendations: option.recommendations.clone(),
                criteria: diagnosis.criteria.clone(),
                rollback: self.config.rollback,
                rules: self.config.rules(),
                cause: Some(Cause {
                    incident: incident.id.clone(),
                    category: diagnosis.category,
                    target: diagnosis.target.clone(),
                    by_person: wanted.by_person,
                }),
                now: self.clock.now(),
            };
            outcomes.push(maker.make(&brief).await?);
        }
        Ok(choose(wanted, outcomes))
    }
}
