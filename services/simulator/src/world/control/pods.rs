//! Making and counting the pods of a controller.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    api::{defaults, limits, quota},
    store::{Gvr, Store},
    world::{chance::Chance, obj},
};

/// Pods controlled by the object with this uid.
pub(crate) fn owned(pods: &[Arc<Value>], owner: &str) -> Vec<Arc<Value>> {
    let mine = |pod: &&Arc<Value>| obj::controller(pod).is_some_and(|(_, _, uid)| uid == owner);
    pods.iter().filter(mine).cloned().collect()
}

/// Neither being deleted nor finished.
pub(crate) fn active(pod: &Value) -> bool {
    !obj::deleting(pod) && !matches!(obj::text(pod, "/status/phase"), "Failed" | "Succeeded")
}

pub(crate) fn ready(pod: &Value) -> bool {
    obj::is_true(pod, "Ready")
}

/// Since when a pod is ready.
pub(crate) fn ready_since(pod: &Value) -> Option<Timestamp> {
    obj::condition(pod, "Ready")
        .filter(|condition| condition["status"] == "True")
        .and_then(|condition| obj::time(condition, "/lastTransitionTime"))
}

/// When a ready pod becomes available; `None` while it is not ready.
pub(crate) fn available_from(pod: &Value, min_ready_seconds: i64) -> Option<Timestamp> {
    let delay = std::time::Duration::from_secs(min_ready_seconds.max(0).unsigned_abs());
    ready_since(pod).map(|since| obj::after(since, delay))
}

/// How many of the pods are what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) active: i64,
    pub(crate) ready: i64,
    pub(crate) available: i64,
    pub(crate) terminating: i64,
    /// When the next ready pod becomes available.
    pub(crate) next: Option<Timestamp>,
}

pub(crate) fn count(pods: &[Arc<Value>], min_ready_seconds: i64, now: Timestamp) -> Count {
    let mut count = Count::default();
    for pod in pods {
        if obj::deleting(pod) {
            count.terminating += 1;
        }
        if !active(pod) {
            continue;
        }
        count.active += 1;
        if let Some(from) = available_from(pod, min_ready_seconds) {
            count.ready += 1;
            if from <= now {
                count.available += 1;
            } else {
                count.next = super::sooner(count.next, Some(from));
            }
        }
    }
    count
}

/// Creates a pod from a template; the error is the API server's message.
pub(crate) fn create(
    store: &Store,
    chance: &mut Chance,
    owner: (&Value, &str, &str),
    template: &Value,
    name: Option<&str>,
) -> Result<Value, String> {
    let mut pod = build(chance, owner, template, name);
    limits::admit(store, &mut pod).map_err(|status| status.message)?;
    quota::admit(store, &pod).map_err(|status| status.message)?;
    store.create(&Gvr::pods(), pod).map_err(|status| status.message.clone())
}

/// A pod from a template, not stored yet. `owner` is the controller with its API version and kind.
pub(crate) fn build(chance: &mut Chance, owner: (&Value, &str, &str), template: &Value, name: Option<&str>) -> Value {
    let (parent, api_version, kind) = owner;
    let prefix = format!("{}-", obj::name(parent));
    let mut metadata = template["metadata"].clone();
    if !metadata.is_object() {
        metadata = json!({});
    }
    metadata["name"] = json!(name.map_or_else(|| format!("{prefix}{}", chance.suffix()), str::to_owned));
    if name.is_none() {
        metadata["generateName"] = json!(prefix);
    }
    metadata["namespace"] = json!(obj::namespace(parent));
    metadata["uid"] = json!(chance.uid());
    metadata["ownerReferences"] = json!([obj::owner_reference(parent, api_version, kind)]);
    let mut spec = template["spec"].clone();
    defaults::pod_spec(&mut spec);
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": {"phase": "Pending"}})
}
