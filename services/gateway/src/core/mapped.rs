//! Any JSON, read by pointers (RFC 6901) that the configuration gives.

use std::collections::BTreeMap;

use jiff::Timestamp;
use paramedic_domain::alert::{Alert, AlertStatus};
use serde::Deserialize;
use serde_json::Value;

use super::{
    body::{Chunks, Rejection},
    fields, identity,
    lenient::MAX_ELEMENTS,
    problems::{Problems, quoted},
    reading::{Group, Reading},
};

/// Largest body: unlike those of known forms it is held whole, at up to sixteen times its size.
const MAX_BYTES: usize = 4 << 20;

/// Where the parts of an alert are. Every pointer but `alerts` goes from the alert.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mapping {
    /// The list of alerts; empty: the body is the list, or the one alert.
    pub alerts: String,
    /// What becomes the label `alertname`.
    pub name: String,
    /// The status; empty: every alert fires.
    pub status: String,
    /// Values of the status that mean resolved, in any case.
    pub resolved: Vec<String>,
    /// Start: RFC 3339, or seconds or milliseconds since 1970; empty: the time of receipt.
    pub starts_at: String,
    /// End, in the same forms; empty: the time of receipt.
    pub ends_at: String,
    /// What the alert is known by; empty: its labels.
    pub id: String,
    /// What its group is known by; empty: its name and namespace.
    pub group: String,
    /// Pointers by label.
    pub labels: BTreeMap<String, String>,
    /// Pointers by annotation.
    pub annotations: BTreeMap<String, String>,
}

impl Mapping {
    /// The first pointer that is none, by its key.
    #[must_use]
    pub fn invalid_pointer(&self) -> Option<(String, String)> {
        let plain = [
            ("alerts", &self.alerts),
            ("name", &self.name),
            ("status", &self.status),
            ("starts_at", &self.starts_at),
            ("ends_at", &self.ends_at),
            ("id", &self.id),
            ("group", &self.group),
        ];
        let plain = plain.into_iter().map(|(key, pointer)| (key.to_owned(), pointer));
        let labels = self.labels.iter().map(|(name, pointer)| (format!("labels.{name}"), pointer));
        let annotations = self
            .annotations
            .iter()
            .map(|(name, pointer)| (format!("annotations.{name}"), pointer));
        plain
            .chain(labels)
            .chain(annotations)
            .find(|(_, pointer)| !pointer.is_empty() && !pointer.starts_with('/'))
            .map(|(key, pointer)| (key, pointer.clone()))
    }
}

/// Reads a body that came at `now`.
///
/// # Errors
/// When the alerts are not where the mapping says.
pub fn parse(body: Chunks, mapping: &Mapping, now: Timestamp) -> Result<Reading, Rejection> {
    if body.bytes() > MAX_BYTES {
        return Err(Rejection::Shape(format!(
            "the body has {} bytes, a mapped one may have {MAX_BYTES}",
            body.bytes()
        )));
    }
    let body: Value = body.read_json()?;
    let found = body.pointer(&mapping.alerts).ok_or_else(|| {
        Rejection::Shape(format!(
            "the body has nothing at {:?}, where the mapping says the alerts are",
            mapping.alerts
        ))
    })?;
    let alerts = match found {
        Value::Array(alerts) => alerts.as_slice(),
        one => std::slice::from_ref(one),
    };
    if alerts.len() > MAX_ELEMENTS {
        return Err(Rejection::Shape(format!(
            "{} alerts are more than the {MAX_ELEMENTS} that are accepted at once",
            alerts.len()
        )));
    }
    let mut problems = Problems::default();
    let mut groups: BTreeMap<String, Vec<Alert>> = BTreeMap::new();
    for (index, value) in alerts.iter().enumerate() {
        if let Some(alert) = read(&format!("alerts[{index}]"), value, mapping, now, &mut problems) {
            groups.entry(alert.group_key.clone()).or_default().push(alert);
        }
    }
    if !problems.is_empty() {
        return Ok(Reading::wrong(problems.sentences("")));
    }
    let group = |(key, alerts)| Group {
        key,
        whole: false,
        missing: None,
        alerts,
    };
    Ok(Reading {
        groups: groups.into_iter().map(group).collect(),
        problems: Vec::new(),
    })
}

fn read(path: &str, value: &Value, mapping: &Mapping, now: Timestamp, problems: &mut Problems) -> Option<Alert> {
    let at = |pointer: &String| (!pointer.is_empty()).then(|| value.pointer(pointer)).flatten();
    let texts = |pointers: &BTreeMap<String, String>| {
        let text = |(name, pointer): (&String, &String)| Some((name.clone(), at(pointer).and_then(scalar)?));
        pointers.iter().filter_map(text).collect::<BTreeMap<_, _>>()
    };
    let mut labels = texts(&mapping.labels);
    match at(&mapping.name).and_then(scalar) {
        Some(name) => {
            labels.insert("alertname".into(), name);
        }
        None => problems.add(format!(
            "{path} has no text at {:?}, where the mapping says its name is",
            mapping.name
        )),
    }
    let resolved = at(&mapping.status)
        .and_then(scalar)
        .is_some_and(|status| mapping.resolved.iter().any(|word| word.eq_ignore_ascii_case(&status)));
    let starts_at = time(path, at(&mapping.starts_at), &mapping.starts_at, now, problems);
    let ends_at = time(path, at(&mapping.ends_at), &mapping.ends_at, now, problems).map(Some);
    let identity = match at(&mapping.id).and_then(scalar) {
        Some(id) => BTreeMap::from([("id".to_owned(), id)]),
        None => labels.clone(),
    };
    let group_key = at(&mapping.group).and_then(scalar).unwrap_or_else(|| identity::group_key(&labels));
    let alert = Alert {
        fingerprint: identity::fingerprint(&identity),
        status: if resolved { AlertStatus::Resolved } else { AlertStatus::Firing },
        labels,
        annotations: texts(&mapping.annotations),
        starts_at: starts_at?,
        ends_at: ends_at?.filter(|_| resolved),
        generator_url: String::new(),
        group_key,
    };
    fields::bounded(format_args!("{path}"), alert, problems)
}

/// A value that is a text already, or has an obvious one.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::String(_) | Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn time(path: &str, value: Option<&Value>, pointer: &str, now: Timestamp, problems: &mut Problems) -> Option<Timestamp> {
    /// Seconds below this are before the year 5138, milliseconds above it after 1973.
    const MILLISECONDS: i64 = 100_000_000_000;
    let Some(value) = value else { return Some(now) };
    let read = match value {
        Value::Null => return Some(now),
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_i64().and_then(|number| {
            if number.abs() < MILLISECONDS {
                Timestamp::from_second(number).ok()
            } else {
                Timestamp::from_millisecond(number).ok()
            }
        }),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    if read.is_none() {
        problems.add(format!("{path} has {} at {pointer:?}, expected a time", quoted(&value.to_string())));
    }
    read
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mapping() -> Mapping {
        serde_json::from_value(json!({
            "alerts": "/payload/events", "name": "/check/name", "status": "/state", "resolved": ["OK", "up"], "starts_at": "/since",
            "id": "/check/id", "group": "/check/team", "labels": {"namespace": "/ns", "severity": "/prio", "gone": "/nowhere"},
            "annotations": {"summary": "/text"},
        }))
        .unwrap()
    }

    fn now() -> Timestamp {
        "2026-03-02T10:00:00Z".parse().unwrap()
    }

    fn read(value: &Value) -> Result<Reading, Rejection> {
        parse(value.to_string().as_bytes().into(), &mapping(), now())
    }

    #[test]
    fn the_mapping_says_where_everything_is() {
        let event = |state: &str, since: Value| json!({"check": {"name": "http_5xx", "id": 17, "team": "shop"}, "state": state, "since": since, "ns": "shop", "prio": 1, "text": "slow"});
        let reading =
            read(&json!({"payload": {"events": [event("CRIT", json!(1_772_445_600)), event("ok", json!("2026-03-02T10:00:00Z"))]}}))
                .unwrap();
        let [group] = &reading.groups[..] else { panic!("{reading:?}") };
        let [firing, resolved] = &group.alerts[..] else {
            panic!("{reading:?}")
        };
        assert_eq!(
            (group.key.as_str(), firing.name(), firing.label("severity"), firing.labels.len()),
            ("shop", "http_5xx", "1", 3)
        );
        assert_eq!(
            (firing.status, firing.starts_at, firing.ends_at),
            (AlertStatus::Firing, now(), None)
        );
        assert_eq!((resolved.status, resolved.ends_at), (AlertStatus::Resolved, Some(now())));
        assert_eq!(firing.fingerprint, resolved.fingerprint);
        assert_eq!(firing.annotations["summary"], "slow");
    }

    #[test]
    fn the_least_mapping_takes_the_body_as_the_alert() {
        let least = Mapping {
            name: "/title".into(),
            ..Mapping::default()
        };
        let reading = parse((&br#"{"title": "disk full"}"#[..]).into(), &least, now()).unwrap();
        let alert = &reading.groups[0].alerts[0];
        assert_eq!((alert.name(), alert.starts_at), ("disk full", now()));
        let many = parse((&br#"[{"title": "a"}, {"title": "b"}]"#[..]).into(), &least, now()).unwrap();
        assert_eq!(many.groups.len(), 2);
    }

    #[test]
    fn what_is_not_where_it_should_be_is_named() {
        assert!(matches!(read(&json!({"payload": 1})), Err(Rejection::Shape(text)) if text.contains("/payload/events")));
        let problems = read(&json!({"payload": {"events": [{"since": [1]}, 5]}})).unwrap().problems;
        assert_eq!(
            problems,
            [
                "alerts[0] has no text at \"/check/name\", where the mapping says its name is",
                "alerts[0] has \"[1]\" at \"/since\", expected a time",
                "alerts[1] has no text at \"/check/name\", where the mapping says its name is",
            ]
        );
        let huge = format!("\"{}\"", "x".repeat(MAX_BYTES));
        assert!(matches!(parse(huge.as_bytes().into(), &mapping(), now()), Err(Rejection::Shape(text)) if text.contains("may have")));
    }

    #[test]
    fn pointers_begin_with_a_slash() {
        assert_eq!(mapping().invalid_pointer(), None);
        let mut wrong = mapping();
        wrong.labels.insert("pod".into(), "pod".into());
        assert_eq!(wrong.invalid_pointer(), Some(("labels.pod".into(), "pod".into())));
    }
}
