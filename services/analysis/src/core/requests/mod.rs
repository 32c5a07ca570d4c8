//! What somebody asks for, against what there is: nothing is investigated, but whether and how it can be done is looked at.

mod release;

use paramedic_domain::{
    diagnosis::{Category, Diagnosis, Factor},
    request::{ChangeRequest, What},
};
use serde_json::Value;

use super::{
    decide::Conclusion,
    engines::confidence,
    facts::{Facts, Workload},
    recommend::Remedy,
};

/// What the diagnosis of a request is made by.
pub const ENGINE: &str = "request";

/// What can be done about a request in its `attempt`th round; `object` is its target, if it exists. Later rounds come when what was done
/// in the one before did not prove itself.
#[must_use]
pub fn conclude(facts: &Facts, object: Option<&Value>, request: &ChangeRequest, attempt: u32) -> Conclusion {
    let What::SetImage { target, container, image } = &request.what;
    let (Some(object), Some(workload)) = (object, &facts.workload) else {
        return refused(facts, format!("{target} does not exist"));
    };
    let found = match attempt {
        0 | 1 => release::forward(facts, object, workload, container.as_deref(), image),
        _ => release::back(facts, object, workload, image),
    };
    match found {
        Ok(found) => Conclusion::Found(Box::new(diagnosis(facts, workload, request, found))),
        Err(reason) => refused(facts, reason),
    }
}

fn refused(facts: &Facts, reason: String) -> Conclusion {
    Conclusion::Inconclusive {
        reasons: vec![reason],
        evidence: facts.evidence.clone(),
    }
}

/// What was found out about a request.
struct Found {
    summary: String,
    chain: Vec<String>,
    factors: Vec<Factor>,
    remedy: Remedy,
    wrong_if: String,
}

fn diagnosis(facts: &Facts, workload: &Workload, request: &ChangeRequest, found: Found) -> Diagnosis {
    let weight = found.factors.iter().map(|factor| factor.weight).sum();
    Diagnosis {
        category: Category::ChangeRequest,
        target: workload.object.clone(),
        confidence: confidence(facts, weight),
        summary: format!("{} (request {} of {})", found.summary, request.id, request.by),
        causal_chain: found.chain,
        factors: found.factors,
        evidence: facts.evidence.clone(),
        missing_sources: facts.missing.clone(),
        recommendations: found.remedy.recommendations,
        options: found.remedy.options,
        criteria: found.remedy.criteria,
        engine: ENGINE.into(),
        alternatives: Vec::new(),
        timeline: Vec::new(),
        timeline_left_out: 0,
        wrong_if: found.wrong_if,
    }
}

#[cfg(test)]
mod tests;
