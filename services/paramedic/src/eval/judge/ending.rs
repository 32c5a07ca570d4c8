//! What the verification looked at, and how the incident ended.

use paramedic_domain::verification::Verification;
use serde_json::{Value, json};

use super::{
    super::truth::{Phrase, Truth},
    Line, Seen,
    answer::Answer,
};
use crate::text;

/// Verification and end.
pub fn lines(truth: &Truth, seen: &Seen<'_>, answer: &Answer<'_>) -> Vec<Line> {
    let unchecked = unchecked(truth, answer.verification);
    vec![
        Line::in_parts("verification", 5, truth.verify.len(), unchecked),
        Line::all_or_nothing("outcome", 5, outcome(truth, seen, answer)),
    ]
}

fn unchecked(truth: &Truth, verification: Option<&Verification>) -> Vec<String> {
    let checks = |phrase: &Phrase| {
        let mut decisive = verification
            .into_iter()
            .flat_map(|v| &v.measurements)
            .filter(|m| m.criterion.decisive);
        decisive.any(|measured| {
            phrase.said_in(&measured.criterion.description) || words(&json!(measured.criterion.probe)).any(|word| phrase.said_in(word))
        })
    };
    let missing = truth.verify.iter().filter(|phrase| !checks(phrase));
    missing.map(|phrase| format!("no decisive criterion is about {phrase}")).collect()
}

/// Every text in a value.
fn words(value: &Value) -> Box<dyn Iterator<Item = &str> + '_> {
    match value {
        Value::String(text) => Box::new(std::iter::once(text.as_str())),
        Value::Array(all) => Box::new(all.iter().flat_map(words)),
        Value::Object(map) => Box::new(map.values().flat_map(words)),
        Value::Null | Value::Bool(_) | Value::Number(_) => Box::new(std::iter::empty()),
    }
}

fn outcome(truth: &Truth, seen: &Seen<'_>, answer: &Answer<'_>) -> Vec<String> {
    let Some(story) = answer.story else {
        return vec!["there is no incident".to_owned()];
    };
    let status = story.incident.status();
    let reason = story.incident.end.as_ref().map(|end| end.reason.as_str()).or(seen.given_up);
    if truth.expect.outcome.iter().any(|outcome| outcome.status() == Some(status)) {
        let unsaid = truth
            .expect
            .reason
            .iter()
            .filter(|phrase| !phrase.said_in(reason.unwrap_or_default()));
        return unsaid.map(|phrase| format!("its reason does not say {phrase}")).collect();
    }
    vec![format!(
        "{}: {}",
        text::word(&status),
        text::clean(reason.unwrap_or("it did not end"))
    )]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixtures::*;

    #[test]
    fn criteria_that_are_not_decisive_check_nothing() {
        let score = Case::good()
            .verified(|verification| verification["measurements"][0]["criterion"]["decisive"] = json!(false))
            .score();
        assert_eq!(points(&score, &["verification"]), [2]);
    }

    #[test]
    fn a_criterion_may_say_it_in_its_query() {
        let score = Case::good()
            .verified(|verification| verification["measurements"][0]["criterion"]["description"] = json!("all is well"))
            .score();
        assert_eq!(points(&score, &["verification"]), [5]);
    }

    #[test]
    fn without_a_verification_nothing_was_checked() {
        let score = Case::good().without("verification_passed").score();
        assert_eq!(points(&score, &["verification", "outcome"]), [0, 5]);
    }

    #[test]
    fn an_end_that_does_not_say_why_costs_the_outcome() {
        let why_ended = |says: &str| Case::good().truth("reason", json!([says])).score();
        assert_eq!(points(&why_ended("it HOLDS"), &["outcome"]), [5]);
        assert_eq!(points(&why_ended("ValidatingAdmissionPolicy"), &["outcome"]), [0]);
    }

    #[test]
    fn another_end_and_none_at_all_cost_the_outcome() {
        let escalated = Case::good().truth("outcome", json!(["escalated"])).score();
        assert_eq!(points(&escalated, &["outcome"]), [0]);
        assert!(why(&escalated, "outcome").contains("resolved: it holds"));
        let open = Case {
            given_up: Some("nothing happened for an hour"),
            ..Case::good().without("incident_resolved")
        };
        assert!(why(&open.score(), "outcome").contains("nothing happened for an hour"));
    }
}
