//! Answers of the Kubernetes API as facts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use paramedic_domain::{id::EvidenceId, object::ObjectRef};
use serde_json::Value;

use super::{
    facts::{Container, Ended, Pod, Workload},
    families, quantity, revisions,
};

/// The text at a pointer, `""` if there is none.
#[must_use]
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The number at a pointer.
#[must_use]
pub fn count(value: &Value, pointer: &str) -> Option<u32> {
    u32::try_from(value.pointer(pointer)?.as_u64()?).ok()
}

/// The quantity at a pointer.
#[must_use]
pub fn amount(value: &Value, pointer: &str) -> Option<f64> {
    quantity::parse(value.pointer(pointer)?.as_str()?)
}

/// The number that stands at a pointer: a number, a quantity, or 1 and 0 for truth values and the states of conditions. With `#` before it
/// the pointer counts the entries of a list. A step `type=Ready` finds the entry of a list by a field.
#[must_use]
pub fn figure(value: &Value, pointer: &str) -> Option<f64> {
    let (counts, pointer) = pointer.strip_prefix('#').map_or((false, pointer), |rest| (true, rest));
    let mut found = Some(value);
    for step in pointer.split('/').skip(1) {
        found = found.and_then(|value| match step.split_once('=') {
            Some((field, wanted)) => value.as_array()?.iter().find(|entry| entry[field] == wanted),
            None => value.pointer(&format!("/{step}")),
        });
    }
    if counts {
        return Some(found.and_then(Value::as_array).map_or(0.0, |list| list.len() as f64));
    }
    match found? {
        Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
        Value::Number(number) => number.as_f64(),
        Value::String(text) if text == "True" => Some(1.0),
        Value::String(text) if text == "False" || text == "Unknown" => Some(0.0),
        Value::String(text) => quantity::parse(text),
        _ => None,
    }
}

/// The time at a pointer.
#[must_use]
pub fn time(value: &Value, pointer: &str) -> Option<Timestamp> {
    text(value, pointer).parse().ok()
}

/// The elements at a pointer.
pub fn each<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// A map of texts at a pointer.
#[must_use]
pub fn texts(value: &Value, pointer: &str) -> BTreeMap<String, String> {
    let map = value.pointer(pointer).and_then(Value::as_object);
    let entries = map.into_iter().flatten();
    entries
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// The controller that owns an object: kind and name.
#[must_use]
pub fn controller(object: &Value) -> Option<(String, String)> {
    let mut owners = each(object, "/metadata/ownerReferences");
    let owner = owners.find(|owner| owner["controller"] == Value::Bool(true))?;
    Some((text(owner, "/kind").to_owned(), text(owner, "/name").to_owned()))
}

/// A label selector as a query parameter: `app=x,tier in (a,b)`.
#[must_use]
pub fn selector(value: &Value) -> String {
    let mut parts: Vec<String> = texts(value, "/matchLabels")
        .into_iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    for expression in each(value, "/matchExpressions") {
        let key = text(expression, "/key");
        let values: Vec<&str> = each(expression, "/values").filter_map(Value::as_str).collect();
        parts.push(match text(expression, "/operator") {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "Exists" => key.to_owned(),
            _ => format!("!{key}"),
        });
    }
    parts.join(",")
}

/// A Deployment, StatefulSet or DaemonSet; `wanted` is the container that an alert names, or `""`.
#[must_use]
pub fn workload(object: &Value, kind: &str, wanted: &str, evidence: EvidenceId) -> Option<Workload> {
    let name = text(object, "/metadata/name");
    let namespace = text(object, "/metadata/namespace");
    let pod = object.pointer("/spec/template/spec")?;
    let containers: Vec<&Value> = each(pod, "/containers").collect();
    let named = |name: &str| containers.iter().find(|container| text(container, "/name") == name).copied();
    let container = named(wanted).or_else(|| named(name)).or_else(|| containers.first().copied())?;
    let (desired, ready) = match kind {
        "DaemonSet" => ("/status/desiredNumberScheduled", "/status/numberReady"),
        _ => ("/spec/replicas", "/status/readyReplicas"),
    };
    let desired = count(object, desired).unwrap_or(if kind == "DaemonSet" { 0 } else { 1 });
    let mut reference = ObjectRef::new("apps/v1", kind, Some(namespace), name);
    reference.uid = Some(text(object, "/metadata/uid").to_owned()).filter(|uid| !uid.is_empty());
    Some(Workload {
        object: reference,
        container: text(container, "/name").to_owned(),
        labels: texts(object, "/metadata/labels"),
        desired,
        ready: count(object, ready).unwrap_or(0),
        limit: amount(container, "/resources/limits/memory"),
        request: amount(container, "/resources/requests/memory").or_else(|| amount(container, "/resources/limits/memory")),
        has_args: each(container, "/args").next().is_some(),
        scratch: scratch(pod, container),
        counted: families::usual(),
        surge: surge(object, desired),
        evidence,
    })
}

/// Mount paths of the container on volumes that end with the pod.
fn scratch(pod: &Value, container: &Value) -> Vec<String> {
    let lost: Vec<&str> = each(pod, "/volumes")
        .filter(|volume| volume.get("emptyDir").is_some())
        .map(|volume| text(volume, "/name"))
        .collect();
    let mounts = each(container, "/volumeMounts").filter(|mount| lost.contains(&text(mount, "/name")));
    mounts.map(|mount| text(mount, "/mountPath").to_owned()).collect()
}

/// Pods above the wanted number that a rollout may run.
fn surge(object: &Value, desired: u32) -> u32 {
    match object.pointer("/spec/strategy/rollingUpdate/maxSurge") {
        Some(Value::Number(number)) => number.as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
        Some(Value::String(percent)) => {
            let share: u32 = percent.trim_end_matches('%').parse().unwrap_or(0);
            (desired * share).div_ceil(100)
        }
        _ => 0,
    }
}

/// A pod.
#[must_use]
pub fn pod(object: &Value, evidence: EvidenceId) -> Pod {
    let ready =
        each(object, "/status/conditions").any(|condition| text(condition, "/type") == "Ready" && text(condition, "/status") == "True");
    Pod {
        name: text(object, "/metadata/name").to_owned(),
        revision: revisions::of_pod(object),
        created: time(object, "/metadata/creationTimestamp"),
        ready,
        containers: each(object, "/status/containerStatuses").map(container).collect(),
        evidence,
    }
}

fn container(status: &Value) -> Container {
    let ended = |pointer: &str| status.pointer(pointer).filter(|ended| ended.is_object()).map(ended);
    Container {
        name: text(status, "/name").to_owned(),
        restarts: count(status, "/restartCount").unwrap_or(0),
        waiting: status
            .pointer("/state/waiting")
            .filter(|waiting| waiting.is_object())
            .map(|waiting| (text(waiting, "/reason").to_owned(), text(waiting, "/message").to_owned())),
        ended: ended("/lastState/terminated").or_else(|| ended("/state/terminated")),
    }
}

fn ended(value: &Value) -> Ended {
    let code = value.get("exitCode").and_then(Value::as_i64).unwrap_or_default();
    Ended {
        reason: text(value, "/reason").to_owned(),
        exit_code: i32::try_from(code).unwrap_or(-1),
        at: time(value, "/finishedAt"),
    }
}

/// The memory that a pod reserves: the sum of its containers' requests, bytes.
#[must_use]
pub fn requested(pod: &Value) -> f64 {
    if matches!(text(pod, "/status/phase"), "Succeeded" | "Failed") {
        return 0.0;
    }
    let of = |container: &Value| amount(container, "/resources/requests/memory").or_else(|| amount(container, "/resources/limits/memory"));
    each(pod, "/spec/containers").filter_map(of).sum()
}

/// Only what can be a namespace goes into a path: the text comes from alerts.
#[must_use]
pub fn is_label(text: &str) -> bool {
    !text.is_empty() && text.len() <= 63 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
