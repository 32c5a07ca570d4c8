//! A model's opinion by itself, as evaluations judge it: the engines give no diagnosis, and all that it has from them is the ways out that
//! it may choose from.

use paramedic_domain::{
    diagnosis::{Diagnosis, Factor},
    plan::Recommendation,
};

use super::{
    judge::Verdict,
    reconcile::{Opinion, cited, told},
};
use crate::core::{contest::Weighed, decide::Conclusion, facts::Facts};

/// The diagnosis of the model alone; inconclusive where it has no opinion that counts.
#[must_use]
pub fn by_itself(facts: &Facts, weighed: Weighed, opinion: &Opinion) -> Conclusion {
    let best = match weighed {
        Weighed::Sure(best) => Some(*best),
        Weighed::Unsure { best, .. } => best.map(|best| *best),
    };
    let mut evidence = best.as_ref().map_or_else(|| facts.evidence.clone(), |best| best.evidence.clone());
    evidence.extend(cited(opinion));
    let Some(Verdict {
        category,
        target,
        confidence,
    }) = opinion.judged.verdict.clone()
    else {
        return Conclusion::Inconclusive {
            reasons: told(opinion),
            evidence,
        };
    };
    let claims = &opinion.judged.claims;
    let share = confidence / claims.len().max(1) as f64;
    let texts: Vec<String> = claims.iter().map(|claim| claim.text.clone()).collect();
    Conclusion::Found(Box::new(Diagnosis {
        category,
        target,
        confidence,
        summary: texts.first().cloned().unwrap_or_default(),
        causal_chain: texts,
        factors: claims
            .iter()
            .map(|claim| Factor {
                text: claim.text.clone(),
                weight: share,
                evidence: claim.evidence.clone(),
            })
            .collect(),
        evidence,
        missing_sources: facts.missing.clone(),
        recommendations: best.as_ref().map_or_else(Vec::new, |best| chosen(best, &opinion.judged.backed)),
        options: Vec::new(),
        alternatives: Vec::new(),
        wrong_if: String::new(),
        timeline: best.as_ref().map_or_else(Vec::new, |best| best.timeline.clone()),
        timeline_left_out: best.as_ref().map_or(0, |best| best.timeline_left_out),
        criteria: best.map_or_else(Vec::new, |best| best.criteria),
        engine: opinion.by.clone(),
    }))
}

/// The engines' first way out that has every step that the model recommends; none where it recommends none.
fn chosen(best: &Diagnosis, backed: &[Recommendation]) -> Vec<Recommendation> {
    if backed.is_empty() {
        return Vec::new();
    }
    let same = |one: &Recommendation, other: &Recommendation| one.action == other.action && one.parameters == other.parameters;
    let options = best.options.iter().map(|option| &option.recommendations);
    let mut ways = std::iter::once(&best.recommendations).chain(options);
    let fits = |way: &&Vec<Recommendation>| backed.iter().all(|wanted| way.iter().any(|step| same(step, wanted)));
    ways.find(fits).cloned().unwrap_or_default()
}
