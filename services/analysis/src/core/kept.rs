//! What an investigation saw, as a file: events before they expire, log lines, numbers, evidence. A diagnosis quotes a part of it.

use serde_json::{Value, json};

use super::{facts::Facts, redact::redact};

/// Most events that are kept, the newest.
pub(super) const MOST_EVENTS: usize = 2_000;

/// The file as JSON. Secrets are masked, though by their forms only: it is as confidential as the logs that it was made from.
#[must_use]
pub fn seen(facts: &Facts) -> Vec<u8> {
    let mut events: Vec<&Value> = facts.world.snapshot.of("Event").iter().collect();
    events.sort_by_key(|event| std::cmp::Reverse(last_seen(event)));
    let left_out = events.len().saturating_sub(MOST_EVENTS);
    events.truncate(MOST_EVENTS);
    let numbers = facts
        .world
        .measures
        .0
        .iter()
        .map(|measure| json!({"name": measure.name, "labels": measure.labels, "value": measure.value, "query": measure.query}));
    let said = facts
        .world
        .said
        .iter()
        .map(|said| json!({"by": said.by.to_string(), "newest": said.text, "lines": said.count, "query": said.query}));
    let mut file = json!({
        "taken_at": facts.at,
        "alerts": facts.alerts,
        "missing_sources": facts.missing,
        "evidence": facts.evidence,
        "events": events,
        "events_left_out": left_out,
        "logs": said.collect::<Vec<_>>(),
        "numbers": numbers.collect::<Vec<_>>(),
    });
    mask(&mut file);
    serde_json::to_vec_pretty(&file).unwrap_or_default()
}

/// When an event was seen last, as it says so; RFC 3339 in UTC sorts by time.
fn last_seen(event: &Value) -> String {
    let times = [
        "/series/lastObservedTime",
        "/lastTimestamp",
        "/eventTime",
        "/metadata/creationTimestamp",
    ];
    let time = times.iter().find_map(|pointer| event.pointer(pointer)?.as_str());
    time.unwrap_or_default().to_owned()
}

/// Takes secrets out of every text.
fn mask(value: &mut Value) {
    match value {
        Value::String(text) => *text = redact(text),
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Object(fields) => fields.values_mut().for_each(mask),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
