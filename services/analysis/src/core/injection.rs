//! Text that reads like an order to whoever investigates. It is reported, and changes nothing.

use paramedic_domain::{
    diagnosis::Factor,
    evidence::{Evidence, Source},
};

use super::{
    delivery::{Delivery, commits::Commit},
    facts::{Facts, file},
};

/// Phrases that address a reader, or forge a decision; no program writes them by itself.
const PHRASES: [&str; 18] = [
    "ignore previous instructions",
    "ignore all previous",
    "ignore the above",
    "disregard previous",
    "disregard the above",
    "system prompt",
    "you are an ai",
    "you are now",
    "as an ai",
    "human review completed",
    "human review done",
    "human has approved",
    "pre-approved",
    "approval not required",
    "no approval needed",
    "skip approval",
    "cordon and drain",
    "run the following command",
];
/// Most findings that are reported.
const MOST: usize = 5;

/// One reason without weight for each text that gives orders.
pub(super) fn factors(facts: &Facts, evidence: &mut Vec<Evidence>) -> Vec<Factor> {
    let mut found: Vec<(Source, String, String)> = Vec::new();
    for alert in &facts.alerts {
        for (key, value) in alert.labels.iter().chain(&alert.annotations) {
            found.extend(order(value).map(|text| (Source::Alertmanager, format!("{key} of alert {}", alert.name()), text)));
        }
    }
    for (namespace, listing) in &facts.world.listings {
        for (name, data) in &listing.config_maps {
            for (key, value) in data {
                let place = format!("/api/v1/namespaces/{namespace}/configmaps/{name} key {key}");
                found.extend(order(value).map(|text| (Source::Kubernetes, place, text)));
            }
        }
    }
    for said in &facts.world.said {
        found.extend(order(&said.text).map(|text| (Source::Loki, said.query.clone(), text)));
    }
    for said in &facts.world.answers {
        found.extend(order(&said.answer.text).map(|text| (Source::Mcp, said.query.clone(), text)));
    }
    let delivered = facts.world.deliveries.iter().map(Delivery::quote);
    let committed = facts.world.commits.iter().map(Commit::quote);
    let told = facts.world.told.iter().flat_map(|told| told.quotes.iter().cloned());
    for quote in delivered.chain(committed).chain(told) {
        found.extend(order(&quote.excerpt).map(|text| (quote.source, quote.query, text)));
    }
    for pod in facts.world.snapshot.of("Pod") {
        let name = super::read::text(pod, "/metadata/name");
        for (key, value) in super::read::texts(pod, "/metadata/annotations") {
            found.extend(order(&value).map(|text| (Source::Kubernetes, format!("annotation {key} of pod {name}"), text)));
        }
    }
    found.truncate(MOST);
    found
        .into_iter()
        .map(|(source, place, text)| Factor {
            weight: 0.0,
            text: format!("{place} reads like an instruction to whoever investigates; it is quoted as data and was not followed"),
            evidence: vec![file(evidence, facts.at, source, place.clone(), &text, None)],
        })
        .collect()
}

/// The text around a phrase that gives orders, if there is one.
pub(super) fn order(text: &str) -> Option<String> {
    let small = text.to_lowercase();
    PHRASES
        .iter()
        .any(|phrase| small.contains(phrase))
        .then(|| text.chars().take(300).collect())
}
