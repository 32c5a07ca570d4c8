//! Every cause that explains something, weighed against the others: the cause before its symptoms, the certain before the possible.

use paramedic_domain::{
    diagnosis::{Alternative, Category, Diagnosis, Factor},
    evidence::{Evidence, Source},
    object::ObjectRef,
};

use super::{
    afterwards::afterwards,
    engines::{self, Finding, Knobs, MIN_TELLABLE, confidence, roots::Root},
    facts::{Facts, file},
    injection,
    recommend::{self, Remedy},
    rules::{
        Candidate,
        candidates::candidates,
        influence::{Influence, key},
        remedy::remedy,
    },
    timeline::timeline,
};

/// A cause further up explains what is below it, if it is at least this certain.
const CERTAIN_CAUSE: f64 = 0.60;
/// What a cause loses against one further up that explains it.
const SYMPTOM: f64 = 0.20;
/// What a cause gains if the span that takes the time, or fails, is its own.
const TRACED: f64 = 0.10;
/// What is less certain than this is not worth mentioning beside the diagnosis.
const MIN_ALTERNATIVE: f64 = 0.25;
/// Most other causes that are mentioned.
const MOST_ALTERNATIVES: usize = 3;

/// One cause among others.
struct Contender<'c> {
    engine: String,
    category: Category,
    target: ObjectRef,
    summary: String,
    confidence: f64,
    /// The confidence, less what a cause further up takes.
    score: f64,
    found: Found<'c>,
}

enum Found<'c> {
    ByEngine(Box<Finding>),
    ByRule(Box<Candidate<'c>>),
}

/// What the contest came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Weighed {
    /// A cause that is certain enough to be told.
    Sure(Box<Diagnosis>),
    /// None is.
    Unsure {
        /// The most certain one, if anything applies at all.
        best: Option<Box<Diagnosis>>,
        /// What every engine looked at and why none of them is sure enough.
        reasons: Vec<String>,
    },
}

/// The most certain diagnosis.
///
/// # Errors
/// What every engine looked at and why none of them is sure enough.
pub fn diagnose(facts: &Facts, knobs: &Knobs) -> Result<Diagnosis, Vec<String>> {
    match weigh(facts, knobs) {
        Weighed::Sure(diagnosis) => Ok(*diagnosis),
        Weighed::Unsure { reasons, .. } => Err(reasons),
    }
}

/// The most certain cause, whether or not it is certain enough.
#[must_use]
pub fn weigh(facts: &Facts, knobs: &Knobs) -> Weighed {
    let mut reasons = Vec::new();
    let mut all: Vec<Contender<'_>> = Vec::new();
    match &facts.workload {
        None => reasons.push("no workload could be found from the alerts' labels".to_owned()),
        Some(workload) => {
            let (found, why_not) = engines::findings(facts, workload);
            reasons.extend(why_not);
            all.extend(found.into_iter().map(|(name, finding)| {
                let target = finding.root.as_ref().map_or(&workload.object, Root::target).clone();
                let weight: f64 = finding.factors.iter().map(|factor| factor.weight).sum();
                let confidence = confidence(facts, weight + traced(facts, &target));
                Contender {
                    engine: format!("rules/{name}"),
                    category: finding.category,
                    target,
                    summary: finding.summary.clone(),
                    confidence,
                    score: confidence,
                    found: Found::ByEngine(Box::new(finding)),
                }
            }));
        }
    }
    let (found, problems) = candidates(&knobs.rules, &facts.world, &facts.alerts);
    reasons.extend(problems);
    all.extend(found.into_iter().map(|candidate| {
        let confidence = confidence(facts, candidate.weight(facts.alerts.len()) + traced(facts, &candidate.target));
        Contender {
            engine: format!("rules/{}", candidate.rule.name),
            category: candidate.rule.category,
            target: candidate.target.clone(),
            summary: candidate.summary.clone(),
            confidence,
            score: confidence,
            found: Found::ByRule(Box::new(candidate)),
        }
    }));
    let influence = Influence::of(&facts.world);
    causes_before_symptoms(&influence, &mut all);
    all.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then_with(|| a.engine.cmp(&b.engine))
            .then_with(|| a.target.cmp(&b.target))
    });
    let sure = all.first().is_some_and(|best| best.confidence >= MIN_TELLABLE);
    if !sure {
        let unsure = all.iter().take(MOST_ALTERNATIVES + 3).map(|contender| {
            format!(
                "{}: possible ({}), but only {:.0} % certain",
                contender.engine.trim_start_matches("rules/"),
                contender.summary,
                contender.confidence * 100.0
            )
        });
        reasons.extend(unsure);
        reasons.extend(facts.missing.iter().map(|missing| format!("not available: {missing}")));
    }
    if all.is_empty() {
        return Weighed::Unsure { best: None, reasons };
    }
    let best = all.remove(0);
    let alternatives = all
        .iter()
        .filter(|other| other.confidence >= MIN_ALTERNATIVE)
        .filter(|other| other.category != best.category || !other.target.same_object(&best.target))
        .take(MOST_ALTERNATIVES)
        .map(|other| Alternative {
            category: other.category,
            target: other.target.clone(),
            confidence: other.confidence,
            summary: other.summary.clone(),
        })
        .collect();
    let best = Box::new(conclude(facts, knobs, &influence, best, alternatives));
    match sure {
        true => Weighed::Sure(best),
        false => Weighed::Unsure { best: Some(best), reasons },
    }
}

fn traced(facts: &Facts, target: &ObjectRef) -> f64 {
    facts.traced.within(target).map_or(0.0, |_| TRACED)
}

/// Takes from each cause what a certain one further up explains of it.
fn causes_before_symptoms(influence: &Influence, all: &mut [Contender<'_>]) {
    let reach: Vec<_> = all.iter().map(|contender| influence.reach(&contender.target)).collect();
    let below = |upper: usize, lower: usize| {
        let (up, low) = (key(&all[upper].target), key(&all[lower].target));
        up != low && reach[upper].contains_key(&low) && !reach[lower].contains_key(&up)
    };
    let symptoms: Vec<bool> = (0..all.len())
        .map(|lower| (0..all.len()).any(|upper| all[upper].confidence >= CERTAIN_CAUSE && below(upper, lower)))
        .collect();
    for (contender, symptom) in all.iter_mut().zip(symptoms) {
        if symptom {
            contender.score -= SYMPTOM;
        }
    }
}

fn conclude(facts: &Facts, knobs: &Knobs, influence: &Influence, best: Contender<'_>, alternatives: Vec<Alternative>) -> Diagnosis {
    let mut evidence = facts.evidence.clone();
    let (mut factors, chain, mut remedy, wrong_if) = match best.found {
        Found::ByEngine(finding) => {
            let workload = facts.workload.as_ref();
            let remedy = workload.map_or_else(Remedy::none, |workload| recommend::remedy(facts, workload, knobs, &finding));
            (finding.factors, finding.chain, remedy, String::new())
        }
        Found::ByRule(candidate) => {
            let factors = cited(facts, &mut evidence, &candidate);
            let remedy = remedy(&candidate, &knobs.rules.functions, &facts.world.snapshot);
            let remedy = remedy.unwrap_or_else(|problem| recommend::only_told(&candidate.summary, &candidate.rule.name, &problem));
            (factors, candidate.chain.clone(), remedy, candidate.rule.wrong_if.clone())
        }
    };
    let more = afterwards(facts, influence, &best.target, &remedy.criteria);
    remedy.criteria.extend(more);
    factors.extend(facts.traced.within(&best.target).map(|found| Factor {
        text: format!("in traces, {} of {}", found.what, found.service),
        weight: TRACED,
        evidence: vec![found.quote.file(facts.at, &mut evidence)],
    }));
    factors.extend(engines::misleading_alert(facts));
    factors.extend(injection::factors(facts, &mut evidence));
    let (moments, timeline_left_out) = timeline(facts, &best.target);
    let timeline = moments.into_iter().map(|moment| moment.told(facts.at, &mut evidence)).collect();
    Diagnosis {
        category: best.category,
        target: best.target,
        confidence: best.confidence,
        summary: best.summary,
        causal_chain: chain,
        factors,
        evidence,
        missing_sources: facts.missing.clone(),
        recommendations: remedy.recommendations,
        options: remedy.options,
        alternatives,
        wrong_if,
        timeline,
        timeline_left_out,
        criteria: remedy.criteria,
        engine: best.engine,
    }
}

/// The reasons of a candidate, with their evidence filed.
fn cited(facts: &Facts, evidence: &mut Vec<Evidence>, candidate: &Candidate<'_>) -> Vec<Factor> {
    let mut factors = Vec::new();
    for reason in &candidate.reasons {
        let ids = reason.quotes.iter().map(|quote| quote.file(facts.at, evidence));
        factors.push(Factor {
            weight: reason.weight,
            text: super::redact::redact(&reason.text),
            evidence: ids.collect(),
        });
    }
    let total: f64 = factors.iter().map(|factor| factor.weight).sum();
    let names: std::collections::BTreeSet<&str> = facts.alerts.iter().map(paramedic_domain::alert::Alert::name).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let id = file(
        evidence,
        facts.at,
        Source::Alertmanager,
        "the alerts of this incident".into(),
        &names.join(", "),
        Some((facts.alerts.len() as f64, "alerts")),
    );
    factors.push(Factor {
        weight: candidate.weight(facts.alerts.len()) - total,
        text: format!(
            "{} of {} alerts are about what a fault of {} reaches",
            candidate.explains,
            facts.alerts.len(),
            candidate.target
        ),
        evidence: vec![id],
    });
    factors
}
