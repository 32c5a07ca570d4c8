//! What may not change once it is there.

use serde_json::{Value, json};

use super::super::catalog::Resource;
use crate::store::{Cause, Gvr, Status, name_of};

/// Refuses a changed name, namespace, uid or a stale resourceVersion.
pub fn immutables(resource: &Resource, gvr: &Gvr, old: &Value, new: &Value) -> Result<(), Status> {
    let (was, is) = (&old["metadata"], &new["metadata"]);
    let name = name_of(old);
    if is.get("name").is_some_and(|n| *n != was["name"]) {
        let sent = is["name"].as_str().unwrap_or_default();
        let why = format!("the name of the object ({sent}) does not match the name on the URL ({name})");
        return Err(Status::bad_request(why));
    }
    if is.get("namespace").is_some_and(|n| !n.is_null() && *n != was["namespace"]) {
        let why = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Status::bad_request(why));
    }
    let rv = is["resourceVersion"].as_str().unwrap_or_default();
    if !rv.is_empty() && was["resourceVersion"] != rv {
        return Err(Status::stale(gvr, name));
    }
    if let Some(uid) = is.get("uid").filter(|u| u.as_str().is_some_and(|u| !u.is_empty()))
        && *uid != was["uid"]
    {
        // The real server finds this twice, in the common and in the kind's own check.
        let cause = Cause::invalid("metadata.uid", uid, "field is immutable");
        return Err(Status::invalid(resource.group, resource.kind, name, &[cause.clone(), cause]));
    }
    Ok(())
}

/// Fields of a kind that are fixed.
pub(super) fn check(resource: &Resource, old: &Value, new: &Value, causes: &mut Vec<Cause>) {
    let (was, is) = (&old["spec"], &new["spec"]);
    match (resource.group, resource.plural) {
        ("apps", "deployments" | "replicasets" | "daemonsets") if was["selector"] != is["selector"] => {
            causes.push(Cause::invalid("spec.selector", &is["selector"], "field is immutable"));
        }
        ("apps", "statefulsets") => stateful_set(was, is, causes),
        ("batch", "jobs") => {
            for field in ["selector", "template", "completionMode"] {
                if was[field] != is[field] {
                    causes.push(Cause::invalid(format!("spec.{field}"), &is[field], "field is immutable"));
                }
            }
        }
        ("", "persistentvolumeclaims") => super::claim::update(old, new, causes),
        ("", "pods") => pod(was, is, causes),
        ("", "services") => {
            let (before, after) = (&was["clusterIP"], &is["clusterIP"]);
            if before.is_string() && before != after {
                causes.push(Cause::invalid("spec.clusterIPs[0]", after, "may not change once set"));
            }
        }
        ("", "configmaps" | "secrets") if old["immutable"] == true => {
            for field in ["data", "binaryData"] {
                if old[field] != new[field] {
                    causes.push(Cause::forbidden(field, "field is immutable when `immutable` is set"));
                }
            }
        }
        _ => {}
    }
}

fn stateful_set(was: &Value, is: &Value, causes: &mut Vec<Cause>) {
    const MUTABLE: [&str; 8] = [
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
        "paused",
    ];
    let fixed = |spec: &Value| {
        let mut copy = spec.clone();
        if let Some(map) = copy.as_object_mut() {
            map.retain(|key, _| !MUTABLE.contains(&key.as_str()));
        }
        copy
    };
    if fixed(was) != fixed(is) {
        let why = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', \
                   'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
        causes.push(Cause::forbidden("spec", why));
    }
}

fn pod(was: &Value, is: &Value, causes: &mut Vec<Cause>) {
    let fixed = |spec: &Value| {
        let mut copy = spec.clone();
        if let Some(map) = copy.as_object_mut() {
            for key in ["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "nodeName"] {
                map.remove(key);
            }
        }
        for key in ["containers", "initContainers"] {
            for container in copy.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
                container["image"] = json!("");
            }
        }
        copy
    };
    if fixed(was) != fixed(is) {
        let why = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,\
                   `spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),\
                   `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
        causes.push(Cause::forbidden("spec", why));
    }
}
