//! Volumes: claims are bound to volumes, provisioned by their class, and grown when the class allows it.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{pods, sooner};
use crate::{
    store::{Gvr, Store},
    world::{
        events::{About, tell_about},
        obj, quantity,
    },
};

/// Time the storage system, and then the node, takes to grow a volume.
const GROWING: Duration = Duration::from_secs(3);
/// Marks the class of claims that name none.
const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";
/// Says who provisioned a volume, and with it that it may be deleted with its claim.
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";

const CLAIM: About = About {
    api_version: "v1",
    kind: "PersistentVolumeClaim",
    component: "persistentvolume-controller",
};
const RESIZER: About = About {
    api_version: "v1",
    kind: "PersistentVolumeClaim",
    component: "external-resizer",
};
const POD: About = About {
    api_version: "v1",
    kind: "Pod",
    component: "kubelet",
};

/// One look at every claim and volume; answers when a volume will have grown.
pub(crate) fn step(store: &Store, now: Timestamp) -> Option<Timestamp> {
    let mut next = None;
    for claim in store.awake(&Gvr::persistent_volume_claims()) {
        match obj::text(&claim, "/status/phase") {
            "Bound" => next = sooner(next, grow(store, &claim, now)),
            _ => bind(store, &claim, now),
        }
    }
    for volume in store.awake(&Gvr::persistent_volumes()) {
        reclaim(store, &volume);
    }
    next
}

/// The names of the claims a pod mounts.
pub(crate) fn claims_of(pod: &Value) -> impl Iterator<Item = &str> {
    let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
    volumes.filter_map(|volume| volume["persistentVolumeClaim"]["claimName"].as_str())
}

/// Why a pod cannot be scheduled because of its claims.
pub(crate) fn obstacle(store: &Store, pod: &Value) -> Option<String> {
    claims_of(pod).find_map(
        |name| match store.get_shared(&Gvr::persistent_volume_claims(), Some(obj::namespace(pod)), name) {
            None => Some(format!("persistentvolumeclaim \"{name}\" not found")),
            Some(claim) if claim["status"]["phase"] == "Bound" => None,
            Some(_) => Some("pod has unbound immediate PersistentVolumeClaims".to_owned()),
        },
    )
}

/// The node affinities of the volumes that a pod mounts: a local volume is on one node only.
pub(crate) fn affinities(store: &Store, pod: &Value) -> Vec<Value> {
    let claims = claims_of(pod).filter_map(|name| store.get_shared(&Gvr::persistent_volume_claims(), Some(obj::namespace(pod)), name));
    let volumes = claims.filter_map(|claim| store.get_shared(&Gvr::persistent_volumes(), None, obj::text(&claim, "/spec/volumeName")));
    let required = volumes.map(|volume| volume["spec"]["nodeAffinity"]["required"].clone());
    required.filter(|required| !required.is_null()).collect()
}

/// Names of the classes whose volumes may grow.
pub(crate) fn growing_classes(store: &Store) -> Vec<String> {
    let classes = store.list_shared(&Gvr::storage_classes(), None).0;
    let growing = classes.iter().filter(|class| class["allowVolumeExpansion"] == true);
    growing.map(|class| obj::name(class).to_owned()).collect()
}

fn wanted(claim: &Value) -> f64 {
    quantity::of(&claim["spec"]["resources"]["requests"]["storage"]).unwrap_or(0.0)
}

fn users(store: &Store, claim: &Value) -> Vec<Arc<Value>> {
    let mut all = store.list_shared(&Gvr::pods(), Some(obj::namespace(claim))).0;
    all.retain(|pod| pods::active(pod) && claims_of(pod).any(|name| name == obj::name(claim)));
    all
}

/// Pending => Bound, to a volume that is there or a new one.
fn bind(store: &Store, claim: &Value, now: Timestamp) {
    let classes = store.list_shared(&Gvr::storage_classes(), None).0;
    let Some(name) = claim["spec"]["storageClassName"].as_str() else {
        let default = classes
            .iter()
            .find(|class| class["metadata"]["annotations"][DEFAULT_CLASS] == "true");
        if let Some(class) = default {
            change(store, claim, |claim| claim["spec"]["storageClassName"] = json!(obj::name(class)));
        }
        return;
    };
    if let Some(volume) = fitting(store, claim, name) {
        attach(store, claim, obj::name(&volume));
        return;
    }
    let Some(class) = classes.iter().find(|class| obj::name(class) == name) else {
        if !name.is_empty() {
            let message = format!("storageclass.storage.k8s.io \"{name}\" not found");
            tell_once(store, claim, true, "ProvisioningFailed", &message, now);
        }
        return;
    };
    let late = class["volumeBindingMode"] == "WaitForFirstConsumer";
    if late && users(store, claim).is_empty() {
        let message = "waiting for first consumer to be created before binding";
        tell_once(store, claim, false, "WaitForFirstConsumer", message, now);
        return;
    }
    if class["provisioner"] != "kubernetes.io/no-provisioner" {
        provision(store, claim, class, now);
    }
}

/// A pending claim is looked at again and again; people are told once.
fn tell_once(store: &Store, claim: &Value, warning: bool, reason: &str, message: &str, now: Timestamp) {
    let events = store.list_shared(&Gvr::events(), Some(obj::namespace(claim))).0;
    let told = |event: &Arc<Value>| event["involvedObject"]["uid"] == obj::uid(claim) && event["reason"] == reason;
    if !events.iter().any(told) {
        tell_about(store, &CLAIM, claim, warning, reason, message, now);
    }
}

fn change(store: &Store, claim: &Value, edit: impl FnMut(&mut Value)) {
    obj::change(
        store,
        &Gvr::persistent_volume_claims(),
        obj::namespace(claim),
        obj::name(claim),
        edit,
    );
}

/// The smallest free volume that is large enough.
fn fitting(store: &Store, claim: &Value, class: &str) -> Option<Arc<Value>> {
    let size = |volume: &Value| quantity::of(&volume["spec"]["capacity"]["storage"]).unwrap_or(0.0);
    let modes = claim["spec"]["accessModes"].as_array().map_or(&[][..], Vec::as_slice);
    let mut all = store.list_shared(&Gvr::persistent_volumes(), None).0;
    all.retain(|volume| {
        let has = |mode: &Value| volume["spec"]["accessModes"].as_array().is_some_and(|all| all.contains(mode));
        let free = volume["status"]["phase"] == "Available" && volume["spec"]["claimRef"].is_null();
        free && obj::text(volume, "/spec/storageClassName") == class && size(volume) >= wanted(claim) && modes.iter().all(has)
    });
    all.into_iter().min_by(|a, b| size(a).total_cmp(&size(b)))
}

fn reference(claim: &Value) -> Value {
    json!({"kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": obj::namespace(claim), "name": obj::name(claim),
        "uid": obj::uid(claim), "resourceVersion": claim["metadata"]["resourceVersion"]})
}

fn provision(store: &Store, claim: &Value, class: &Value, now: Timestamp) {
    let name = format!("pvc-{}", obj::uid(claim));
    let provisioner = obj::text(class, "/provisioner");
    let policy = class["reclaimPolicy"].as_str().unwrap_or("Delete");
    let volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {PROVISIONED_BY: provisioner}},
        "spec": {
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
            "accessModes": claim["spec"]["accessModes"], "persistentVolumeReclaimPolicy": policy,
            "storageClassName": obj::name(class), "volumeMode": "Filesystem",
            "csi": {"driver": provisioner, "volumeHandle": name, "fsType": "ext4"},
        },
        "status": {"phase": "Available"},
    });
    if let Err(status) = store.create(&Gvr::persistent_volumes(), volume) {
        tracing::debug!(name, ?status, "volume was not provisioned");
        return;
    }
    tell_about(
        store,
        &CLAIM,
        claim,
        false,
        "ProvisioningSucceeded",
        &format!("Successfully provisioned volume {name}"),
        now,
    );
    attach(store, claim, &name);
}

fn attach(store: &Store, claim: &Value, volume: &str) {
    let mut capacity = Value::Null;
    obj::change(store, &Gvr::persistent_volumes(), "", volume, |volume| {
        volume["spec"]["claimRef"] = reference(claim);
        volume["status"]["phase"] = json!("Bound");
        capacity = volume["spec"]["capacity"].clone();
    });
    change(store, claim, |claim| {
        claim["spec"]["volumeName"] = json!(volume);
        for key in ["bind-completed", "bound-by-controller"] {
            claim["metadata"]["annotations"][format!("pv.kubernetes.io/{key}")] = json!("yes");
        }
        claim["status"] = json!({"phase": "Bound", "accessModes": claim["spec"]["accessModes"], "capacity": capacity});
    });
}

/// A volume whose claim is gone is deleted or, if people want to keep it, released.
fn reclaim(store: &Store, volume: &Value) {
    let claim = &volume["spec"]["claimRef"];
    if !claim.is_object() {
        if obj::text(volume, "/status/phase").is_empty() {
            obj::change(store, &Gvr::persistent_volumes(), "", obj::name(volume), |volume| {
                volume["status"]["phase"] = json!("Available");
            });
        }
        return;
    }
    let (ns, name) = (obj::text(claim, "/namespace"), obj::text(claim, "/name"));
    let found = store.get_shared(&Gvr::persistent_volume_claims(), Some(ns), name);
    if found.is_some_and(|found| claim["uid"].is_null() || claim["uid"] == obj::uid(&found)) {
        return;
    }
    let provisioned = volume["metadata"]["annotations"][PROVISIONED_BY].is_string();
    if provisioned && volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete" {
        obj::remove(store, &Gvr::persistent_volumes(), volume);
    } else if volume["status"]["phase"] != "Released" {
        obj::change(store, &Gvr::persistent_volumes(), "", obj::name(volume), |volume| {
            volume["status"]["phase"] = json!("Released");
        });
    }
}

/// Grows a bound claim: first the volume (Resizing), then the file system on the node (FileSystemResizePending).
fn grow(store: &Store, claim: &Value, now: Timestamp) -> Option<Timestamp> {
    let capacity = quantity::of(&claim["status"]["capacity"]["storage"])?;
    if wanted(claim) <= capacity {
        return None;
    }
    let since = |kind: &str| obj::condition(claim, kind).and_then(|c| obj::time(c, "/lastTransitionTime"));
    let volume = obj::text(claim, "/spec/volumeName").to_owned();
    let size = claim["spec"]["resources"]["requests"]["storage"].clone();
    if let Some(since) = since("FileSystemResizePending") {
        // The file system grows where it is mounted.
        let users = users(store, claim);
        let pod = users.iter().find(|pod| obj::text(pod, "/status/phase") == "Running")?;
        let until = obj::after(since, GROWING);
        if until > now {
            return Some(until);
        }
        change(store, claim, |claim| {
            claim["status"]["capacity"]["storage"] = size.clone();
            if let Some(status) = claim["status"].as_object_mut() {
                for key in ["conditions", "allocatedResources", "allocatedResourceStatuses"] {
                    status.remove(key);
                }
            }
        });
        let message = format!(
            "MountVolume.NodeExpandVolume succeeded for volume \"{volume}\" {}",
            obj::text(pod, "/spec/nodeName")
        );
        tell_about(store, &POD, pod, false, "FileSystemResizeSuccessful", &message, now);
        let about = About {
            component: "kubelet",
            ..CLAIM
        };
        tell_about(store, &about, claim, false, "FileSystemResizeSuccessful", &message, now);
        return None;
    }
    if let Some(since) = since("Resizing") {
        let until = obj::after(since, GROWING);
        if until > now {
            return Some(until);
        }
        obj::change(store, &Gvr::persistent_volumes(), "", &volume, |volume| {
            volume["spec"]["capacity"]["storage"] = size.clone();
        });
        let message = "Waiting for user to (re-)start a pod to finish file system resize of volume on node.";
        condition(store, claim, "FileSystemResizePending", "NodeResizePending", message, now);
        tell_about(
            store,
            &RESIZER,
            claim,
            false,
            "FileSystemResizeRequired",
            "Require file system resize of volume on node",
            now,
        );
        return Some(obj::after(now, GROWING));
    }
    let message = format!("External resizer is resizing volume {volume}");
    tell_about(store, &RESIZER, claim, false, "Resizing", &message, now);
    condition(store, claim, "Resizing", "ControllerResizeInProgress", "", now);
    Some(obj::after(now, GROWING))
}

fn condition(store: &Store, claim: &Value, kind: &str, progress: &str, message: &str, now: Timestamp) {
    change(store, claim, |claim| {
        let mut condition = json!({"type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": obj::rfc3339(now)});
        if !message.is_empty() {
            condition["message"] = json!(message);
        }
        claim["status"]["conditions"] = json!([condition]);
        claim["status"]["allocatedResources"] = json!({"storage": claim["spec"]["resources"]["requests"]["storage"]});
        claim["status"]["allocatedResourceStatuses"] = json!({"storage": progress});
    });
}
