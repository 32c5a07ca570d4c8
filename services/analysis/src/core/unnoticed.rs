//! What Alertmanager knows and the incident does not: other alerts of its namespaces, and the silences that hide them.

use std::collections::{BTreeMap, BTreeSet};

use paramedic_domain::{alert::Alert, evidence::Source};
use serde_json::Value;

use super::{
    read::{each, text, texts, time},
    subjects::Quote,
    timeline::{Moment, Telling, about},
};

/// Alerts of a name that the incident lacks, together.
struct Others<'a> {
    alerts: Vec<(&'a Value, Alert)>,
    silences: BTreeSet<&'a str>,
    inhibited: usize,
}

/// One moment for each name of alerts, and one for each silence that hides some; `queries` are how alerts and silences were asked for.
#[must_use]
pub fn moments(own: &[Alert], alerts: &Value, silences: &Value, (asked, asked_silences): (&str, &str)) -> Vec<Moment> {
    let known: BTreeSet<&str> = own.iter().map(|alert| alert.fingerprint.as_str()).collect();
    let same = |alert: &Alert| known.contains(alert.fingerprint.as_str()) || own.iter().any(|one| one.labels == alert.labels);
    let mut by: BTreeMap<String, Others<'_>> = BTreeMap::new();
    for value in alerts.as_array().into_iter().flatten() {
        let Some(alert) = read(value).filter(|alert| !same(alert)) else {
            continue;
        };
        let others = by.entry(alert.name().to_owned()).or_insert_with(|| Others {
            alerts: Vec::new(),
            silences: BTreeSet::new(),
            inhibited: 0,
        });
        others.silences.extend(each(value, "/status/silencedBy").filter_map(Value::as_str));
        others.inhibited += usize::from(each(value, "/status/inhibitedBy").next().is_some());
        others.alerts.push((value, alert));
    }
    let mut all: Vec<Moment> = by.iter().filter_map(|(name, others)| other(name, others, asked)).collect();
    for silence in silences.as_array().into_iter().flatten() {
        let id = text(silence, "/id");
        let hidden: Vec<&str> = by
            .iter()
            .filter(|(_, others)| others.silences.contains(id))
            .map(|(name, _)| name.as_str())
            .collect();
        all.extend(hides(silence, &hidden, asked_silences));
    }
    all
}

fn read(value: &Value) -> Option<Alert> {
    Some(Alert {
        fingerprint: text(value, "/fingerprint").to_owned(),
        status: paramedic_domain::alert::AlertStatus::Firing,
        labels: texts(value, "/labels"),
        annotations: texts(value, "/annotations"),
        starts_at: time(value, "/startsAt")?,
        ends_at: None,
        generator_url: String::new(),
        group_key: String::new(),
    })
}

fn other(name: &str, others: &Others<'_>, query: &str) -> Option<Moment> {
    let (_, first) = others.alerts.iter().min_by_key(|(_, alert)| alert.starts_at)?;
    let hidden = match (others.silences.is_empty(), others.inhibited) {
        (false, _) => ", silenced",
        (true, 1..) => ", inhibited",
        (true, 0) => "",
    };
    let count = others.alerts.len();
    let more = if count > 1 { format!(" ({count} of them)") } else { String::new() };
    let what = format!("alert {name} fires too{more}{hidden}; it is not in this incident");
    Some(Moment {
        at: first.starts_at,
        telling: Telling::Symptom,
        object: about(first),
        quote: Quote {
            source: Source::Alertmanager,
            query: query.to_owned(),
            excerpt: format!("{name} of {} since {}{more}{hidden}", about(first), first.starts_at),
            value: Some((count as f64, "alerts".into())),
        },
        what,
    })
}

fn hides(silence: &Value, hidden: &[&str], query: &str) -> Option<Moment> {
    if hidden.is_empty() {
        return None;
    }
    let at = time(silence, "/startsAt")?;
    let what = format!(
        "silence of {} hides {}: {}",
        text(silence, "/createdBy"),
        hidden.join(", "),
        text(silence, "/comment")
    );
    Some(Moment {
        at,
        telling: Telling::Turn,
        object: "Alertmanager".into(),
        quote: Quote {
            source: Source::Alertmanager,
            query: query.to_owned(),
            excerpt: format!("{what}, {} until {}", text(silence, "/id"), text(silence, "/endsAt")),
            value: None,
        },
        what,
    })
}
