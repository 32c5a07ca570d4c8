//! Which recorded revision stands for the present template of a workload. Controllers compare templates and hashes; recordings
//! abbreviate the ones and have the others from elsewhere, and neither may look like a new rollout to whoever wakes.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    store::{Gvr, Store},
    world::{
        control::{deployment, pods, revisions},
        obj,
    },
};

/// Completes the histories of everything that has one.
pub(super) fn complete(store: &Store) {
    for deployment in store.list_shared(&Gvr::deployments(), None).0 {
        replica_sets(store, &deployment);
    }
    for (kind, gvr) in [("StatefulSet", Gvr::stateful_sets()), ("DaemonSet", Gvr::daemon_sets())] {
        for set in store.list_shared(&gvr, None).0 {
            controller_revisions(store, &set, kind);
        }
    }
}

/// The ReplicaSet of a Deployment's present revision gets the whole template, if what it says of it does not differ.
fn replica_sets(store: &Store, owner: &Value) {
    let sets = pods::owned(
        &store.list_shared(&Gvr::replica_sets(), Some(obj::namespace(owner))).0,
        obj::uid(owner),
    );
    let number = deployment::revision(owner);
    let present = sets.iter().find(|set| number > 0 && deployment::revision(set) == number);
    let Some(set) = present.or_else(|| sets.iter().max_by_key(|set| deployment::revision(set))) else {
        return;
    };
    let wanted = &owner["spec"]["template"];
    if !agrees(&set["spec"]["template"]["spec"], &wanted["spec"]) {
        return;
    }
    obj::change(store, &Gvr::replica_sets(), obj::namespace(set), obj::name(set), |set| {
        let hash = set["spec"]["template"]["metadata"]["labels"].get(deployment::HASH).cloned();
        set["spec"]["template"] = wanted.clone();
        if let Some(hash) = hash {
            set["spec"]["template"]["metadata"]["labels"][deployment::HASH] = hash;
        }
    });
}

/// The present template of a StatefulSet or DaemonSet is kept under the hash that its pods carry, and pods without one get it.
fn controller_revisions(store: &Store, set: &Value, kind: &str) {
    let ns = obj::namespace(set);
    let mine = pods::owned(&store.list_shared(&Gvr::pods(), Some(ns)).0, obj::uid(set));
    let mut present: Vec<&Arc<Value>> = mine.iter().collect();
    present.retain(|pod| images(&pod["spec"]) == images(&set["spec"]["template"]["spec"]));
    let prefix = format!("{}-", obj::name(set));
    let carried = present
        .iter()
        .find_map(|pod| obj::labels(pod).get(revisions::REVISION_LABEL).map(|label| (*label).to_owned()));
    let told = Some(obj::text(set, "/status/updateRevision").to_owned()).filter(|name| !name.is_empty());
    let hash = told.or(carried).unwrap_or_else(|| revisions::hash(store, set));
    let hash = hash.strip_prefix(&prefix).unwrap_or(&hash);
    let name = format!("{prefix}{hash}");
    let mut template = set["spec"]["template"].clone();
    template["$patch"] = json!("replace");
    let data = json!({"spec": {"template": template}});
    if store.get_shared(&Gvr::controller_revisions(), Some(ns), &name).is_some() {
        obj::change(store, &Gvr::controller_revisions(), ns, &name, |revision| {
            revision["data"] = data.clone()
        });
    } else {
        revisions::keep(store, set, kind, hash);
        if let Some(made) = store.get_shared(&Gvr::controller_revisions(), Some(ns), &name) {
            store.hold_still(obj::uid(&made));
        }
    }
    let label = if kind == "StatefulSet" { name.as_str() } else { hash };
    for pod in present
        .iter()
        .filter(|pod| !obj::labels(pod).contains_key(revisions::REVISION_LABEL))
    {
        obj::change(store, &Gvr::pods(), ns, obj::name(pod), |pod| {
            if !pod["metadata"]["labels"].is_object() {
                pod["metadata"]["labels"] = json!({});
            }
            pod["metadata"]["labels"][revisions::REVISION_LABEL] = json!(label);
        });
    }
}

/// The images of a pod by container: what tells one template from another even where people leave the rest out.
pub(super) fn images(spec: &Value) -> Vec<(&str, &str)> {
    let containers = spec["containers"].as_array().into_iter().flatten();
    let mut all: Vec<(&str, &str)> = containers.map(|c| (obj::text(c, "/name"), obj::text(c, "/image"))).collect();
    all.sort_unstable();
    all
}

/// Whether two values say nothing different: what only one of them gives does not count.
fn agrees(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Null, _) | (_, Value::Null) => true,
        (Value::Object(a), Value::Object(b)) => a.iter().all(|(key, value)| b.get(key).is_none_or(|other| agrees(value, other))),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| agrees(a, b)),
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_one_says_is_no_difference() {
        let full = json!({"containers": [{"name": "a", "image": "a:1", "resources": {"limits": {"memory": "1Gi"}}}]});
        assert!(agrees(&json!({"containers": [{"name": "a", "image": "a:1"}]}), &full));
        assert!(!agrees(&json!({"containers": [{"name": "a", "image": "a:2"}]}), &full));
        assert!(!agrees(&json!({"containers": [{"name": "a"}, {"name": "b"}]}), &full));
    }
}
