//! The four patch types.

pub mod strategic;

use serde_json::{Map, Value};

use super::decode::go_json_error;
use crate::store::Status;

/// A patch by its content type.
#[derive(Clone, Debug)]
pub enum Patch {
    /// RFC 6902.
    Json(Vec<json_patch::PatchOperation>),
    /// RFC 7386.
    Merge(Value),
    /// Kubernetes strategic merge.
    Strategic(Value),
    /// Server-side apply.
    Apply(Value),
}

impl Patch {
    /// Parses the body; 415 for an unknown type, 400 for nonsense.
    pub fn parse(content_type: &str, body: &[u8]) -> Result<Self, Status> {
        let media = content_type.split(';').next().unwrap_or_default().trim();
        match media {
            "application/json-patch+json" => operations(body).map(Self::Json),
            "application/merge-patch+json" => Ok(Self::Merge(object(body)?)),
            "application/strategic-merge-patch+json" => Ok(Self::Strategic(object(body)?)),
            "application/apply-patch+yaml" | "application/apply-patch+json" => {
                let parsed: Result<Value, _> = serde_yaml_ng::from_slice(body);
                match parsed {
                    Ok(value @ Value::Object(_)) => Ok(Self::Apply(value)),
                    Ok(_) => Err(Status::bad_request("error decoding YAML: the patch is not an object")),
                    Err(error) => Err(Status::bad_request(format!("error decoding YAML: {error}"))),
                }
            }
            _ => Err(Status::new(415, "UnsupportedMediaType", "415: Unsupported Media Type").with_details(Value::Object(Map::new()))),
        }
    }
}

fn operations(body: &[u8]) -> Result<Vec<json_patch::PatchOperation>, Status> {
    let value: Value =
        serde_json::from_slice(body).map_err(|error| Status::bad_request(format!("error decoding patch: {}", go_json_error(&error))))?;
    if !value.is_array() {
        let why = "error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch";
        return Err(Status::bad_request(why));
    }
    // Whether each operation makes sense shows only when it is applied.
    serde_json::from_value(value).map_err(|_| unappliable())
}

fn object(body: &[u8]) -> Result<Value, Status> {
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(Status::bad_request(
            "error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}",
        )),
        Err(error) => Err(Status::bad_request(format!("error decoding patch: {}", go_json_error(&error)))),
    }
}

/// Applies an RFC 6902 patch. Any failure is the one 422 the real server gives, which does not say which operation failed.
pub fn json(object: &mut Value, operations: &[json_patch::PatchOperation]) -> Result<(), Status> {
    json_patch::patch(object, operations).map_err(|_| unappliable())
}

fn unappliable() -> Status {
    Status::new(422, "Invalid", "the server rejected our request due to an error in our request").with_details(Value::Object(Map::new()))
}

/// Applies an RFC 7386 patch.
pub fn merge(object: &mut Value, patch: &Value) {
    json_patch::merge(object, patch);
}
