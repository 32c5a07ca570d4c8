//! What a person compares: one line per value that changes, with containers by name instead of by position.

use std::collections::BTreeSet;

use paramedic_domain::change::FieldChange;
use serde_json::Value;

use crate::redact::redact;

/// Every leaf that differs.
pub(super) fn diff(before: &Value, after: &Value) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    walk(Some(before), Some(after), "", &mut changes);
    changes
}

/// A value as a person reads it: strings bare, everything else as JSON.
#[must_use]
pub fn show(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn walk(before: Option<&Value>, after: Option<&Value>, path: &str, changes: &mut Vec<FieldChange>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                walk(old.get(key), new.get(key), &member(path, key), changes);
            }
        }
        (None, Some(Value::Object(new))) if !new.is_empty() => {
            for (key, value) in new {
                walk(None, Some(value), &member(path, key), changes);
            }
        }
        (Some(Value::Object(old)), None) if !old.is_empty() => {
            for (key, value) in old {
                walk(Some(value), None, &member(path, key), changes);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) if named(old) && named(new) => {
            let names: Vec<&str> = old.iter().chain(new).filter_map(name).collect();
            let mut seen = BTreeSet::new();
            for item in names.into_iter().filter(|item| seen.insert(*item)) {
                let find = |items: &'_ [Value]| items.iter().position(|value| name(value) == Some(item));
                let (old, new) = (find(old).map(|at| &old[at]), find(new).map(|at| &new[at]));
                walk(old, new, &format!("{path}[{item}]"), changes);
            }
        }
        (before, after) => changes.push(FieldChange {
            path: path.to_owned(),
            from: before.map(|value| redact(&show(value))),
            to: after.map(|value| redact(&show(value))),
        }),
    }
}

fn member(path: &str, key: &str) -> String {
    let dotted = key.contains('.') || key.contains('/');
    match (path.is_empty(), dotted) {
        (true, _) => key.to_owned(),
        (false, true) => format!("{path}[{key}]"),
        (false, false) => format!("{path}.{key}"),
    }
}

fn name(value: &Value) -> Option<&str> {
    value.get("name")?.as_str()
}

fn named(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(|item| name(item).is_some())
}
