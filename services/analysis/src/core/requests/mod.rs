//! What somebody asks for, against what there is: nothing is investigated, but whether and how it can be done is looked at.

pub mod outside;
mod release;

use paramedic_domain::{
    diagnosis::{Category, Diagnosis, Factor},
    object::ObjectRef,
    request::ChangeRequest,
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

/// A release that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The workload.
    pub target: &'a ObjectRef,
    /// The container that is named, if one is.
    pub container: Option<&'a str>,
    /// The image.
    pub image: &'a str,
}

/// What can be done about a release in its `attempt`th round; `object` is its target, if it exists. Later rounds come when what was done
/// in the one before did not prove itself.
#[must_use]
pub fn conclude(facts: &Facts, object: Option<&Value>, request: &ChangeRequest, wanted: Wanted<'_>, attempt: u32) -> Conclusion {
    let Wanted { target, container, image } = wanted;
    let (Some(object), Some(workload)) = (object, &facts.workload) else {
        return refused(facts, format!("{target} does not exist"));
    };
    let found = match attempt {
        0 | 1 => release::forward(facts, object, workload, container, image),
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
