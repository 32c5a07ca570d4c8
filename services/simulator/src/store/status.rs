//! `metav1.Status` failures, in the words of the real API server.

use serde_json::{Map, Value, json};

use super::Gvr;

/// One entry of `details.causes` of an `Invalid` answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Machine-readable reason, e.g. `FieldValueInvalid`; empty when the server gives none.
    pub reason: String,
    /// Text without the field.
    pub message: String,
    /// Path of the field, e.g. `spec.replicas`; empty when no field is meant.
    pub field: String,
}

impl Cause {
    /// A cause of `reason` at `field`.
    pub fn new(reason: &str, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            reason: reason.to_owned(),
            message: message.into(),
            field: field.into(),
        }
    }

    /// `Invalid value: <value>: <why>`; `value` is already rendered (quoted string or compact JSON).
    pub fn invalid(field: impl Into<String>, value: &Value, why: &str) -> Self {
        Self::new("FieldValueInvalid", field, format!("Invalid value: {value}: {why}"))
    }

    /// `Required value`, with an explanation unless empty.
    pub fn required(field: impl Into<String>, why: &str) -> Self {
        let message = if why.is_empty() {
            "Required value".to_owned()
        } else {
            format!("Required value: {why}")
        };
        Self::new("FieldValueRequired", field, message)
    }

    /// `Unsupported value: <value>: supported values: ...`.
    pub fn unsupported(field: impl Into<String>, value: &Value, supported: &[&str]) -> Self {
        let list = supported.iter().map(|s| format!("\"{s}\"")).collect::<Vec<_>>().join(", ");
        Self::new(
            "FieldValueNotSupported",
            field,
            format!("Unsupported value: {value}: supported values: {list}"),
        )
    }

    /// `Forbidden: <why>`.
    pub fn forbidden(field: impl Into<String>, why: &str) -> Self {
        Self::new("FieldValueForbidden", field, format!("Forbidden: {why}"))
    }

    /// `Duplicate value: <value>`.
    pub fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self::new("FieldValueDuplicate", field, format!("Duplicate value: {value}"))
    }

    fn to_json(&self) -> Value {
        let mut out = Map::new();
        for (key, text) in [("reason", &self.reason), ("message", &self.message), ("field", &self.field)] {
            if !text.is_empty() {
                out.insert(key.to_owned(), json!(text));
            }
        }
        Value::Object(out)
    }
}

/// A refusal: HTTP code plus the fields of a `metav1.Status` with `status: Failure`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Status {
    /// HTTP status code.
    pub code: u16,
    /// `reason`, e.g. `Conflict`.
    pub reason: String,
    /// Human-readable text.
    pub message: String,
    /// `details`, when the server sends any.
    pub details: Option<Value>,
}

impl Status {
    /// A failure without details.
    pub fn new(code: u16, reason: &str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.to_owned(),
            message: message.into(),
            details: None,
        }
    }

    /// The same failure with `details`.
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// 404 for one named object.
    pub fn not_found(gvr: &Gvr, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", gvr.qualified())).with_details(details(
            name,
            &gvr.group,
            &gvr.resource,
        ))
    }

    /// 404 for a path that no resource serves.
    pub fn no_such_resource() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource").with_details(json!({}))
    }

    /// 409 when the name is taken.
    pub fn already_exists(gvr: &Gvr, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{} \"{name}\" already exists", gvr.qualified())).with_details(details(
            name,
            &gvr.group,
            &gvr.resource,
        ))
    }

    /// 409 with the text of a stale `resourceVersion`.
    pub fn stale(gvr: &Gvr, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(gvr, name, why)
    }

    /// 409 `Operation cannot be fulfilled on ...: <why>`.
    pub fn conflict(gvr: &Gvr, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", gvr.qualified());
        Self::new(409, "Conflict", message).with_details(details(name, &gvr.group, &gvr.resource))
    }

    /// 403 `<resource> "<name>" is forbidden: <why>`.
    pub fn forbidden(gvr: &Gvr, name: &str, why: &str) -> Self {
        let message = if name.is_empty() {
            format!("{} is forbidden: {why}", gvr.qualified())
        } else {
            format!("{} \"{name}\" is forbidden: {why}", gvr.qualified())
        };
        Self::new(403, "Forbidden", message).with_details(details(name, &gvr.group, &gvr.resource))
    }

    /// 422 for a `kind` of `group`, listing every cause as the real server joins them.
    pub fn invalid(group: &str, kind: &str, name: &str, causes: &[Cause]) -> Self {
        let qualified = if group.is_empty() {
            kind.to_owned()
        } else {
            format!("{kind}.{group}")
        };
        let texts = joined(causes);
        let message = format!("{qualified} \"{name}\" is invalid: {texts}");
        let mut info = details(name, group, kind);
        if !causes.is_empty() {
            info["causes"] = causes.iter().map(Cause::to_json).collect();
        }
        Self::new(422, "Invalid", message).with_details(info)
    }

    /// 400 with `message`.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 410: the asked-for history is no longer kept.
    pub fn gone(from: u64, oldest: u64) -> Self {
        Self::new(410, "Expired", format!("too old resource version: {from} ({oldest})"))
    }

    /// 500 with `message`.
    pub fn internal(message: impl Into<String>) -> Self {
        let message = message.into();
        Self::new(500, "InternalError", format!("Internal error occurred: {message}"))
            .with_details(json!({"causes": [{"message": message}]}))
    }

    /// The body the server answers with.
    pub fn to_json(&self) -> Value {
        let mut out = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message});
        if !self.reason.is_empty() {
            out["reason"] = json!(self.reason);
        }
        if let Some(info) = &self.details {
            out["details"] = info.clone();
        }
        out["code"] = json!(self.code);
        out
    }
}

/// Several causes become `[a, b]`, without repeating equal texts; one stands alone.
fn joined(causes: &[Cause]) -> String {
    let mut texts: Vec<String> = Vec::new();
    for cause in causes {
        let text = if cause.field.is_empty() {
            cause.message.clone()
        } else {
            format!("{}: {}", cause.field, cause.message)
        };
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    if texts.len() == 1 {
        texts.remove(0)
    } else {
        format!("[{}]", texts.join(", "))
    }
}

fn details(name: &str, group: &str, kind: &str) -> Value {
    let mut out = Map::new();
    for (key, text) in [("name", name), ("group", group), ("kind", kind)] {
        if !text.is_empty() {
            out.insert(key.to_owned(), json!(text));
        }
    }
    Value::Object(out)
}
