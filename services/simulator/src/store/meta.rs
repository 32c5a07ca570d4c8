//! The metadata that the server itself writes.

use jiff::{Timestamp, Unit};
use rand::Rng;
use serde_json::{Map, Value, json};

use super::{Gvr, Status};

/// Letters and digits of generated names: no vowels, so that no words appear.
const NAME_ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// Resources whose `metadata.generation` the server counts.
const COUNTED: &[(&str, &str)] = &[
    ("", "pods"),
    ("apps", "deployments"),
    ("apps", "replicasets"),
    ("apps", "statefulsets"),
    ("apps", "daemonsets"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
    ("batch", "jobs"),
    ("batch", "cronjobs"),
    ("policy", "poddisruptionbudgets"),
    ("discovery.k8s.io", "endpointslices"),
    ("networking.k8s.io", "ingresses"),
    ("networking.k8s.io", "networkpolicies"),
];

/// RFC 3339 in UTC with whole seconds, as `metav1.Time` is written.
pub fn rfc3339(at: Timestamp) -> String {
    at.round(Unit::Second).unwrap_or(at).to_string()
}

/// RFC 3339 with six decimals, as `metav1.MicroTime` is written.
pub fn rfc3339_micro(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// Five random letters as the server appends to `generateName`.
pub fn name_suffix() -> String {
    let mut rng = rand::rng();
    (0..5)
        .map(|_| char::from(NAME_ALPHABET[rng.random_range(0..NAME_ALPHABET.len())]))
        .collect()
}

/// `metadata.name`, or empty.
pub fn name_of(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// `metadata.namespace`, or empty for cluster-scoped objects.
pub fn namespace_of(object: &Value) -> &str {
    object["metadata"]["namespace"].as_str().unwrap_or_default()
}

pub(super) fn metadata_mut(object: &mut Value) -> Result<&mut Map<String, Value>, Status> {
    let root = object
        .as_object_mut()
        .ok_or_else(|| Status::bad_request("the object provided is not a JSON object"))?;
    root.entry("metadata")
        .or_insert_with(|| json!({}))
        .as_object_mut()
        .ok_or_else(|| Status::bad_request("metadata is not a JSON object"))
}

/// Fills name (from `generateName`), uid, creation time and the first generation.
pub(super) fn fill_new(gvr: &Gvr, object: &mut Value, now: Timestamp) -> Result<(), Status> {
    let counted = counts_generation(gvr);
    let meta = metadata_mut(object)?;
    if meta.get("name").and_then(Value::as_str).unwrap_or_default().is_empty() {
        let prefix = meta.get("generateName").and_then(Value::as_str).unwrap_or_default();
        if prefix.is_empty() {
            return Err(Status::bad_request("name or generateName is required"));
        }
        let name = format!("{prefix}{}", name_suffix());
        meta.insert("name".to_owned(), json!(name));
    }
    meta.entry("uid").or_insert_with(|| json!(uuid::Uuid::new_v4().to_string()));
    meta.entry("creationTimestamp").or_insert_with(|| json!(rfc3339(now)));
    if meta["creationTimestamp"].is_null() {
        meta.insert("creationTimestamp".to_owned(), json!(rfc3339(now)));
    }
    if counted {
        meta.entry("generation").or_insert_with(|| json!(1));
    }
    Ok(())
}

/// Puts back what nobody may change and counts the generation. True when anything differs from `old`.
pub(super) fn settle(gvr: &Gvr, old: &Value, new: &mut Value) -> Result<bool, Status> {
    let bump = counts_generation(gvr) && (old.get("spec") != new.get("spec") || newly_deleted(old, new));
    let meta = metadata_mut(new)?;
    for key in ["name", "namespace", "uid", "creationTimestamp", "resourceVersion", "generation"] {
        match old["metadata"].get(key) {
            Some(value) => meta.insert(key.to_owned(), value.clone()),
            None => meta.remove(key),
        };
    }
    if bump {
        let next = old["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
        meta.insert("generation".to_owned(), json!(next));
    }
    Ok(new != old)
}

pub(super) fn counts_generation(gvr: &Gvr) -> bool {
    // Custom resources count too; their groups are dotted names outside Kubernetes' own.
    let custom = gvr.group.contains('.') && (!gvr.group.ends_with(".k8s.io") || gvr.group == "snapshot.storage.k8s.io");
    custom
        || COUNTED
            .iter()
            .any(|(group, resource)| *group == gvr.group && *resource == gvr.resource)
}

fn newly_deleted(old: &Value, new: &Value) -> bool {
    old["metadata"].get("deletionTimestamp").is_none() && new["metadata"].get("deletionTimestamp").is_some()
}

/// True when a deletion was asked for and nothing holds the object back any more: no finalizer, no grace period left.
pub(super) fn ready_to_go(object: &Value) -> bool {
    let meta = &object["metadata"];
    meta.get("deletionTimestamp").is_some_and(|at| !at.is_null())
        && meta["finalizers"].as_array().is_none_or(Vec::is_empty)
        && meta["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) == 0
}
