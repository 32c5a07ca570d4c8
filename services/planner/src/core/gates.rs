//! Where people are asked: as few questions as possible, each before the first change it is about.

use std::collections::BTreeMap;

use paramedic_domain::{id::StepId, terms::Terms};

use super::{graph::Graph, merge::Group};

/// Why and how one step asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Why.
    pub reason: String,
    /// Of whom, and how.
    pub terms: Terms,
}

/// One question before it has an id and a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The steps it holds, in running order; the first is the one that must not start before the answer.
    pub steps: Vec<StepId>,
    /// Why, one sentence for each asking step.
    pub reasons: Vec<String>,
    /// Whatever one of them demands.
    pub terms: Terms,
}

/// Places the questions. A carrier asks for everything it carries. A step whose change is known and that comes after an
/// asking step joins that step's question: one digest, one page, since nobody would approve the second alone.
#[must_use]
pub fn place(graph: &Graph, groups: &[Group], asks: &BTreeMap<StepId, Ask>) -> Vec<Question> {
    let mut questions: Vec<Question> = Vec::new();
    for id in graph.order() {
        let Some(ask) = asks.get(&id) else { continue };
        let ancestors = graph.ancestors(&id);
        let joined = questions
            .iter()
            .position(|question| question.steps.iter().any(|step| ancestors.contains(step)));
        let at = joined.unwrap_or_else(|| {
            questions.push(Question {
                steps: Vec::new(),
                reasons: Vec::new(),
                terms: ask.terms.clone(),
            });
            questions.len() - 1
        });
        let question = &mut questions[at];
        question.terms = question.terms.clone().and(ask.terms.clone());
        question.reasons.push(format!("{id}: {}", ask.reason));
        question.steps.push(id.clone());
        if let Some(group) = groups.iter().find(|group| group.carrier == id) {
            question.steps.extend(group.carried.iter().cloned());
        }
    }
    let order = graph.order();
    for question in &mut questions {
        question.steps.sort_by_key(|id| order.iter().position(|other| other == id));
    }
    questions
}
