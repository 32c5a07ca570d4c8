//! Asking a model about an incident that the engines have looked at.

use std::{sync::Arc, time::Duration};

use paramedic_bus::SharedBus;
use paramedic_domain::{
    diagnosis::Diagnosis,
    evidence::Evidence,
    id::{ClusterId, IncidentId},
};
use tokio::time::Instant;

use super::{Conversation, Failure, Model, Reply, Told, bench::Bench, ledger::Account, ledger::Ledger, open};
use crate::{
    config,
    core::{
        contest::Weighed,
        decide::Conclusion,
        facts::Facts,
        model::{
            answer::{Answer, read, read_text},
            budget::{Budget, Exhausted, Grant, Usage, estimated, millionths},
            by_itself::by_itself,
            judge::{Dropped, judge},
            prompt::{SYSTEM, question},
            reconcile::{Opinion, alone, reconcile, without},
            scope::Scope,
            tools::{CONCLUDE, tools},
        },
    },
    metrics,
    shell::probes::Probes,
};

/// Pause before a busy model is asked again, if it does not say how long.
const PAUSE: Duration = Duration::from_secs(2);
/// What it is told before its last turn.
const LAST: &str = "\n\nThere are no further looks: call conclude now.";
/// Most looks in one turn; more are not run.
const MOST_LOOKS: usize = 4;

/// Why a model is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The engines came to something, and are perhaps not sure.
    ByDoubt,
    /// Somebody wants its opinion.
    ByPeople,
}

/// The model of this installation.
pub struct Advisor {
    model: Box<dyn Model>,
    ledger: Ledger,
    config: config::Model,
}

/// What the engines came to.
#[derive(Debug)]
pub struct Case {
    /// What they saw.
    pub facts: Facts,
    /// What they make of it.
    pub weighed: Weighed,
}

impl Case {
    /// The engines' result by itself.
    #[must_use]
    pub fn conclusion(self) -> Conclusion {
        alone(&self.facts, self.weighed)
    }

    fn best(&self) -> Option<&Diagnosis> {
        match &self.weighed {
            Weighed::Sure(best) => Some(best),
            Weighed::Unsure { best, .. } => best.as_deref(),
        }
    }

    fn evidence(&self) -> &[Evidence] {
        self.best().map_or(&self.facts.evidence, |best| &best.evidence)
    }
}

impl Advisor {
    /// The configured model, if there is one.
    #[must_use]
    pub fn configured(config: &config::Model, bus: SharedBus, cluster: ClusterId) -> Option<Arc<Self>> {
        config.enabled().then(|| {
            Arc::new(Self {
                model: open(config),
                ledger: Ledger::new(bus, cluster, config),
                config: config.clone(),
            })
        })
    }

    /// Whether it is asked about this.
    #[must_use]
    pub fn is_due(&self, case: &Case, asked: Asked) -> bool {
        if self.config.alone {
            return true;
        }
        match (asked, &case.weighed) {
            (Asked::ByPeople, _) => true,
            (Asked::ByDoubt, Weighed::Sure(best)) => best.confidence < self.config.ask_below,
            // Without any evidence, and nowhere to look for some, there is nothing that an answer could rest on.
            (Asked::ByDoubt, Weighed::Unsure { .. }) => {
                let somewhere = !case.evidence().is_empty() || !case.facts.world.snapshot.scope.is_empty();
                self.config.ask_below > 0.0 && somewhere
            }
        }
    }

    /// The engines' result with the model's opinion, or with why there is none.
    pub async fn conclude(&self, probes: &Probes, case: Case, incident: Option<&IncidentId>) -> Conclusion {
        match self.opinion(probes, &case, incident).await {
            Ok(opinion) => {
                for Dropped { why, .. } in &opinion.judged.dropped {
                    metrics::disbelieved(why.label());
                }
                if self.config.alone {
                    return by_itself(&case.facts, case.weighed, &opinion);
                }
                let (conclusion, relation) = reconcile(&case.facts, case.weighed, &opinion);
                metrics::asked(relation.label());
                conclusion
            }
            Err(failure) => {
                metrics::asked(failure.label());
                tracing::warn!(model = self.model.name(), %failure, "no answer of the model");
                if self.config.alone {
                    return Conclusion::Inconclusive {
                        reasons: vec![format!("{}: {failure}", self.model.name())],
                        evidence: case.facts.evidence,
                    };
                }
                without(&case.facts, case.weighed, &format!("{}: {failure}", self.model.name()))
            }
        }
    }

    async fn opinion(&self, probes: &Probes, case: &Case, incident: Option<&IncidentId>) -> Result<Opinion, Failure> {
        let scope = Scope::new(&case.facts, case.best());
        let mut bench = Bench::new(probes, scope, case.facts.at);
        let account = self.ledger.account(incident, probes.clock.now()).await?;
        let conversation = Conversation {
            question: question(&case.facts, &case.weighed, self.config.alone),
            turns: Vec::new(),
        };
        let limits = self.config.limits();
        // Looks take time, too; whatever it is doing then, it ends.
        let answer = tokio::time::timeout(limits.time, self.talk(conversation, &mut bench, &account)).await;
        let answer = answer.map_err(|_| Exhausted::Time)??;
        let evidence: Vec<&Evidence> = case.evidence().iter().chain(&bench.evidence).collect();
        let judged = judge(&answer, &evidence, &scope, case.best());
        Ok(Opinion {
            by: self.model.name().to_owned(),
            judged,
            looked_up: bench.evidence,
        })
    }

    async fn talk(&self, mut conversation: Conversation, bench: &mut Bench<'_>, account: &Account) -> Result<Answer, Failure> {
        let began = Instant::now();
        let mut budget = Budget::new(self.config.limits());
        loop {
            let purse = account.purse(millionths(self.config.incident_money)).await?;
            let size = self.model.reads(size(&conversation), budget.limits().tokens);
            let grant = budget.grant(began.elapsed(), size, purse)?;
            if let Some(told) = conversation
                .turns
                .last_mut()
                .and_then(|(_, told)| told.last_mut())
                .filter(|_| grant.last.is_some())
            {
                told.text.push_str(LAST);
            }
            let reply = match self.turn(&conversation, &mut budget, &grant, account).await {
                Err(Failure::Busy { after, message }) => {
                    let pause = after.unwrap_or(PAUSE);
                    if grant.last.is_some() || pause >= grant.time {
                        return Err(Failure::Busy { after, message });
                    }
                    tokio::time::sleep(pause).await;
                    continue;
                }
                other => other?,
            };
            if let Some(answer) = answered(&reply)? {
                return Ok(answer);
            }
            if let Some(why) = grant.last {
                return Err(why.into());
            }
            let mut told = Vec::new();
            for (at, call) in reply.calls.into_iter().enumerate() {
                let text = match at < MOST_LOOKS {
                    true => bench.run(&call.tool, call.arguments).await,
                    false => format!("refused: at most {MOST_LOOKS} looks in one turn"),
                };
                told.push(Told { call: call.id, text });
            }
            conversation.turns.push((reply.said, told));
        }
    }

    /// One turn, paid for.
    async fn turn(&self, conversation: &Conversation, budget: &mut Budget, grant: &Grant, account: &Account) -> Result<Reply, Failure> {
        account.reserve(grant.cost).await?;
        let reply = self.model.turn(conversation, &tools(grant.last.is_some()), grant).await;
        let used = match &reply {
            Ok(reply) => reply.usage.unwrap_or(grant.worst),
            // Nobody is paid for saying no.
            Err(Failure::Busy { .. } | Failure::Refused(_) | Failure::Absent(_)) => Usage::default(),
            // What it did before it was cut off or fell silent may be billed.
            Err(_) => grant.worst,
        };
        let cost = budget.spend(used);
        metrics::paid(used.input, used.output, cost);
        match grant.cost.checked_sub(cost) {
            Some(rest) => account.put_back(rest).await?,
            None => account.add(cost - grant.cost).await?,
        }
        reply
    }
}

/// The answer, if the reply is one.
fn answered(reply: &Reply) -> Result<Option<Answer>, Failure> {
    if let Some(call) = reply.calls.iter().find(|call| call.tool == CONCLUDE) {
        return read(call.arguments.clone()).map(Some).map_err(Failure::Malformed);
    }
    match reply.calls.is_empty() {
        true => read_text(&reply.text).map(Some).map_err(Failure::Malformed),
        false => Ok(None),
    }
}

/// Tokens of everything that is sent in the next turn, at most.
fn size(conversation: &Conversation) -> u64 {
    let tools: usize = tools(false)
        .iter()
        .map(|tool| tool.schema.to_string().len() + tool.description.len())
        .sum();
    let turns: usize = conversation
        .turns
        .iter()
        .map(|(said, told)| said.to_string().len() + told.iter().map(|told| told.text.len()).sum::<usize>())
        .sum();
    estimated(SYSTEM.len() + conversation.question.len() + tools + turns)
}
