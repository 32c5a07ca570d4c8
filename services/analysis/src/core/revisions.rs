//! Revisions of a workload: the ReplicaSets of a Deployment, the ControllerRevisions of a StatefulSet or DaemonSet.

use std::{cmp::Reverse, collections::BTreeSet};

use paramedic_domain::id::EvidenceId;
use serde_json::Value;

use super::{
    facts::Revision,
    read::{controller, count, text, time},
    redact::redact,
};

/// The label by which pods of StatefulSets and DaemonSets tell of which revision they are.
const HASH: &str = "/metadata/labels/controller-revision-hash";
/// Members of kept templates that are not the author's: the label by which a ReplicaSet tells its pods from its sisters', and a
/// directive of the patch that a ControllerRevision is kept as.
const NOT_OURS: [&str; 2] = ["pod-template-hash", "$patch"];

/// The kind that keeps the templates of a kind of workload, and its plural.
#[must_use]
pub fn keeper(workload: &str) -> (&'static str, &'static str) {
    match workload {
        "Deployment" => ("ReplicaSet", "replicasets"),
        _ => ("ControllerRevision", "controllerrevisions"),
    }
}

/// Name of the ReplicaSet or ControllerRevision that a pod was made from; of its controller where that keeps none.
#[must_use]
pub fn of_pod(pod: &Value) -> String {
    let (kind, owner) = controller(pod).unwrap_or_default();
    match (kind.as_str(), text(pod, HASH)) {
        ("StatefulSet", hash) if !hash.is_empty() => hash.to_owned(),
        ("DaemonSet", hash) if !hash.is_empty() => format!("{owner}-{hash}"),
        _ => owner,
    }
}

/// The number of what keeps a template; 0: it has none.
#[must_use]
pub fn number(kept: &Value) -> u64 {
    let annotated = text(kept, "/metadata/annotations/deployment.kubernetes.io~1revision");
    kept["revision"].as_u64().unwrap_or_else(|| annotated.parse().unwrap_or(0))
}

/// What keeps templates of this workload, among objects of the [`keeper`]'s kind.
pub fn own<'v>(all: impl Iterator<Item = &'v Value>, kind: &str, name: &str) -> Vec<&'v Value> {
    all.filter(|kept| controller(kept).is_some_and(|owner| (owner.0.as_str(), owner.1.as_str()) == (kind, name)))
        .collect()
}

/// Revisions from what keeps them, newest first, each with its changes against the one before. `pods` are those of the workload,
/// each with the name of its revision and whether it is ready: a ControllerRevision does not count them.
#[must_use]
pub fn revisions(kept: &[&Value], pods: &[(String, bool)], evidence: &EvidenceId) -> Vec<Revision> {
    let mut kept = kept.to_vec();
    kept.sort_by_key(|one| Reverse(number(one)));
    let mut revisions = Vec::new();
    for (i, one) in kept.iter().enumerate() {
        let Some(created) = time(one, "/metadata/creationTimestamp") else {
            continue;
        };
        let mut changes = Vec::new();
        if let Some(before) = kept.get(i + 1) {
            difference("template", template(before), template(one), &mut changes);
        }
        let name = text(one, "/metadata/name");
        let own = || pods.iter().filter(|(revision, _)| revision == name);
        let counted = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        revisions.push(Revision {
            number: number(one),
            created,
            replicas: count(one, "/status/replicas").unwrap_or_else(|| counted(own().count())),
            ready: count(one, "/status/readyReplicas").unwrap_or_else(|| counted(own().filter(|(_, ready)| *ready).count())),
            name: name.to_owned(),
            changes,
            evidence: evidence.clone(),
        });
    }
    revisions
}

fn template(kept: &Value) -> &Value {
    let pointers = ["/data/spec/template", "/spec/template"];
    pointers.iter().find_map(|pointer| kept.pointer(pointer)).unwrap_or(&Value::Null)
}

/// Leaves that differ, as `path: old -> new`.
fn difference(path: &str, old: &Value, new: &Value, out: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(before), Value::Object(after)) => {
            let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for key in keys.into_iter().filter(|key| !NOT_OURS.contains(&key.as_str())) {
                let absent = Value::Null;
                let (from, to) = (before.get(key).unwrap_or(&absent), after.get(key).unwrap_or(&absent));
                difference(&format!("{path}.{key}"), from, to, out);
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (i, (from, to)) in before.iter().zip(after).enumerate() {
                difference(&format!("{path}[{i}]"), from, to, out);
            }
        }
        _ if old == new => {}
        _ => out.push(redact(&format!("{path}: {} -> {}", short(old), short(new)))),
    }
}

fn short(value: &Value) -> String {
    let text = match value {
        Value::Null => "(none)".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.chars().take(160).collect()
}
