//! Requests about things outside of the cluster. Nothing is looked at here: what there is, the executor sees when it prepares the change,
//! and people see it before they decide.

use jiff::Timestamp;
use paramedic_domain::{
    diagnosis::{Category, Diagnosis, Factor},
    evidence::Source,
    request::ChangeRequest,
};

use super::ENGINE;
use crate::core::{
    decide::Conclusion,
    engines::confidence,
    facts::Facts,
    recommend::{Remedy, outside},
};

/// What is asked for, as its own diagnosis: it holds for what it is, since somebody with credentials says so.
const WEIGHT: f64 = 0.95;

/// A module is to be as it is described. What was applied and did not prove itself is not tried again.
#[must_use]
pub fn module(request: &ChangeRequest, module: &str, attempt: u32, now: Timestamp) -> Conclusion {
    if attempt > 1 {
        let reason = format!("the plan of module {module} was applied and did not prove itself; what comes next is for people to say");
        return Conclusion::Inconclusive {
            reasons: vec![reason],
            evidence: Vec::new(),
        };
    }
    let wrong_if = "another plan after the apply still shows a change".into();
    found(request, Category::ChangeRequest, outside::module(module), wrong_if, now)
}

/// Somebody wants to know what an account cost.
#[must_use]
pub fn costs(request: &ChangeRequest, account: &str, month: &str, now: Timestamp) -> Conclusion {
    let wrong_if = "the services do not add up to the total, or the credentials are of another account".into();
    found(request, Category::Cost, outside::costs(account, month), wrong_if, now)
}

fn found(request: &ChangeRequest, category: Category, remedy: Remedy, wrong_if: String, now: Timestamp) -> Conclusion {
    let mut facts = Facts::new(now, Vec::new());
    let asked = facts.cite(
        Source::Request,
        format!("request {}", request.id),
        format!("{} asks: {}", request.by, request.what),
        None,
    );
    Conclusion::Found(Box::new(Diagnosis {
        category,
        target: request.what.target(),
        confidence: confidence(&facts, WEIGHT),
        summary: format!("{} (request {} of {})", request.what, request.id, request.by),
        causal_chain: vec![format!("{} asks: {}", request.by, request.what)],
        factors: vec![Factor {
            text: format!("it is asked for by {}", request.by),
            weight: WEIGHT,
            evidence: vec![asked],
        }],
        evidence: facts.evidence,
        missing_sources: Vec::new(),
        recommendations: remedy.recommendations,
        options: remedy.options,
        criteria: remedy.criteria,
        engine: ENGINE.into(),
        alternatives: Vec::new(),
        timeline: Vec::new(),
        timeline_left_out: 0,
        wrong_if,
    }))
}
