//! Literal secrets in objects: what holds one goes into no plan (INV-13).

use serde_json::Value;

use crate::redact::{names_a_secret, redact};

/// Where a value holds what looks like a literal secret, as a JSON pointer below it. `name`: what the value is called.
#[must_use]
pub fn secret_in(name: Option<&str>, value: &Value) -> Option<String> {
    match value {
        Value::String(text) => (!text.is_empty() && (name.is_some_and(names_a_secret) || redact(text) != *text)).then(String::new),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| Some(format!("/{index}{}", secret_in(None, item)?))),
        Value::Object(members) => members.iter().find_map(|(key, member)| {
            // An environment variable is called as its entry says.
            let called = match (key.as_str(), members.get("name")) {
                ("value", Some(Value::String(name))) => name,
                _ => key,
            };
            Some(format!(
                "/{}{}",
                key.replace('~', "~0").replace('/', "~1"),
                secret_in(Some(called), member)?
            ))
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// What is said of it.
#[must_use]
pub fn refusal(place: &str) -> String {
    format!("{place} holds what looks like a secret: plans are read by people, so it cannot be in one; keep it in a Secret")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::secret_in;

    #[test]
    fn a_literal_secret_is_found_by_its_name_or_its_shape_and_references_are_none() {
        let spec = |env| json!({"containers": [{"name": "web", "image": "registry.example.com/web:1", "env": [env]}]});
        let found = |env| secret_in(None, &spec(env));
        assert_eq!(
            found(json!({"name": "DB_PASSWORD", "value": "hunter2"})).as_deref(),
            Some("/containers/0/env/0/value")
        );
        assert!(found(json!({"name": "DB_URL", "value": "postgres://pay:hunter2@db/pay"})).is_some());
        assert_eq!(
            found(json!({"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}})),
            None
        );
        assert_eq!(found(json!({"name": "LOG_LEVEL", "value": "debug"})), None);
    }
}
