//! Recorded objects: what each must have, and in which order they come.

use std::collections::BTreeMap;

use anyhow::bail;
use serde_json::{Value, json};

use crate::world::obj;

/// An object and where it stands.
pub(super) struct Found {
    object: Value,
    place: String,
}

impl Found {
    pub(super) fn new(object: Value, place: String) -> Self {
        Self { object, place }
    }
}

/// Namespaces first, then what defines kinds, then the rest as it stands. Refuses what has no name or stands twice.
pub(super) fn checked(found: Vec<Found>) -> anyhow::Result<Vec<Value>> {
    let mut places = BTreeMap::new();
    let mut out = Vec::with_capacity(found.len());
    for Found { mut object, place } in found {
        for pointer in ["/apiVersion", "/kind", "/metadata/name"] {
            if obj::text(&object, pointer).is_empty() {
                let field = pointer.trim_start_matches('/').replace('/', ".");
                bail!("{place} has no {field}; write the object as `kubectl get -o yaml` shows it");
            }
        }
        if !object["metadata"]["labels"].is_null() && !object["metadata"]["labels"].is_object() {
            bail!("{place}: metadata.labels is not a mapping; write `name: value` lines");
        }
        let key = |object: &Value| {
            (
                group(object).to_owned(),
                obj::text(object, "/kind").to_owned(),
                obj::namespace(object).to_owned(),
                obj::name(object).to_owned(),
            )
        };
        // Nobody names events by hand: two of one name are two events.
        if obj::text(&object, "/kind") == "Event" && places.contains_key(&key(&object)) {
            object["metadata"]["name"] = json!(format!("{}-{}", obj::name(&object), out.len()));
        }
        let key = key(&object);
        if let Some(before) = places.insert(key, place.clone()) {
            bail!(
                "{} {} stands in {before} and in {place}; remove one of them",
                obj::text(&object, "/kind"),
                obj::name(&object)
            );
        }
        out.push(object);
    }
    out.sort_by_key(|object| match obj::text(object, "/kind") {
        "Namespace" => 0,
        "CustomResourceDefinition" => 1,
        "Event" => 3,
        _ => 2,
    });
    Ok(out)
}

/// The API group of an object.
pub(crate) fn group(object: &Value) -> &str {
    obj::text(object, "/apiVersion").split_once('/').map_or("", |(group, _)| group)
}

/// An event with the name, the namespace and the times that people leave out.
pub(super) fn event(mut event: Value, i: usize) -> Value {
    if !event.is_object() {
        return event;
    }
    let about = event["involvedObject"].clone();
    let or = |event: &mut Value, key: &str, value: Value| {
        if event[key].is_null() {
            event[key] = value;
        }
    };
    or(&mut event, "apiVersion", json!("v1"));
    or(&mut event, "kind", json!("Event"));
    or(&mut event, "metadata", json!({}));
    let namespace = about["namespace"].as_str().unwrap_or("default");
    or(&mut event["metadata"], "namespace", json!(namespace));
    let name = format!("{}.{:016x}", obj::text(&about, "/name"), i);
    or(&mut event["metadata"], "name", json!(name));
    or(&mut event, "type", json!("Normal"));
    or(&mut event, "count", json!(1));
    let seen = ["lastTimestamp", "eventTime", "firstTimestamp"].map(|key| event[key].clone());
    let seen = seen.into_iter().find(Value::is_string).unwrap_or(Value::Null);
    or(&mut event, "lastTimestamp", seen.clone());
    or(&mut event, "firstTimestamp", seen.clone());
    or(&mut event["metadata"], "creationTimestamp", seen);
    event
}
