//! Checks a set of recommendations before anything is prepared. Every refusal names what it is about.

use std::collections::{BTreeMap, BTreeSet};

use paramedic_domain::{
    id::StepId,
    plan::{Recommendation, Refusal},
};

use super::{catalogue::Catalogue, graph::Graph, rules::Rules};

/// A set that cannot become a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Unsound {
    /// Every reason that can be found without preparing a change; never empty.
    pub refusals: Vec<Refusal>,
    /// Recommendations that can be prepared nevertheless, to learn what else is wrong; in an order that respects the
    /// dependencies where they have one.
    pub preparable: Vec<StepId>,
}

/// Checks ids, dependencies, actions, size and shape. Parameters are the executor's to judge, and a preparation that it
/// refuses is named in the same way.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn validate(recommendations: &[Recommendation], rules: &Rules, catalogue: &Catalogue) -> Result<Graph, Unsound> {
    let mut refusals = whole_set(recommendations, rules);
    let sized = refusals.is_empty();
    let known: BTreeSet<&StepId> = recommendations.iter().map(|r| &r.id).collect();
    let mut count: BTreeMap<&StepId, usize> = BTreeMap::new();
    for recommendation in recommendations {
        *count.entry(&recommendation.id).or_default() += 1;
        one(recommendation, &known, &mut refusals);
        refusals.extend(catalogue.unknown(recommendation));
    }
    for (id, count) in count.iter().filter(|(_, count)| **count > 1) {
        refusals.push(about(
            id,
            format!("id {id} is used {count} times; every recommendation needs its own"),
        ));
    }
    let edges: Vec<_> = recommendations
        .iter()
        .map(|r| (r.id.clone(), r.dependencies.iter().filter(|id| **id != r.id).cloned().collect()))
        .collect();
    let graph = Graph::new(&edges);
    match &graph {
        Ok(graph) => {
            let depth = graph.levels().len();
            if depth > rules.max_depth {
                refusals.push(set(format!(
                    "the longest chain has {depth} steps, at most {} are allowed: split the work",
                    rules.max_depth
                )));
            }
        }
        Err(cycle) => refusals.push(Refusal {
            step: cycle.0.first().map(ToString::to_string),
            reason: format!("dependency cycle {cycle}: each waits for the next, so none could start"),
        }),
    }
    match graph {
        Ok(graph) if refusals.is_empty() => Ok(graph),
        graph => {
            let good = |id: &StepId| {
                let mut named = recommendations.iter().filter(|r| r.id == *id);
                matches!((named.next(), named.next()), (Some(only), None) if catalogue.unknown(only).is_none())
            };
            let order = graph.map_or_else(|_| recommendations.iter().map(|r| r.id.clone()).collect(), |graph| graph.order());
            Err(Unsound {
                refusals,
                preparable: if sized {
                    order.into_iter().filter(good).collect()
                } else {
                    Vec::new()
                },
            })
        }
    }
}

fn whole_set(recommendations: &[Recommendation], rules: &Rules) -> Vec<Refusal> {
    match recommendations.len() {
        0 => vec![set("there is no recommendation, so there is nothing to plan".into())],
        n if n > rules.max_steps => vec![set(format!("{n} steps, at most {} are allowed: split the work", rules.max_steps))],
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
