//! An incident began.

use paramedic_domain::{
    alert::{Alert, Severity},
    incident::Incident,
};

use super::Draft;
use crate::core::{
    message::{Block, Tone, facts},
    words,
};

/// Alerts shown in full; the rest is counted.
const SHOWN: usize = 10;
/// Labels that say where an alert is, in the order people look for them.
const PLACES: [&str; 8] = [
    "namespace",
    "deployment",
    "statefulset",
    "pod",
    "container",
    "service",
    "node",
    "persistentvolumeclaim",
];

pub(super) fn opened(incident: &Incident, alerts: &[Alert]) -> Draft {
    let tone = if incident.severity == Severity::Critical {
        Tone::Bad
    } else {
        Tone::Info
    };
    let rows = alerts.iter().take(SHOWN).map(row).collect();
    let left = alerts.len().saturating_sub(SHOWN);
    let title = match &incident.request {
        Some(_) => format!("Request: {}", incident.title),
        None => format!("Incident: {}", incident.title),
    };
    let table = (!alerts.is_empty()).then(|| Block::Table {
        title: words::count(alerts.len(), "alert"),
        header: ["Alert", "Severity", "Where", "Says"].map(str::to_owned).into(),
        rows,
    });
    Draft::new(tone, title)
        .with(facts([
            ("Severity", words::severity(incident.severity).to_owned()),
            (
                "Priority",
                incident.priority.map(|priority| priority.word().to_owned()).unwrap_or_default(),
            ),
            ("Environment", incident.environment.clone()),
            ("Team", incident.team.clone()),
            ("Cluster", incident.cluster.to_string()),
            ("Incident", incident.id.to_string()),
            (
                "Began",
                alerts
                    .iter()
                    .map(|alert| alert.starts_at)
                    .min()
                    .map(words::time)
                    .unwrap_or_default(),
            ),
            (
                "Next",
                "evidence is being collected; nothing is changed without the approval that policy asks for".into(),
            ),
        ]))
        .with(table)
        .with((left > 0).then(|| crate::core::message::paragraph(format!("{left} more alerts are in the incident"))))
}

fn row(alert: &Alert) -> Vec<String> {
    let places: Vec<String> = PLACES
        .iter()
        .filter(|name| !alert.label(name).is_empty())
        .map(|name| format!("{name}={}", alert.label(name)))
        .collect();
    let says = ["summary", "description", "message"]
        .iter()
        .find_map(|name| alert.annotations.get(*name))
        .map_or("", String::as_str);
    vec![
        words::cut(alert.name(), 80),
        words::severity(alert.severity()).to_owned(),
        words::cut(&places.join(" "), 200),
        words::cut(says, 300),
    ]
}
