//! Objects as a model sees them: without what is noise, without what is secret, and not too long.

use serde_json::{Map, Value};

use crate::core::redact::redact;

/// Most characters of one answer of a tool: about 1,300 tokens.
pub const MOST_SHOWN: usize = 4_000;

/// What of an object's metadata says nothing, or repeats the object with its secrets.
const NOISE: [&str; 2] = ["managedFields", "kubectl.kubernetes.io/last-applied-configuration"];
/// What stands in a secret's place.
const MASK: &str = "[redacted]";

/// JSON of an object or a list, secrets masked, cut.
#[must_use]
pub fn shown(value: &Value) -> String {
    let text = match value.get("items").and_then(Value::as_array) {
        // Of many objects their states say more than the beginning of the first.
        Some(items) => {
            let lines = items.iter().map(|item| {
                let name = item.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
                let told = item.get("status").or_else(|| item.get("message")).cloned().unwrap_or_default();
                let line = format!("{name}: {}", cleaned(told));
                line.chars().take(MOST_SHOWN / 8).collect::<String>()
            });
            lines.collect::<Vec<_>>().join("\n")
        }
        None => cleaned(value.clone()).to_string(),
    };
    text.chars().take(MOST_SHOWN).collect()
}

/// With secrets masked, and without noise.
#[must_use]
pub(super) fn cleaned(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let named = map.get("name").and_then(Value::as_str).map(ToOwned::to_owned);
            let entries = map.into_iter().filter(|(key, _)| !NOISE.contains(&key.as_str()));
            let entries = entries.map(|(key, value)| {
                let value = match (&value, &named) {
                    // An environment variable has its name beside its value.
                    (Value::String(_), Some(name)) if key == "value" && secret(name) => Value::String(MASK.into()),
                    (Value::String(_), _) if secret(&key) => Value::String(MASK.into()),
                    _ => cleaned(value),
                };
                (key, value)
            });
            Value::Object(entries.collect::<Map<_, _>>())
        }
        Value::Array(items) => {
            let mut before = String::new();
            let items = items.into_iter().map(|item| {
                let text = item.as_str().unwrap_or_default().to_owned();
                // `--password x` as two arguments.
                let hidden = before.starts_with('-') && !before.contains('=') && secret(&before) && !text.is_empty();
                before = text;
                if hidden { Value::String(MASK.into()) } else { cleaned(item) }
            });
            Value::Array(items.collect())
        }
        Value::String(text) => Value::String(redact(&text)),
        other => other,
    }
}

/// Whether what is called so is a secret.
fn secret(name: &str) -> bool {
    let probe = format!("{name}=x");
    redact(&probe) != probe
}
