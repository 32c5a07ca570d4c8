//! From a request body to an object of the right kind: unknown fields, wrong types, empty leftovers.

use serde_json::{Map, Value};

use super::{
    catalog::Resource,
    protobuf, quantity,
    schema::{Node, SCHEMAS},
};
use crate::store::Status;

/// Go's words for a malformed quantity.
const QUANTITY: &str = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/// What `?fieldValidation=` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldValidation {
    /// Drop unknown fields in silence.
    Ignore,
    /// Drop them and say so in a `Warning` header.
    Warn,
    /// Refuse the request.
    Strict,
}

impl FieldValidation {
    /// The server's default is `Warn`.
    pub fn parse(text: Option<&str>) -> Result<Self, Status> {
        match text {
            None | Some("Warn") => Ok(Self::Warn),
            Some("Ignore") => Ok(Self::Ignore),
            Some("Strict") => Ok(Self::Strict),
            Some(other) => {
                let cause = crate::store::Cause::unsupported("fieldValidation", &Value::from(other), &["", "Ignore", "Strict", "Warn"]);
                Err(Status::invalid("meta.k8s.io", "CreateOptions", "", &[cause]))
            }
        }
    }
}

/// A body as JSON, from JSON or YAML.
pub fn parse_body(body: &[u8], content_type: &str) -> Result<Value, Status> {
    if content_type.contains("yaml") {
        let text = std::str::from_utf8(body).map_err(|_| Status::bad_request("the body is not UTF-8"))?;
        return serde_yaml_ng::from_str(text).map_err(|error| Status::bad_request(format!("error decoding YAML: {error}")));
    }
    if content_type.contains("protobuf") || content_type.contains("cbor") {
        return protobuf::decode(body);
    }
    serde_json::from_slice(body)
        .map_err(|error| Status::bad_request(format!("couldn't get version/kind; json parse error: {}", go_json_error(&error))))
}

/// The words of Go's decoder for the usual mistakes.
pub fn go_json_error(error: &serde_json::Error) -> String {
    if error.is_eof() {
        "unexpected end of JSON input".to_owned()
    } else {
        error.to_string()
    }
}

/// Fits `object` to its kind: drops what the kind has no field for and answers those paths.
pub fn fit(resource: &Resource, object: &mut Value) -> Result<Vec<String>, Status> {
    let Some(node) = SCHEMAS.kind(resource.group, resource.version, resource.kind) else {
        return Ok(Vec::new());
    };
    let mut walk = Walk {
        unknown: Vec::new(),
        path: Vec::new(),
    };
    walk.value(node, object).map_err(|why| {
        let (kind, version) = (resource.kind, resource.version);
        Status::bad_request(format!("{kind} in version \"{version}\" cannot be handled as a {kind}: {why}"))
    })?;
    Ok(walk.unknown)
}

/// What to answer for unknown fields: `Err` when strict, warnings otherwise.
pub fn judge(resource: &Resource, mode: FieldValidation, unknown: &[String]) -> Result<Vec<String>, Status> {
    let texts: Vec<String> = unknown.iter().map(|path| format!("unknown field \"{path}\"")).collect();
    match mode {
        FieldValidation::Strict if !texts.is_empty() => {
            let (kind, version) = (resource.kind, resource.version);
            let list = texts.join(", ");
            let message = format!("{kind} in version \"{version}\" cannot be handled as a {kind}: strict decoding error: {list}");
            Err(Status::bad_request(message))
        }
        FieldValidation::Warn => Ok(texts),
        FieldValidation::Ignore | FieldValidation::Strict => Ok(Vec::new()),
    }
}

struct Walk {
    unknown: Vec<String>,
    path: Vec<String>,
}

impl Walk {
    fn value(&mut self, node: Node<'_>, value: &mut Value) -> Result<(), String> {
        if node.is_quantity() {
            if value.is_number() {
                *value = Value::from(value.to_string());
            }
            if let Some(text) = value.as_str() {
                if quantity::parse(text).is_none() {
                    return Err(QUANTITY.to_owned());
                }
                *value = Value::from(quantity::canonical(text));
            }
            return Ok(());
        }
        match (node.type_name(), &mut *value) {
            (_, Value::Null) | ("", _) => Ok(()),
            ("object", Value::Object(map)) => self.object(node, map),
            ("array", Value::Array(items)) => {
                let Some(element) = node.element() else { return Ok(()) };
                for (index, item) in items.iter_mut().enumerate() {
                    self.path.push(format!("[{index}]"));
                    self.value(element, item)?;
                    self.path.pop();
                }
                Ok(())
            }
            ("string", Value::String(_)) | ("boolean", Value::Bool(_)) | ("number", Value::Number(_)) => Ok(()),
            ("integer", Value::Number(n)) if n.is_i64() || n.is_u64() => Ok(()),
            (wanted, got) => Err(format!(
                "json: cannot unmarshal {} into Go struct field .{} of type {}",
                json_type(got),
                self.dotted(None),
                go_type(wanted, node.format())
            )),
        }
    }

    fn object(&mut self, node: Node<'_>, map: &mut Map<String, Value>) -> Result<(), String> {
        if !node.is_struct() && !node.is_map() {
            return Ok(());
        }
        let keys: Vec<String> = map.keys().cloned().collect();
        for key in keys {
            let Some(child) = node.child(&key) else {
                self.unknown.push(self.dotted(Some(&key)));
                map.remove(&key);
                continue;
            };
            let Some(value) = map.get_mut(&key) else { continue };
            self.path.push(key.clone());
            self.value(child, value)?;
            self.path.pop();
            // Go leaves out nulls, empty maps and empty lists when it writes an object; empty structs stay.
            let empty = match value {
                Value::Null => !keeps_null(&key),
                Value::Array(items) => items.is_empty() && node.is_struct() && !node.required().any(|r| r == key),
                Value::Object(inner) => inner.is_empty() && child.is_map() && node.is_struct(),
                _ => false,
            };
            if empty {
                map.remove(&key);
            }
        }
        Ok(())
    }

    fn dotted(&self, last: Option<&str>) -> String {
        let mut out = String::new();
        for part in self.path.iter().map(String::as_str).chain(last) {
            if !out.is_empty() && !part.starts_with('[') {
                out.push('.');
            }
            out.push_str(part);
        }
        out
    }
}

/// Fields that the real server writes as `null`.
fn keeps_null(key: &str) -> bool {
    matches!(
        key,
        "lastProbeTime" | "eventTime" | "firstTimestamp" | "lastTimestamp" | "currentMetrics"
    )
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn go_type(wanted: &str, format: &str) -> String {
    match (wanted, format) {
        ("integer", "int64") => "int64".to_owned(),
        ("integer", _) => "int32".to_owned(),
        ("boolean", _) => "bool".to_owned(),
        ("array", _) => "[]interface {}".to_owned(),
        ("object", _) => "map[string]interface {}".to_owned(),
        (other, _) => other.to_owned(),
    }
}
