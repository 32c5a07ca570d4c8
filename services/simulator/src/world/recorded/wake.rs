//! Who looks after an object again: what a client changed is awake, and so is whoever has to act on it.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;

use crate::{
    store::{Change, ChangeKind, Gvr, Store},
    world::obj,
};

/// Follows the change log. Controllers leave still objects alone, so whoever changed one was a client, or acted for one.
#[derive(Debug, Default)]
pub(super) struct Waker {
    /// Versions that the world itself wrote when it turned.
    own: BTreeSet<u64>,
}

impl Waker {
    /// A change of the world's own doing: nobody wakes for it.
    pub(super) fn ours(&mut self, written: &Value) {
        self.own.extend(obj::text(written, "/metadata/resourceVersion").parse::<u64>());
    }

    /// Looks at every change after version `seen`.
    pub(super) fn look(&mut self, store: &Store, seen: u64) {
        let Ok(mut changes) = store.watch(seen) else {
            tracing::warn!("more changed at once than the change log keeps; some objects may not have woken");
            return;
        };
        while let Ok(Some(change)) = changes.try_next() {
            if self.own.remove(&change.rv) {
                continue;
            }
            if store.is_still(obj::uid(&change.object)) && touched(&change) {
                wake(store, &change.object);
                if change.kind == ChangeKind::Deleted || obj::deleting(&change.object) {
                    wake_owners(store, &change.object);
                }
            }
            if change.gvr == Gvr::pods() && !store.is_still(obj::uid(&change.object)) {
                wake_selecting(store, &change);
            }
        }
    }
}

/// Whether more than the status of an object changed.
fn touched(change: &Change) -> bool {
    let Some(before) = change.previous.as_deref().filter(|_| change.kind != ChangeKind::Deleted) else {
        return true;
    };
    let now = &*change.object;
    let part = |object: &Value, key: &str| object["metadata"][key].clone();
    // Controllers of custom kinds take requests as annotations.
    let custom = change.gvr.group.contains('.') && !change.gvr.group.ends_with(".k8s.io");
    let mut meta = vec!["labels", "deletionTimestamp", "finalizers", "ownerReferences"];
    if custom {
        meta.push("annotations");
    }
    let content = |object: &Value| {
        let mut object = object.clone();
        if let Some(map) = object.as_object_mut() {
            map.remove("metadata");
            map.remove("status");
        }
        object
    };
    meta.into_iter().any(|key| part(before, key) != part(now, key)) || content(before) != content(now)
}

/// Wakes an object and everything it owns.
fn wake(store: &Store, object: &Value) {
    store.wake(obj::uid(object));
    for child in children(store, obj::uid(object)) {
        if store.is_still(obj::uid(&child)) {
            wake(store, &child);
        }
    }
}

fn children(store: &Store, owner: &str) -> Vec<Arc<Value>> {
    let kinds = [
        Gvr::replica_sets(),
        Gvr::pods(),
        Gvr::endpoint_slices(),
        Gvr::jobs(),
        Gvr::controller_revisions(),
    ];
    let all = kinds.into_iter().flat_map(|gvr| store.list_shared(&gvr, None).0);
    let owned = |object: &Arc<Value>| {
        let references = object["metadata"]["ownerReferences"].as_array();
        references.is_some_and(|all| all.iter().any(|reference| reference["uid"] == owner))
    };
    all.filter(owned).collect()
}

/// Wakes who has to replace something that goes, and who counts what that one has.
fn wake_owners(store: &Store, gone: &Value) {
    let Some((kind, name, _)) = obj::controller(gone) else { return };
    let gvr = match kind {
        "ReplicaSet" => Gvr::replica_sets(),
        "StatefulSet" => Gvr::stateful_sets(),
        "DaemonSet" => Gvr::daemon_sets(),
        "Deployment" => Gvr::deployments(),
        "Job" => Gvr::jobs(),
        _ => return,
    };
    if let Some(owner) = store.get_shared(&gvr, Some(obj::namespace(gone)), name) {
        wake(store, &owner);
        wake_owners(store, &owner);
    }
}

/// Services list the pods that move, and disruption budgets count them.
fn wake_selecting(store: &Store, change: &Change) {
    let states = [Some(&change.object), change.previous.as_ref()];
    let any = |selects: &dyn Fn(&Value) -> bool| states.into_iter().flatten().any(|pod| selects(pod));
    let ns = Some(obj::namespace(&change.object));
    for service in store.list_shared(&Gvr::services(), ns).0 {
        if store.is_still(obj::uid(&service)) && any(&|pod| obj::selects_plainly(&service["spec"]["selector"], pod)) {
            wake(store, &service);
        }
    }
    for budget in store.list_shared(&Gvr::pod_disruption_budgets(), ns).0 {
        if any(&|pod| obj::selects(&budget["spec"]["selector"], pod)) {
            store.wake(obj::uid(&budget));
        }
    }
}
