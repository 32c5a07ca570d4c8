//! Alertmanager's webhook, version 4: what is accepted, and what is wrong with the rest.

use std::collections::BTreeMap;

use jiff::Timestamp;
use paramedic_domain::alert::{Alert, AlertStatus};
use serde_json::{Map, Value};

/// Problems named in an answer; a sender with more has one systematic mistake.
const MAX_PROBLEMS: usize = 10;
/// Largest alert: far above any real one, far below what a bus message may hold.
const MAX_ALERT_BYTES: usize = 256 << 10;
/// Longest group key: it is stored with every alert of the group.
const MAX_GROUP_KEY_BYTES: usize = 16 << 10;
/// What Alertmanager sends for "not ended".
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// What a webhook says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Alertmanager's key of the group.
    pub group_key: String,
    /// Every alert that is complete, in the order of the body.
    pub alerts: Vec<Alert>,
    /// What is wrong with the others, one sentence each: with any of them nothing of the webhook may be used.
    pub problems: Vec<String>,
    /// Alerts that Alertmanager itself left out (`max_alerts`).
    pub truncated: u64,
}

/// Why nothing of a body can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// Not JSON.
    Malformed(String),
    /// Of another version.
    Version(String),
    /// Not the payload of Alertmanager's webhook receiver.
    Shape(String),
}

/// Reads a body.
///
/// # Errors
/// When not a single alert of it could be used whatever it held.
pub fn parse(body: &[u8]) -> Result<Webhook, Rejection> {
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        Rejection::Malformed(if body.is_empty() {
            "the body is empty, expected an Alertmanager webhook".into()
        } else {
            format!("the body is not valid JSON: {error}")
        })
    })?;
    let Value::Object(webhook) = value else {
        return Err(Rejection::Shape(format!(
            "the body is {}, expected the JSON object of an Alertmanager webhook",
            name_of(&value)
        )));
    };
    check_version(&webhook)?;
    let alerts = match webhook.get("alerts") {
        Some(Value::Array(alerts)) if !alerts.is_empty() => alerts,
        Some(Value::Array(_)) => return Err(Rejection::Shape("alerts is empty".into())),
        Some(other) => return Err(Rejection::Shape(format!("alerts is {}, expected an array", name_of(other)))),
        None => return Err(Rejection::Shape("alerts is missing".into())),
    };
    let group_key = match webhook.get("groupKey") {
        Some(Value::String(key)) if (1..=MAX_GROUP_KEY_BYTES).contains(&key.len()) => key,
        Some(Value::String(key)) if key.len() > MAX_GROUP_KEY_BYTES => {
            return Err(Rejection::Shape(format!(
                "groupKey has {} bytes, at most {MAX_GROUP_KEY_BYTES} are accepted",
                key.len()
            )));
        }
        Some(other) if !matches!(other, Value::String(_)) => {
            return Err(Rejection::Shape(format!("groupKey is {}, expected a string", name_of(other))));
        }
        _ => return Err(Rejection::Shape("groupKey is missing".into())),
    };
    let mut problems = Problems::default();
    let alerts = alerts
        .iter()
        .enumerate()
        .filter_map(|(index, alert)| read_alert(&format!("alerts[{index}]"), alert, group_key, &mut problems))
        .collect();
    Ok(Webhook {
        group_key: group_key.clone(),
        alerts,
        problems: problems.sentences(),
        truncated: webhook.get("truncatedAlerts").and_then(Value::as_u64).unwrap_or(0),
    })
}

fn check_version(webhook: &Map<String, Value>) -> Result<(), Rejection> {
    match webhook.get("version") {
        Some(Value::String(version)) if version == "4" => Ok(()),
        Some(other) => Err(Rejection::Version(format!("version is {other}, only \"4\" is supported"))),
        None if ["alerts", "groupKey", "receiver"].iter().any(|key| webhook.contains_key(*key)) => {
            Err(Rejection::Version("version is missing, expected \"4\"".into()))
        }
        None => Err(Rejection::Shape(
            "this is not the payload of Alertmanager's webhook receiver: version, groupKey and alerts are missing; \
             use webhook_configs without a custom payload"
                .into(),
        )),
    }
}

#[derive(Default)]
struct Problems {
    first: Vec<String>,
    more: usize,
}

impl Problems {
    fn add(&mut self, problem: String) {
        if self.first.len() < MAX_PROBLEMS {
            self.first.push(problem);
        } else {
            self.more += 1;
        }
    }

    fn sentences(mut self) -> Vec<String> {
        if self.more > 0 {
            self.first.push(format!("and {} more", self.more));
        }
        self.first
    }
}

/// The alert, or `None` with every reason in `problems`.
fn read_alert(path: &str, value: &Value, group_key: &str, problems: &mut Problems) -> Option<Alert> {
    let Value::Object(fields) = value else {
        problems.add(format!("{path} is {}, expected an object", name_of(value)));
        return None;
    };
    // Every field is read before the first `?`, so that all problems are named at once.
    let status = read_status(path, fields, problems);
    let labels = read_labels(path, fields, problems);
    let annotations = read_texts(&format!("{path}.annotations"), fields.get("annotations"), problems);
    let fingerprint = read_fingerprint(path, fields, problems);
    let starts_at = read_time(&format!("{path}.startsAt"), fields.get("startsAt"), problems);
    let ends_at = match fields.get("endsAt") {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(text)) if text == ZERO_TIME => Some(None),
        Some(_) => read_time(&format!("{path}.endsAt"), fields.get("endsAt"), problems).map(Some),
    };
    let size = value.to_string().len();
    if size > MAX_ALERT_BYTES {
        problems.add(format!("{path} has {size} bytes, at most {MAX_ALERT_BYTES} are accepted"));
        return None;
    }
    let status = status?;
    Some(Alert {
        fingerprint: fingerprint?,
        status,
        labels: labels?,
        annotations: annotations?,
        starts_at: starts_at?,
        // A firing alert's endsAt is only Alertmanager's guess of when it would time out.
        ends_at: ends_at?.filter(|_| status == AlertStatus::Resolved),
        generator_url: fields.get("generatorURL").and_then(Value::as_str).unwrap_or_default().to_owned(),
        group_key: group_key.to_owned(),
    })
}

fn read_status(path: &str, fields: &Map<String, Value>, problems: &mut Problems) -> Option<AlertStatus> {
    match fields.get("status") {
        Some(Value::String(text)) if text == "firing" => Some(AlertStatus::Firing),
        Some(Value::String(text)) if text == "resolved" => Some(AlertStatus::Resolved),
        Some(other) => {
            problems.add(format!("{path}.status is {}, expected \"firing\" or \"resolved\"", shorten(other)));
            None
        }
        None => {
            problems.add(format!("{path}.status is missing"));
            None
        }
    }
}

fn read_labels(path: &str, fields: &Map<String, Value>, problems: &mut Problems) -> Option<BTreeMap<String, String>> {
    if fields.get("labels").is_none_or(Value::is_null) {
        problems.add(format!("{path}.labels is missing"));
        return None;
    }
    let labels = read_texts(&format!("{path}.labels"), fields.get("labels"), problems)?;
    if labels.get("alertname").is_none_or(String::is_empty) {
        problems.add(format!("{path}.labels.alertname is missing"));
        return None;
    }
    Some(labels)
}

/// An optional object of strings.
fn read_texts(path: &str, value: Option<&Value>, problems: &mut Problems) -> Option<BTreeMap<String, String>> {
    let fields = match value {
        None | Some(Value::Null) => return Some(BTreeMap::new()),
        Some(Value::Object(fields)) => fields,
        Some(other) => {
            problems.add(format!("{path} is {}, expected an object of strings", name_of(other)));
            return None;
        }
    };
    let mut texts = BTreeMap::new();
    let mut complete = true;
    for (name, value) in fields {
        if let Value::String(text) = value {
            texts.insert(name.clone(), text.clone());
        } else {
            problems.add(format!("{path}.{} is {}, expected a string", clip(name), name_of(value)));
            complete = false;
        }
    }
    complete.then_some(texts)
}

/// Alertmanager writes 16 hex digits. It becomes part of a subject, so nothing else than letters, digits, `-` and `_` may be in it.
fn read_fingerprint(path: &str, fields: &Map<String, Value>, problems: &mut Problems) -> Option<String> {
    match fields.get("fingerprint") {
        Some(Value::String(text))
            if (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') =>
        {
            Some(text.clone())
        }
        None | Some(Value::Null) => {
            problems.add(format!("{path}.fingerprint is missing"));
            None
        }
        Some(other) => {
            problems.add(format!(
                "{path}.fingerprint is {}, expected 1 to 64 letters, digits, '-' or '_'",
                shorten(other)
            ));
            None
        }
    }
}

fn read_time(path: &str, value: Option<&Value>, problems: &mut Problems) -> Option<Timestamp> {
    match value {
        Some(Value::String(text)) => match text.parse() {
            Ok(time) => return Some(time),
            Err(_) => problems.add(format!(
                "{path} is {}, expected a time as in RFC 3339",
                shorten(&Value::from(text.as_str()))
            )),
        },
        None | Some(Value::Null) => problems.add(format!("{path} is missing")),
        Some(other) => problems.add(format!("{path} is {}, expected a time as in RFC 3339", name_of(other))),
    }
    None
}

fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A value as it may be quoted in an answer.
fn shorten(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{:?}", clip(text)),
        other => name_of(other).to_owned(),
    }
}

fn clip(text: &str) -> String {
    text.chars().take(60).filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests;
