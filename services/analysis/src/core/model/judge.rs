//! What of an answer is believed. Everything else is dropped, with the reason.

use std::collections::{BTreeMap, BTreeSet};

use paramedic_domain::{
    diagnosis::{Category, Diagnosis},
    evidence::Evidence,
    id::EvidenceId,
    object::ObjectRef,
    plan::Recommendation,
};
use serde_json::Value;

use super::{
    answer::{Answer, CATEGORIES, Claim, Proposal, UNKNOWN, word},
    prompt::proposed,
    scope::Scope,
};
use crate::core::{injection, redact::redact};

/// Most claims that are kept.
const MOST_CLAIMS: usize = 12;
/// Most characters of a claim.
const MOST_TEXT: usize = 400;
/// Most steps: the longest remedy of the engines has seven.
const MOST_STEPS: usize = 12;
/// The only action that may be added to what engines propose: it reads, and its parameters are made here. `notify_only` is not one,
/// because it can file a ticket in a tracker with a model's words.
const ADDABLE: &str = "collect_diagnostics";
/// What it can be told to read.
const WORKLOADS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];

/// Why something was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "`says` is the sentence")]
pub enum Why {
    Uncited,
    UnknownEvidence,
    GivesOrders,
    UnknownCategory,
    UnknownTarget,
    NotProposed,
    Cycle,
    TooMany,
}

impl Why {
    /// For people.
    #[must_use]
    pub fn says(self) -> &'static str {
        match self {
            Self::Uncited => "cites nothing",
            Self::UnknownEvidence => "cites evidence that does not exist",
            Self::GivesOrders => "repeats or rests on text that gives orders",
            Self::UnknownCategory => "is no category",
            Self::UnknownTarget => "is no object of this incident",
            Self::NotProposed => "was proposed by no engine",
            Self::Cycle => "has dependencies that cannot be ordered",
            Self::TooMany => "is one of too many",
        }
    }

    /// For the metric.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Uncited => "uncited",
            Self::UnknownEvidence => "unknown_evidence",
            Self::GivesOrders => "gives_orders",
            Self::UnknownCategory => "unknown_category",
            Self::UnknownTarget => "unknown_target",
            Self::NotProposed => "not_proposed",
            Self::Cycle => "cycle",
            Self::TooMany => "too_many",
        }
    }

    /// Whether an answer with it oversteps, so that its opinion counts for nothing.
    fn oversteps(self, of_a_step: bool) -> bool {
        match self {
            Self::GivesOrders | Self::UnknownCategory | Self::UnknownTarget | Self::NotProposed | Self::Cycle => true,
            Self::TooMany => of_a_step,
            Self::Uncited | Self::UnknownEvidence => false,
        }
    }
}

/// Something that was dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// What: `step drain_node`, `claim 3`.
    pub what: String,
    /// Why.
    pub why: Why,
}

/// A claim that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cited {
    /// Sentence.
    pub text: String,
    /// What it rests on; never empty.
    pub evidence: Vec<EvidenceId>,
}

/// An opinion that counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Cause.
    pub category: Category,
    /// Object at fault.
    pub target: ObjectRef,
    /// The model's own certainty, 0 to 1.
    pub confidence: f64,
}

/// What is left of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The opinion; `None`: it has none, cites nothing for it, or overstepped.
    pub verdict: Option<Verdict>,
    /// Claims.
    pub claims: Vec<Cited>,
    /// Steps of the engines that it recommends, as the engines proposed them.
    pub backed: Vec<Recommendation>,
    /// Workloads of which it wants diagnostics.
    pub diagnostics: Vec<ObjectRef>,
    /// The rest.
    pub dropped: Vec<Dropped>,
}

/// Judges an answer against what is known.
#[must_use]
pub fn judge(answer: &Answer, evidence: &[&Evidence], scope: &Scope<'_>, best: Option<&Diagnosis>) -> Judged {
    let mut dropped = Vec::new();
    let mut overstepped = false;
    let mut drop = |what: String, why: Why, of_a_step: bool| {
        overstepped |= why.oversteps(of_a_step);
        dropped.push(Dropped { what, why });
    };
    let mut claims = Vec::new();
    for (at, claim) in answer.claims.iter().enumerate() {
        let name = format!("claim {}", at + 1);
        match claims.len() {
            MOST_CLAIMS.. => drop(name, Why::TooMany, false),
            _ => match cited(claim, evidence) {
                Ok(claim) => claims.push(claim),
                Err(why) => drop(name, why, false),
            },
        }
    }
    let category = CATEGORIES.into_iter().find(|category| word(*category) == answer.category);
    if category.is_none() && answer.category != UNKNOWN {
        drop(format!("category {:?}", short(&answer.category)), Why::UnknownCategory, false);
    }
    let target = scope.find(&answer.target);
    if category.is_some() && target.is_none() {
        drop(named("target", &answer.target), Why::UnknownTarget, false);
    }
    let (mut backed, mut diagnostics) = (Vec::new(), Vec::new());
    match unorderly(&answer.recommendations) {
        Some(why) => {
            for step in &answer.recommendations {
                drop(format!("step {}", short(&step.action)), why, true);
            }
        }
        None => {
            for step in &answer.recommendations {
                match known_step(step, scope, best) {
                    Ok(Step::Backed(recommendation)) => backed.push(recommendation),
                    Ok(Step::Diagnostics(object)) => diagnostics.push(object),
                    Err(why) => drop(format!("step {} of {}", short(&step.action), named("", &step.target)), why, true),
                }
            }
        }
    }
    let verdict = match (category, target) {
        (Some(category), Some(target)) if !overstepped && !claims.is_empty() => Some(Verdict {
            category,
            target,
            confidence: answer.confidence,
        }),
        _ => None,
    };
    if overstepped {
        backed.clear();
        diagnostics.clear();
    }
    Judged {
        verdict,
        claims,
        backed,
        diagnostics,
        dropped,
    }
}

fn named(what: &str, target: &super::answer::Target) -> String {
    let text = format!("{what} {} {}/{}", target.kind, target.namespace, target.name);
    short(text.trim())
}

fn short(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(80).collect();
    redact(&line)
}

fn cited(claim: &Claim, evidence: &[&Evidence]) -> Result<Cited, Why> {
    let text: String = claim
        .text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MOST_TEXT)
        .collect();
    let text = redact(text.trim());
    if claim.evidence.is_empty() || text.is_empty() {
        return Err(Why::Uncited);
    }
    if injection::order(&text).is_some() {
        return Err(Why::GivesOrders);
    }
    let mut found = Vec::new();
    for id in &claim.evidence {
        let known = evidence.iter().find(|known| known.id.as_str() == id).ok_or(Why::UnknownEvidence)?;
        found.push(*known);
    }
    // Text that gives orders proves nothing but that somebody wrote it.
    if found.iter().all(|known| injection::order(&known.excerpt).is_some()) {
        return Err(Why::GivesOrders);
    }
    let ids: BTreeSet<EvidenceId> = found.into_iter().map(|known| known.id.clone()).collect();
    Ok(Cited {
        text,
        evidence: ids.into_iter().collect(),
    })
}

/// What is wrong with the steps as a whole.
fn unorderly(steps: &[Proposal]) -> Option<Why> {
    if steps.len() > MOST_STEPS {
        return Some(Why::TooMany);
    }
    let mut waiting: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for step in steps {
        let before = step.depends_on.iter().map(String::as_str).collect();
        if waiting.insert(&step.id, before).is_some() {
            return Some(Why::Cycle);
        }
    }
    while !waiting.is_empty() {
        let ready: Vec<&str> = waiting.iter().filter(|(_, before)| before.is_empty()).map(|(id, _)| *id).collect();
        if ready.is_empty() {
            return Some(Why::Cycle);
        }
        for id in ready {
            waiting.remove(id);
            for before in waiting.values_mut() {
                before.remove(id);
            }
        }
    }
    None
}

enum Step {
    Backed(Recommendation),
    Diagnostics(ObjectRef),
}

fn known_step(step: &Proposal, scope: &Scope<'_>, best: Option<&Diagnosis>) -> Result<Step, Why> {
    let target = scope.find(&step.target).ok_or(Why::UnknownTarget)?;
    let about = |recommendation: &&Recommendation| {
        let same = step.parameters.iter().all(|parameter| {
            let offered = recommendation.parameters.get(&parameter.name);
            offered.is_some_and(|offered| text_of(offered) == parameter.value)
        });
        let names = recommendation.parameters.values().any(|value| text_of(value) == target.name);
        let namespace = recommendation.parameters.get("namespace").map(text_of);
        let here = namespace.is_none_or(|namespace| Some(namespace.as_str()) == target.namespace.as_deref());
        recommendation.action == step.action && same && names && here
    };
    let offered = best.into_iter().flat_map(proposed).find(about);
    if let Some(recommendation) = offered {
        return Ok(Step::Backed(recommendation.clone()));
    }
    if step.action == ADDABLE && WORKLOADS.contains(&target.kind.as_str()) {
        return Ok(Step::Diagnostics(target));
    }
    Err(Why::NotProposed)
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
