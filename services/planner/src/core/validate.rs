//! Checks a set of recommendations before anything is prepared. Every refusal names what it is about.

use std::collections::{BTreeMap, BTreeSet};

use paramedic_domain::{
    id::StepId,
    plan::{Recommendation, Refusal},
};

use super::graph::Graph;

/// Most steps of one plan: what a person can still read in an approval message.
pub const MAX_STEPS: usize = 50;
/// Longest chain of one plan: beyond it the first measurements are stale before the last step runs.
pub const MAX_DEPTH: usize = 20;

/// Checks ids, dependencies, size and shape. Actions and their parameters are the executor's to judge: it knows their other
/// names, and a preparation that it refuses is named in the same way.
///
/// # Errors
/// Every reason that can be found without preparing a change; never empty.
pub fn validate(recommendations: &[Recommendation]) -> Result<Graph, Vec<Refusal>> {
    let mut refusals = whole_set(recommendations);
    let known: BTreeSet<&StepId> = recommendations.iter().map(|r| &r.id).collect();
    let mut seen: BTreeMap<&StepId, usize> = BTreeMap::new();
    for recommendation in recommendations {
        *seen.entry(&recommendation.id).or_default() += 1;
        one(recommendation, &known, &mut refusals);
    }
    for (id, count) in seen.into_iter().filter(|(_, count)| *count > 1) {
        refusals.push(about(
            id,
            format!("id {id} is used {count} times; every recommendation needs its own"),
        ));
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let steps: Vec<_> = recommendations.iter().map(|r| (r.id.clone(), r.dependencies.clone())).collect();
    let graph = Graph::new(&steps).map_err(|cycle| {
        vec![Refusal {
            step: cycle.0.first().map(ToString::to_string),
            reason: format!("dependency cycle {cycle}: each waits for the next, so none could start"),
        }]
    })?;
    let depth = graph.levels().len();
    if depth > MAX_DEPTH {
        return Err(vec![set(format!(
            "the longest chain has {depth} steps, at most {MAX_DEPTH} are allowed: split the work"
        ))]);
    }
    Ok(graph)
}

fn whole_set(recommendations: &[Recommendation]) -> Vec<Refusal> {
    match recommendations.len() {
        0 => vec![set("there is no recommendation, so there is nothing to plan".into())],
        n if n > MAX_STEPS => vec![set(format!("{n} steps, at most {MAX_STEPS} are allowed: split the work"))],
        _ => Vec::new(),
    }
}

fn one(recommendation: &Recommendation, known: &BTreeSet<&StepId>, refusals: &mut Vec<Refusal>) {
    let id = &recommendation.id;
    let confidence = recommendation.confidence;
    if !(0.0..=1.0).contains(&confidence) {
        refusals.push(about(id, format!("confidence {confidence} is not between 0 and 1")));
    }
    for dependency in &recommendation.dependencies {
        if dependency == id {
            refusals.push(about(id, format!("dependency cycle {id} -> {id}: it waits for itself")));
        } else if !known.contains(dependency) {
            refusals.push(about(id, format!("unknown dependency {dependency}: no recommendation has that id")));
        }
    }
}

fn about(id: &StepId, reason: String) -> Refusal {
    Refusal {
        step: Some(id.to_string()),
        reason,
    }
}

fn set(reason: String) -> Refusal {
    Refusal { step: None, reason }
}
