//! The engines' result and a model's opinion together. The engines' diagnosis stays the diagnosis, and their steps stay the steps.

use paramedic_domain::{
    diagnosis::{Alternative, Diagnosis, Factor},
    evidence::Evidence,
    id::EvidenceId,
    object::ObjectRef,
    plan::Recommendation,
};
use serde_json::json;

use super::{
    answer::word,
    judge::{Judged, Verdict},
};
use crate::core::{contest::Weighed, decide::Conclusion, engines::MIN_TELLABLE, facts::Facts};

/// What agreement adds.
const AGREEMENT: f64 = 0.05;
/// Agreement never lifts above this: from 0.80 on the default policy lets low risks go without a person, and that is for measurements
/// alone to reach.
const MOST_BY_AGREEMENT: f64 = 0.79;
/// What disagreement takes, as far down as a diagnosis can be told.
const DISAGREEMENT: f64 = 0.10;
/// A model's own cause is never more certain than this: no engine measured it.
const MOST_OF_A_MODEL: f64 = 0.50;
/// Most other causes that are mentioned.
const MOST_ALTERNATIVES: usize = 3;

/// A judged answer and whose it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Opinion {
    /// `model/openai/gpt-5`.
    pub by: String,
    /// What is left of the answer.
    pub judged: Judged,
    /// What the model looked up.
    pub looked_up: Vec<Evidence>,
}

/// How an opinion stands to the engines' result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// The same cause of the same object.
    Agrees,
    /// Another one.
    Disagrees,
    /// No opinion that counts, only claims.
    Explains,
    /// Nothing was left of it.
    Void,
}

impl Relation {
    /// For the metric.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Disagrees => "disagrees",
            Self::Explains => "explains",
            Self::Void => "void",
        }
    }
}

/// The engines' result by itself.
#[must_use]
pub fn alone(facts: &Facts, weighed: Weighed) -> Conclusion {
    match weighed {
        Weighed::Sure(diagnosis) => Conclusion::Found(diagnosis),
        Weighed::Unsure { reasons, .. } => Conclusion::Inconclusive {
            reasons,
            evidence: facts.evidence.clone(),
        },
    }
}

/// The engines' result, and why no model has its say in it. Its certainty stays what it was: what a model would have said is no
/// measurement that is missing.
#[must_use]
pub fn without(facts: &Facts, weighed: Weighed, why: &str) -> Conclusion {
    let note = format!("model: {why}");
    let mut conclusion = alone(facts, weighed);
    match &mut conclusion {
        Conclusion::Found(diagnosis) => diagnosis.missing_sources.push(note),
        Conclusion::Inconclusive { reasons, .. } => reasons.push(note),
    }
    conclusion
}

/// The engines' result with a model's opinion.
#[must_use]
pub fn reconcile(facts: &Facts, weighed: Weighed, opinion: &Opinion) -> (Conclusion, Relation) {
    if opinion.judged.claims.is_empty() {
        let why = format!("{} said nothing that stands{}", opinion.by, losses(opinion));
        return (without(facts, weighed, &why), Relation::Void);
    }
    let best = match &weighed {
        Weighed::Sure(best) => Some(best.as_ref()),
        Weighed::Unsure { best, .. } => best.as_deref(),
    };
    let relation = relation(best, opinion.judged.verdict.as_ref());
    let conclusion = match weighed {
        Weighed::Sure(mut best) => {
            discuss(&mut best, opinion, relation);
            Conclusion::Found(best)
        }
        Weighed::Unsure { best, reasons } => match best {
            // Two half certain ones that came to the same thing are worth telling; what follows from it is still for people to say.
            Some(mut best) if relation == Relation::Agrees && best.confidence + AGREEMENT >= MIN_TELLABLE => {
                discuss(&mut best, opinion, relation);
                Conclusion::Found(best)
            }
            best => {
                let mut evidence = best.map_or_else(|| facts.evidence.clone(), |best| best.evidence);
                evidence.extend(cited(opinion));
                Conclusion::Inconclusive {
                    reasons: reasons.into_iter().chain(told(opinion)).collect(),
                    evidence,
                }
            }
        },
    };
    (conclusion, relation)
}

fn relation(best: Option<&Diagnosis>, verdict: Option<&Verdict>) -> Relation {
    match (best, verdict) {
        (_, None) => Relation::Explains,
        (Some(best), Some(verdict)) if best.category == verdict.category && best.target.same_object(&verdict.target) => Relation::Agrees,
        (_, Some(_)) => Relation::Disagrees,
    }
}

fn discuss(best: &mut Diagnosis, opinion: &Opinion, relation: Relation) {
    let before = best.confidence;
    let verdict = opinion.judged.verdict.as_ref();
    best.confidence = match relation {
        Relation::Agrees => before.max((before + AGREEMENT).min(MOST_BY_AGREEMENT)),
        Relation::Disagrees => before.min((before - DISAGREEMENT).max(MIN_TELLABLE)),
        Relation::Explains | Relation::Void => before,
    };
    best.confidence = (best.confidence * 1000.0).round() / 1000.0;
    let view = match (relation, verdict) {
        (Relation::Agrees, _) => "agrees".to_owned(),
        (Relation::Disagrees, Some(verdict)) => format!("holds {} more likely", cause(verdict)),
        _ => "has no opinion that counts".to_owned(),
    };
    let all: Vec<EvidenceId> = opinion.judged.claims.iter().flat_map(|claim| claim.evidence.clone()).collect();
    best.factors.push(factor(
        best.confidence - before,
        format!("{} {view}{}{}", opinion.by, preference(best, opinion), losses(opinion)),
        all,
    ));
    for claim in &opinion.judged.claims {
        best.factors
            .push(factor(0.0, format!("{}: {}", opinion.by, claim.text), claim.evidence.clone()));
    }
    best.evidence.extend(cited(opinion));
    if let (Relation::Disagrees, Some(verdict)) = (relation, verdict) {
        mention(best, verdict, opinion);
    }
    for object in &opinion.judged.diagnostics {
        collect(best, object, &opinion.by);
    }
}

fn factor(weight: f64, text: String, mut evidence: Vec<EvidenceId>) -> Factor {
    evidence.sort();
    evidence.dedup();
    Factor { text, weight, evidence }
}

/// The model's cause among the others.
fn mention(best: &mut Diagnosis, verdict: &Verdict, opinion: &Opinion) {
    let known = best
        .alternatives
        .iter()
        .any(|other| other.category == verdict.category && other.target.same_object(&verdict.target));
    if known {
        return;
    }
    let summary = opinion.judged.claims.first().map_or("", |claim| claim.text.as_str());
    best.alternatives.insert(
        0,
        Alternative {
            category: verdict.category,
            target: verdict.target.clone(),
            confidence: verdict.confidence.min(MOST_OF_A_MODEL).min(best.confidence),
            summary: format!("{}: {summary}", opinion.by),
        },
    );
    best.alternatives.truncate(MOST_ALTERNATIVES);
}

/// Which way out it prefers, if that is not the first. It is said and not moved: the order is the engines'.
fn preference(best: &Diagnosis, opinion: &Opinion) -> String {
    let backed = &opinion.judged.backed;
    let has = |steps: &[Recommendation]| {
        let same = |one: &Recommendation, other: &Recommendation| one.action == other.action && one.parameters == other.parameters;
        backed.iter().all(|wanted| steps.iter().any(|step| same(step, wanted)))
    };
    let chosen = best.options.iter().position(|option| has(&option.recommendations));
    match chosen.filter(|at| *at > 0 && !backed.is_empty()) {
        Some(at) => format!("; of the ways out it prefers the {}th: {}", at + 1, best.options[at].title),
        None => String::new(),
    }
}

/// One more step that reads, with parameters of our own making, where there are steps at all.
fn collect(best: &mut Diagnosis, object: &ObjectRef, by: &str) {
    let Some(namespace) = &object.namespace else { return };
    if best.recommendations.is_empty() {
        return;
    }
    let kind = object.kind.to_lowercase();
    let there = |step: &Recommendation| step.action == "collect_diagnostics" && step.parameters.get(&kind) == Some(&json!(object.name));
    if best.recommendations.iter().any(there) {
        return;
    }
    let id = format!("mdl-{:03}", best.recommendations.len() + 1)
        .parse()
        .expect("letters, a hyphen and digits are a valid id");
    let parameters = [("namespace".to_owned(), json!(namespace)), (kind, json!(object.name))];
    let step = Recommendation {
        id,
        action: "collect_diagnostics".into(),
        description: format!("Keep what {object} shows"),
        confidence: best.confidence,
        parameters: parameters.into_iter().collect(),
        dependencies: Vec::new(),
        rationale: format!("{by} asked for it; it only reads"),
        risk: None,
        requires_approval: None,
    };
    if let Some(first) = best.options.first_mut() {
        first.recommendations.push(step.clone());
    }
    best.recommendations.push(step);
}

/// What the model looked up and rests on.
pub(super) fn cited(opinion: &Opinion) -> Vec<Evidence> {
    let used = |one: &&Evidence| opinion.judged.claims.iter().any(|claim| claim.evidence.contains(&one.id));
    opinion.looked_up.iter().filter(used).cloned().collect()
}

/// The opinion as further reasons of an inconclusive investigation.
pub(super) fn told(opinion: &Opinion) -> Vec<String> {
    let view = opinion.judged.verdict.as_ref().map_or_else(
        || "does not know".to_owned(),
        |verdict| format!("holds {} possible", cause(verdict)),
    );
    let claims = opinion.judged.claims.iter().map(|claim| {
        let ids: Vec<&str> = claim.evidence.iter().map(EvidenceId::as_str).collect();
        format!("{}: {} [{}]", opinion.by, claim.text, ids.join(", "))
    });
    std::iter::once(format!("model: {} {view}{}", opinion.by, losses(opinion)))
        .chain(claims)
        .collect()
}

fn cause(verdict: &Verdict) -> String {
    format!(
        "{} of {} ({:.0} %)",
        word(verdict.category),
        verdict.target,
        verdict.confidence * 100.0
    )
}

/// What was dropped, for people.
fn losses(opinion: &Opinion) -> String {
    let dropped = &opinion.judged.dropped;
    if dropped.is_empty() {
        return String::new();
    }
    let some: Vec<String> = dropped
        .iter()
        .take(3)
        .map(|one| format!("{} {}", one.what, one.why.says()))
        .collect();
    let more = match dropped.len() {
        4.. => format!(" and {} more", dropped.len() - 3),
        _ => String::new(),
    };
    format!("; dropped: {}{more}", some.join(", "))
}
