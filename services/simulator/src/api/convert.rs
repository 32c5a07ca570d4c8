//! Between the version a client speaks and the version that is kept: HPA v1 and v2, events of both groups.

use serde_json::{Map, Value, json};

use super::catalog::Resource;

/// Events: (core name, events.k8s.io name).
const EVENT_FIELDS: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

/// From the kept version to the one served at `resource`, with `kind` and `apiVersion` set.
pub fn to_served(resource: &Resource, stored: &Value) -> Value {
    let mut out = stored.clone();
    match (resource.group, resource.version, resource.plural) {
        ("events.k8s.io", _, "events") => rename(&mut out, EVENT_FIELDS.iter().copied()),
        ("autoscaling", "v1", "horizontalpodautoscalers") => hpa_to_v1(&mut out),
        _ => {}
    }
    if let Some(map) = out.as_object_mut() {
        map.insert("kind".to_owned(), json!(resource.kind));
        map.insert("apiVersion".to_owned(), json!(resource.gvr().api_version()));
    }
    out
}

/// From what a client sent at `resource` to the kept version.
pub fn to_stored(resource: &Resource, mut served: Value) -> Value {
    match (resource.group, resource.version, resource.plural) {
        ("events.k8s.io", _, "events") => {
            rename(&mut served, EVENT_FIELDS.iter().map(|(core, new)| (*new, *core)));
            served["apiVersion"] = json!("v1");
        }
        ("autoscaling", "v1", "horizontalpodautoscalers") => {
            hpa_to_v2(&mut served);
            served["apiVersion"] = json!("autoscaling/v2");
        }
        _ => {}
    }
    served
}

fn rename<'a>(object: &mut Value, names: impl Iterator<Item = (&'a str, &'a str)>) {
    let Some(map) = object.as_object_mut() else { return };
    for (from, to) in names {
        if let Some(value) = map.remove(from) {
            map.insert(to.to_owned(), value);
        }
    }
}

fn take(map: &mut Value, key: &str) -> Option<Value> {
    map.as_object_mut()?.remove(key)
}

fn hpa_to_v1(hpa: &mut Value) {
    if let Some(Value::Array(metrics)) = take(&mut hpa["spec"], "metrics")
        && let Some(target) = cpu_target(&metrics)
    {
        hpa["spec"]["targetCPUUtilizationPercentage"] = target;
    }
    let current = take(&mut hpa["status"], "currentMetrics")
        .and_then(|v| v.as_array().cloned())
        .unwrap_or_default();
    let cpu = current.iter().find(|m| m["resource"]["name"] == "cpu");
    if let Some(value) = cpu.and_then(|m| m["resource"]["current"].get("averageUtilization")) {
        hpa["status"]["currentCPUUtilizationPercentage"] = value.clone();
    }
    for (parent, key) in [("status", "conditions"), ("spec", "behavior")] {
        take(&mut hpa[parent], key);
    }
}

fn cpu_target(metrics: &[Value]) -> Option<Value> {
    let cpu = metrics.iter().find(|m| m["resource"]["name"] == "cpu")?;
    cpu["resource"]["target"].get("averageUtilization").cloned()
}

fn hpa_to_v2(hpa: &mut Value) {
    if let Some(target) = take(&mut hpa["spec"], "targetCPUUtilizationPercentage") {
        hpa["spec"]["metrics"] = json!([{"type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": target}}}]);
    }
    if let Some(current) = take(&mut hpa["status"], "currentCPUUtilizationPercentage") {
        hpa["status"]["currentMetrics"] =
            json!([{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": current}}}]);
    }
}

/// The object without `kind` and `apiVersion`, as items of a list are written.
pub fn as_item(mut object: Value) -> Value {
    if let Some(map) = object.as_object_mut() {
        map.remove("kind");
        map.remove("apiVersion");
    }
    object
}

/// `kind` and `apiVersion` first, for readers of raw JSON.
pub fn headed(kind: &str, api_version: &str, rest: Value) -> Value {
    let mut out = Map::new();
    out.insert("kind".to_owned(), json!(kind));
    out.insert("apiVersion".to_owned(), json!(api_version));
    if let Value::Object(rest) = rest {
        out.extend(rest);
    }
    Value::Object(out)
}
