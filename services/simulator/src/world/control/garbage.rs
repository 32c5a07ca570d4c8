//! The garbage collector: dependents go when their last owner is gone; foreground and orphaning deletions are finished.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    store::{Gvr, Store},
    world::obj,
};

/// Kinds that own others here.
fn owners() -> [Gvr; 8] {
    [
        Gvr::deployments(),
        Gvr::replica_sets(),
        Gvr::stateful_sets(),
        Gvr::daemon_sets(),
        Gvr::services(),
        Gvr::cron_jobs(),
        Gvr::jobs(),
        Gvr::nodes(),
    ]
}

/// Kinds that are owned here.
fn dependents() -> [Gvr; 5] {
    [
        Gvr::replica_sets(),
        Gvr::pods(),
        Gvr::endpoint_slices(),
        Gvr::jobs(),
        Gvr::controller_revisions(),
    ]
}

/// Removes what nobody owns any more.
pub(crate) fn step(store: &Store, now: Timestamp) {
    let mut alive = BTreeSet::new();
    let mut dying = Vec::new();
    for gvr in owners() {
        for object in store.list_shared(&gvr, None).0 {
            let still = store.is_still(obj::uid(&object));
            if !still && obj::deleting(&object) && object["metadata"]["finalizers"].is_array() {
                dying.push((gvr.clone(), object.clone()));
            }
            alive.insert(obj::uid(&object).to_owned());
        }
    }
    for (gvr, owner) in &dying {
        finish(store, gvr, owner, now);
    }
    for gvr in dependents() {
        for object in store.awake(&gvr) {
            let references = object["metadata"]["ownerReferences"].as_array().map_or(&[][..], Vec::as_slice);
            // Owners of kinds not listed above are taken to be there.
            let known = |r: &Value| {
                matches!(
                    obj::text(r, "/kind"),
                    "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Service" | "CronJob" | "Job" | "Node"
                )
            };
            let gone = |r: &Value| known(r) && !alive.contains(obj::text(r, "/uid"));
            if !references.is_empty() && references.iter().all(gone) {
                discard(store, &gvr, &object, now);
            }
        }
    }
    // Namespaced endpoints share the life of their Service.
    for object in store.awake(&Gvr::endpoints()) {
        let ns = obj::namespace(&object);
        if store.get_shared(&Gvr::services(), Some(ns), obj::name(&object)).is_none() {
            obj::remove(store, &Gvr::endpoints(), &object);
        }
    }
}

fn finish(store: &Store, gvr: &Gvr, owner: &Value, now: Timestamp) {
    let has = |finalizer: &str| {
        owner["metadata"]["finalizers"]
            .as_array()
            .is_some_and(|all| all.iter().any(|f| f == finalizer))
    };
    let children = children(store, obj::uid(owner));
    if has("orphan") {
        for (gvr, child) in &children {
            obj::change(store, gvr, obj::namespace(child), obj::name(child), |child| {
                if let Some(references) = child["metadata"]["ownerReferences"].as_array_mut() {
                    references.retain(|r| r["uid"] != obj::uid(owner));
                }
            });
        }
        release(store, gvr, owner, "orphan");
    } else if has("foregroundDeletion") {
        if children.is_empty() {
            release(store, gvr, owner, "foregroundDeletion");
        }
        for (gvr, child) in &children {
            discard(store, gvr, child, now);
        }
    }
}

fn children(store: &Store, owner: &str) -> Vec<(Gvr, Arc<Value>)> {
    let mut found = Vec::new();
    for gvr in dependents() {
        for object in store.list_shared(&gvr, None).0 {
            let references = object["metadata"]["ownerReferences"].as_array();
            if references.is_some_and(|all| all.iter().any(|r| r["uid"] == owner)) {
                found.push((gvr.clone(), object));
            }
        }
    }
    found
}

fn discard(store: &Store, gvr: &Gvr, object: &Value, now: Timestamp) {
    if *gvr == Gvr::pods() {
        obj::delete_pod(store, object, now);
    } else if !obj::deleting(object) {
        // Its own children follow when it is gone.
        let foreground = *gvr == Gvr::replica_sets() && !children(store, obj::uid(object)).is_empty();
        if foreground {
            obj::change(store, gvr, obj::namespace(object), obj::name(object), |object| {
                object["metadata"]["finalizers"] = json!(["foregroundDeletion"]);
                object["metadata"]["deletionGracePeriodSeconds"] = json!(0);
                object["metadata"]["deletionTimestamp"] = json!(obj::rfc3339(now));
            });
        } else {
            obj::remove(store, gvr, object);
        }
    }
}

/// Takes away a finalizer; the object goes with its last one.
fn release(store: &Store, gvr: &Gvr, object: &Value, finalizer: &str) {
    let mut empty = false;
    obj::change(store, gvr, obj::namespace(object), obj::name(object), |object| {
        if let Some(finalizers) = object["metadata"]["finalizers"].as_array_mut() {
            finalizers.retain(|f| f != finalizer);
            empty = finalizers.is_empty();
        }
    });
    let ns = obj::namespace(object);
    if empty && store.get_shared(gvr, (!ns.is_empty()).then_some(ns), obj::name(object)).is_some() {
        obj::remove(store, gvr, object);
    }
}
