//! VolumeSnapshots become ready a few seconds after they were asked for.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    store::{Gvr, Store},
    world::{control::sooner, obj},
};

/// Time the storage system takes.
const TAKING: Duration = Duration::from_secs(3);
const GROUP: &str = "snapshot.storage.k8s.io";

fn kind(plural: &str) -> Gvr {
    Gvr::new(GROUP, "v1", plural)
}

/// One look at every snapshot; answers when the next one is ready.
pub(crate) fn step(store: &Store, now: Timestamp) -> Option<Timestamp> {
    let mut next = None;
    for snapshot in store.awake(&kind("volumesnapshots")) {
        if !obj::deleting(&snapshot) && snapshot["status"]["readyToUse"] != true {
            next = sooner(next, sync(store, &snapshot, now));
        }
    }
    next
}

fn sync(store: &Store, snapshot: &Value, now: Timestamp) -> Option<Timestamp> {
    let ns = obj::namespace(snapshot);
    let claim = obj::text(snapshot, "/spec/source/persistentVolumeClaimName");
    let class = snapshot["spec"]["volumeSnapshotClassName"].as_str();
    let found = store.get_shared(&Gvr::persistent_volume_claims(), Some(ns), claim);
    let bound = found.filter(|claim| claim["status"]["phase"] == "Bound");
    let missing_class = class.filter(|class| store.get_shared(&kind("volumesnapshotclasses"), None, class).is_none());
    let why = match (&bound, missing_class) {
        (_, Some(class)) => Some(format!(
            "Failed to get snapshot class with error volumesnapshotclass.{GROUP} \"{class}\" not found"
        )),
        (None, None) => Some(format!(
            "Failed to create snapshot content with error snapshot controller failed to update {} on API server: cannot get claim from snapshot",
            obj::name(snapshot)
        )),
        (Some(_), None) => None,
    };
    if let Some(why) = why {
        if snapshot["status"]["error"]["message"] != why.as_str() {
            change(store, snapshot, |snapshot| {
                snapshot["status"] = json!({"readyToUse": false, "error": {"time": obj::rfc3339(now), "message": why}});
            });
        }
        return None;
    }
    let created = obj::time(snapshot, "/metadata/creationTimestamp").unwrap_or(now);
    let until = obj::after(created, TAKING);
    let content = format!("snapcontent-{}", obj::uid(snapshot));
    if until > now {
        if snapshot["status"]["boundVolumeSnapshotContentName"].is_null() {
            change(store, snapshot, |snapshot| {
                snapshot["status"] = json!({"readyToUse": false, "boundVolumeSnapshotContentName": content});
            });
        }
        return Some(until);
    }
    let size = bound.map(|claim| claim["status"]["capacity"]["storage"].clone());
    let object = json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": "VolumeSnapshotContent", "metadata": {"name": content},
        "spec": {"deletionPolicy": "Delete", "volumeSnapshotClassName": class,
            "volumeSnapshotRef": {"kind": "VolumeSnapshot", "namespace": ns, "name": obj::name(snapshot), "uid": obj::uid(snapshot)}},
        "status": {"readyToUse": true, "snapshotHandle": content},
    });
    if let Err(status) = store.create(&kind("volumesnapshotcontents"), object) {
        tracing::debug!(content, ?status, "snapshot content was not created");
    }
    change(store, snapshot, |snapshot| {
        snapshot["status"] = json!({"readyToUse": true, "boundVolumeSnapshotContentName": content,
            "creationTime": obj::rfc3339(created), "restoreSize": size});
    });
    None
}

fn change(store: &Store, snapshot: &Value, edit: impl FnMut(&mut Value)) {
    obj::change(store, &kind("volumesnapshots"), obj::namespace(snapshot), obj::name(snapshot), edit);
}
