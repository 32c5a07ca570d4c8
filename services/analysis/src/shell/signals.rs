//! Which of the alerts Prometheus itself shows as firing: their end can be measured.

use std::collections::BTreeSet;

use super::probes::Probes;
use crate::core::facts::Facts;

/// Labels of the series that its alert does not have.
const OWN: [&str; 2] = ["__name__", "alertstate"];

/// Asks Prometheus for the alerts that fire. Alerts of other sources are not there, which is no missing source.
pub(super) async fn signals(probes: &Probes, facts: &mut Facts) {
    let Some(prometheus) = &probes.prometheus else { return };
    let names: BTreeSet<&str> = facts.alerts.iter().map(|alert| alert.name()).filter(|name| is_name(name)).collect();
    if names.is_empty() {
        return;
    }
    let names: Vec<&str> = names.into_iter().collect();
    let query = format!("ALERTS{{alertstate=\"firing\",alertname=~\"{}\"}}", names.join("|"));
    let answers = match prometheus.instant(&query, facts.at).await {
        Ok(answers) => answers,
        Err(problem) => {
            facts.missing.push(format!("prometheus: {problem}"));
            return;
        }
    };
    let shown = |alert: &paramedic_domain::alert::Alert| {
        answers.iter().any(|answer| {
            let mut labels = answer.labels.iter().filter(|(key, _)| !OWN.contains(&key.as_str()));
            labels.all(|(key, value)| alert.label(key) == value)
        })
    };
    let firing = facts.alerts.iter().filter(|alert| shown(alert));
    facts.firing = firing.map(|alert| alert.fingerprint.clone()).collect();
}

/// Only what can be an alert's name goes into the query: the text comes from alerts.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-' || b == b' ')
}
