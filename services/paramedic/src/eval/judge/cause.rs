//! The target and the alerts around it, the category and how sure it is.

use paramedic_domain::diagnosis::Diagnosis;

use super::{
    super::truth::{Target, Truth},
    Line,
    answer::{Answer, has},
};
use crate::text;

/// Target, alerts, category, confidence.
pub fn lines(truth: &Truth, answer: &Answer<'_>) -> Vec<Line> {
    let target = wrong_target(truth, answer.diagnosis);
    let mut category = wrong_category(truth, answer.diagnosis);
    let mut confidence = confidence(truth, answer.diagnosis);
    let mut alerts = alerts(truth, answer);
    // Whoever blames the wrong thing has understood nothing of it.
    for why in [&mut alerts, &mut category, &mut confidence] {
        if why.is_empty() && !target.is_empty() {
            why.push("the target is wrong".to_owned());
        }
    }
    vec![
        Line::all_or_nothing("target", 15, target),
        Line::all_or_nothing("alerts", 5, alerts),
        Line::all_or_nothing("category", 7, category),
        Line::all_or_nothing("confidence", 3, confidence),
    ]
}

/// Whether target and category are among those expected.
pub fn correct(truth: &Truth, answer: &Answer<'_>) -> bool {
    wrong_target(truth, answer.diagnosis).is_empty() && wrong_category(truth, answer.diagnosis).is_empty()
}

fn nothing_found() -> Vec<String> {
    vec!["no diagnosis was reached".to_owned()]
}

fn wrong_target(truth: &Truth, diagnosis: Option<&Diagnosis>) -> Vec<String> {
    let Some(diagnosis) = diagnosis else { return nothing_found() };
    let found = &diagnosis.target;
    let is = |target: &Target| {
        let namespace = target.namespace.is_none() || target.namespace == found.namespace;
        namespace && target.kind == found.kind && target.name == found.name
    };
    if truth.expect.target.iter().any(is) {
        return Vec::new();
    }
    let wanted: Vec<String> = truth.expect.target.iter().map(name).collect();
    vec![format!("{found} instead of {}", wanted.join(" or "))]
}

fn name(target: &Target) -> String {
    match &target.namespace {
        Some(namespace) => format!("{} {namespace}/{}", target.kind, target.name),
        None => format!("{} {}", target.kind, target.name),
    }
}

fn wrong_category(truth: &Truth, diagnosis: Option<&Diagnosis>) -> Vec<String> {
    let Some(diagnosis) = diagnosis else { return nothing_found() };
    if truth.expect.category.contains(&diagnosis.category) {
        return Vec::new();
    }
    let wanted: Vec<String> = truth.expect.category.iter().map(text::word).collect();
    vec![format!("{} instead of {}", text::word(&diagnosis.category), wanted.join(" or "))]
}

fn confidence(truth: &Truth, diagnosis: Option<&Diagnosis>) -> Vec<String> {
    let Some(diagnosis) = diagnosis else { return nothing_found() };
    let (found, wanted) = (diagnosis.confidence, &truth.expect.confidence);
    let mut why = Vec::new();
    if let Some(least) = wanted.at_least.filter(|least| found < *least) {
        why.push(format!("{found:.2} is less than {least:.2}"));
    }
    if let Some(most) = wanted.at_most.filter(|most| found > *most) {
        why.push(format!("{found:.2} is more than {most:.2}"));
    }
    why
}

fn alerts(truth: &Truth, answer: &Answer<'_>) -> Vec<String> {
    let Some(story) = answer.story else { return nothing_found() };
    let all = &story.incident.alerts;
    let mut why = Vec::new();
    if let Some(wanted) = &truth.expect.alerts {
        let there = all.values().filter(|alert| wanted.of.is_empty() || has(alert, &wanted.of)).count();
        if there < wanted.at_least {
            why.push(format!(
                "{there} alerts are in the incident, at least {} belong to it",
                wanted.at_least
            ));
        }
    }
    let strangers = all.values().filter(|alert| has(alert, &truth.expect.out));
    why.extend(strangers.map(|alert| {
        let name = alert.labels.get("alertname").unwrap_or(&alert.fingerprint);
        format!("{name} does not belong to the incident")
    }));
    why
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixtures::*;

    #[test]
    fn a_wrong_target_is_worth_neither_target_nor_category() {
        let score = Case::good()
            .diagnosed(|diagnosis| diagnosis["target"]["name"] = json!("cart"))
            .score();
        assert_eq!(points(&score, &["target", "alerts", "category", "confidence"]), [0, 0, 0, 0]);
        assert!(why(&score, "target").contains("Deployment shop/cart instead of Deployment shop/checkout"));
    }

    #[test]
    fn the_same_name_in_another_namespace_is_another_target() {
        let score = Case::good()
            .diagnosed(|diagnosis| diagnosis["target"]["namespace"] = json!("staging"))
            .score();
        assert_eq!(points(&score, &["target"]), [0]);
    }

    #[test]
    fn a_wrong_category_costs_only_the_category() {
        let score = Case::good().diagnosed(|diagnosis| diagnosis["category"] = json!("dns")).score();
        assert_eq!(points(&score, &["target", "category", "confidence"]), [15, 0, 3]);
    }

    #[test]
    fn confidence_has_two_bounds() {
        for (confidence, worth) in [(0.59, 0), (0.6, 3), (0.95, 3), (0.96, 0)] {
            let score = Case::good()
                .diagnosed(|diagnosis| diagnosis["confidence"] = json!(confidence))
                .score();
            assert_eq!(points(&score, &["confidence", "category"]), [worth, 7], "{confidence}");
        }
    }

    #[test]
    fn alerts_that_miss_and_alerts_that_are_too_many_cost_their_points() {
        let few = Case::good().truth("alerts", json!({"at_least": 3, "of": ["KubePod.*"]})).score();
        assert_eq!(points(&few, &["target", "alerts"]), [15, 0]);
        assert!(why(&few, "alerts").contains("2 alerts are in the incident"));
        let strange = Case::good().truth("out", json!(["checkout-2"])).score();
        assert_eq!(points(&strange, &["alerts"]), [0]);
    }

    #[test]
    fn no_diagnosis_is_worth_nothing_here() {
        let score = Case::good().without("diagnosis_reached").score();
        assert_eq!(
            points(&score, &["target", "category", "confidence", "evidence", "required evidence"]),
            [0; 5]
        );
    }
}
