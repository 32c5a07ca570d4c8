//! Small readers and writers of Kubernetes objects as JSON.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp, Unit};
use serde_json::{Value, json};

use crate::store::{Gvr, Store};

/// `metadata.name`, or empty.
pub(crate) fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// `metadata.namespace`, or empty.
pub(crate) fn namespace(object: &Value) -> &str {
    object["metadata"]["namespace"].as_str().unwrap_or_default()
}

/// `metadata.uid`, or empty.
pub(crate) fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

/// An integer at a JSON pointer.
pub(crate) fn int(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer).and_then(Value::as_i64)
}

/// A text at a JSON pointer, or empty.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A time at a JSON pointer.
pub(crate) fn time(object: &Value, pointer: &str) -> Option<Timestamp> {
    text(object, pointer).parse().ok()
}

/// True once a deletion was asked for.
pub(crate) fn deleting(object: &Value) -> bool {
    object["metadata"].get("deletionTimestamp").is_some_and(|at| !at.is_null())
}

/// The owner that controls an object: kind, name, uid.
pub(crate) fn controller(object: &Value) -> Option<(&str, &str, &str)> {
    let owners = object["metadata"]["ownerReferences"].as_array()?;
    let owner = owners.iter().find(|owner| owner["controller"] == true)?;
    Some((owner["kind"].as_str()?, owner["name"].as_str()?, owner["uid"].as_str()?))
}

/// An owner reference to `owner` as its controller.
pub(crate) fn owner_reference(owner: &Value, api_version: &str, kind: &str) -> Value {
    json!({
        "apiVersion": api_version, "kind": kind, "name": name(owner), "uid": uid(owner),
        "controller": true, "blockOwnerDeletion": true,
    })
}

/// Labels of an object.
pub(crate) fn labels(object: &Value) -> BTreeMap<&str, &str> {
    let labels = object["metadata"]["labels"].as_object();
    labels
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
        .collect()
}

/// True when `labels` satisfy a `metav1.LabelSelector`. An absent selector matches nothing, an empty one everything.
pub(crate) fn selects(selector: &Value, object: &Value) -> bool {
    if !selector.is_object() {
        return false;
    }
    let labels = labels(object);
    let equal = selector["matchLabels"].as_object();
    let equal = equal
        .into_iter()
        .flatten()
        .all(|(key, value)| labels.get(key.as_str()).copied() == value.as_str());
    equal
        && selector["matchExpressions"].as_array().into_iter().flatten().all(|term| {
            let found = labels.get(term["key"].as_str().unwrap_or_default());
            let listed = || {
                term["values"]
                    .as_array()
                    .is_some_and(|all| found.is_some_and(|f| all.iter().any(|v| v == f)))
            };
            match term["operator"].as_str() {
                Some("In") => listed(),
                Some("NotIn") => !listed(),
                Some("Exists") => found.is_some(),
                Some("DoesNotExist") => found.is_none(),
                _ => false,
            }
        })
}

/// True when a plain label map (a Service's selector) selects the object; an empty map selects nothing.
pub(crate) fn selects_plainly(selector: &Value, object: &Value) -> bool {
    let labels = labels(object);
    selector.as_object().is_some_and(|wanted| {
        !wanted.is_empty()
            && wanted
                .iter()
                .all(|(key, value)| labels.get(key.as_str()).copied() == value.as_str())
    })
}

/// A condition of `status.conditions` by type.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"]
        .as_array()?
        .iter()
        .find(|condition| condition["type"] == kind)
}

/// True when a condition has status "True".
pub(crate) fn is_true(object: &Value, kind: &str) -> bool {
    condition(object, kind).is_some_and(|condition| condition["status"] == "True")
}

/// `metav1.Time`: whole seconds, never in the future.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    let whole = at.round(jiff::TimestampRound::new().smallest(Unit::Second).mode(jiff::RoundMode::Floor));
    whole.unwrap_or(at).to_string()
}

/// Adds a duration; stops at the end of representable time.
pub(crate) fn after(time: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by)
        .ok()
        .and_then(|by| time.checked_add(by).ok())
        .unwrap_or(Timestamp::MAX)
}

/// Subtracts a duration; stops at the beginning of representable time.
pub(crate) fn before(time: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by)
        .ok()
        .and_then(|by| time.checked_sub(by).ok())
        .unwrap_or(Timestamp::MIN)
}

/// Seconds since 1970 as the models use them.
pub(crate) fn secs(time: Timestamp) -> f64 {
    time.as_nanosecond() as f64 / 1e9
}

/// The time `seconds` after 1970.
pub(crate) fn at_secs(seconds: f64) -> Timestamp {
    Timestamp::from_nanosecond((seconds * 1e9) as i128).unwrap_or(Timestamp::MAX)
}

/// Changes an object that may have vanished meanwhile; a refusal is logged, the next pass looks again.
pub(crate) fn change(store: &Store, gvr: &Gvr, ns: &str, name: &str, mut edit: impl FnMut(&mut Value)) {
    let ns = (!ns.is_empty()).then_some(ns);
    let outcome = store.update(gvr, ns, name, &mut |object| {
        edit(object);
        Ok(())
    });
    if let Err(status) = outcome {
        tracing::debug!(%gvr, name, ?status, "object was not changed");
    }
}

/// Asks for the graceful deletion of a pod; asking twice changes nothing.
pub(crate) fn delete_pod(store: &Store, pod: &Value, now: Timestamp) {
    if deleting(pod) {
        return;
    }
    if text(pod, "/spec/nodeName").is_empty() {
        // Never reached a kubelet: nothing to stop.
        remove(store, &Gvr::pods(), pod);
        return;
    }
    let grace = int(pod, "/spec/terminationGracePeriodSeconds").unwrap_or(30).max(1);
    let until = after(now, Duration::from_secs(grace.unsigned_abs()));
    change(store, &Gvr::pods(), namespace(pod), name(pod), |pod| {
        if !deleting(pod) {
            pod["metadata"]["deletionTimestamp"] = json!(rfc3339(until));
            pod["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
        }
    });
}

/// Removes an object that may have vanished meanwhile.
pub(crate) fn remove(store: &Store, gvr: &Gvr, object: &Value) {
    let ns = namespace(object);
    if let Err(status) = store.delete(gvr, (!ns.is_empty()).then_some(ns), name(object)) {
        tracing::debug!(%gvr, name = name(object), ?status, "object was already gone");
    }
}
