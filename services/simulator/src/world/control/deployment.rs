//! Deployment: one ReplicaSet per revision of its template, rolled from the old to the new one.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    deployment_status, pods,
    rollout::{Limits, Size},
    sooner,
};
use crate::{
    store::{Gvr, Store},
    world::{
        chance::{Chance, safe_hash},
        events::{Note, tell},
        obj,
    },
};

pub(crate) const REVISION: &str = "deployment.kubernetes.io/revision";
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MAXIMUM: &str = "deployment.kubernetes.io/max-replicas";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
pub(crate) const HASH: &str = "pod-template-hash";

/// Annotations of a Deployment that its ReplicaSets do not inherit.
const OWN: &[&str] = &[
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    DESIRED,
    MAXIMUM,
    HISTORY,
];

/// One look at every Deployment; answers when it wants to look again.
pub(crate) fn step(store: &Store, chance: &mut Chance, now: Timestamp) -> Option<Timestamp> {
    let mut next = None;
    for deployment in store.awake(&Gvr::deployments()) {
        if !obj::deleting(&deployment) {
            next = sooner(next, sync(store, chance, &deployment, now));
        }
    }
    next
}

fn sync(store: &Store, chance: &mut Chance, deployment: &Value, now: Timestamp) -> Option<Timestamp> {
    let paused = deployment["spec"]["paused"] == true;
    let mut sets = sets_of(store, deployment);
    let found = sets
        .iter()
        .position(|set| same_template(&set["spec"]["template"], &deployment["spec"]["template"]));
    let newest = match found {
        Some(i) => Some(adopt_revision(store, deployment, &sets, i)),
        None if paused => None,
        None => create_set(store, chance, deployment, &sets, now),
    };
    if found.is_none() && newest.is_some() {
        sets = sets_of(store, deployment);
    }
    if let Some(set) = &newest {
        let revision = &set["metadata"]["annotations"][REVISION];
        obj::change(store, &Gvr::deployments(), obj::namespace(deployment), obj::name(deployment), |d| {
            annotate(d, REVISION, revision.as_str().unwrap_or("1"));
        });
    }
    let newest_uid = newest.as_ref().map(|set| obj::uid(set).to_owned());
    let roll = Roll {
        store,
        deployment,
        sets: &sets,
        newest: newest_uid.as_deref(),
        now,
    };
    if roll.was_scaled() || paused {
        roll.scale();
    } else if deployment["spec"]["strategy"]["type"] == "Recreate" {
        roll.recreate();
    } else {
        roll.rolling();
    }
    roll.forget_old();
    deployment_status::report(store, deployment, newest_uid.as_deref(), now)
}

/// The ReplicaSets of a Deployment, oldest first.
pub(super) fn sets_of(store: &Store, deployment: &Value) -> Vec<Arc<Value>> {
    let (all, _) = store.list_shared(&Gvr::replica_sets(), Some(obj::namespace(deployment)));
    let mut mine = pods::owned(&all, obj::uid(deployment));
    mine.retain(|set| !obj::deleting(set));
    mine.sort_by_key(|set| (obj::text(set, "/metadata/creationTimestamp").to_owned(), revision(set)));
    mine
}

/// The revision number of a ReplicaSet or Deployment, 0 when it has none.
pub(crate) fn revision(object: &Value) -> i64 {
    object["metadata"]["annotations"][REVISION]
        .as_str()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

fn same_template(set: &Value, template: &Value) -> bool {
    let bare = |template: &Value| {
        let mut template = template.clone();
        if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
            labels.remove(HASH);
        }
        if let Some(meta) = template["metadata"].as_object_mut() {
            meta.retain(|_, value| !value.is_null());
        }
        template
    };
    bare(set) == bare(template)
}

/// An older template came back: its ReplicaSet becomes the newest revision.
fn adopt_revision(store: &Store, deployment: &Value, sets: &[Arc<Value>], i: usize) -> Value {
    let highest = sets
        .iter()
        .enumerate()
        .filter(|(j, _)| *j != i)
        .map(|(_, set)| revision(set))
        .max()
        .unwrap_or(0);
    let set = &sets[i];
    let before = revision(set);
    let cause = deployment["metadata"]["annotations"].clone();
    obj::change(store, &Gvr::replica_sets(), obj::namespace(set), obj::name(set), |set| {
        inherit(set, &cause);
        if before <= highest {
            annotate(set, REVISION, &(highest + 1).to_string());
            let mut history = obj::text(&set["metadata"]["annotations"], &pointer(HISTORY)).to_owned();
            if before > 0 {
                history = if history.is_empty() {
                    before.to_string()
                } else {
                    format!("{history},{before}")
                };
                annotate(set, HISTORY, &history);
            }
        }
    });
    store
        .get(&Gvr::replica_sets(), Some(obj::namespace(set)), obj::name(set))
        .unwrap_or_else(|| (**set).clone())
}

fn create_set(store: &Store, chance: &mut Chance, deployment: &Value, sets: &[Arc<Value>], now: Timestamp) -> Option<Value> {
    let highest = sets.iter().map(|set| revision(set)).max().unwrap_or(0);
    let limits = Limits::of(&deployment["spec"]);
    let old: Vec<Size> = sets.iter().map(|set| size(set)).collect();
    let rolling = deployment["spec"]["strategy"]["type"] != "Recreate";
    let first = if rolling {
        limits.grow_new(Size { wanted: 0, available: 0 }, &old)
    } else {
        0
    };
    let set = new_set(deployment, &chance.uid(), highest + 1, first);
    let name = obj::name(&set).to_owned();
    match store.create(&Gvr::replica_sets(), set) {
        Ok(set) => {
            if first > 0 {
                scaled(store, deployment, &name, 0, first, now);
            }
            Some(set)
        }
        Err(status) => {
            tracing::warn!(name, ?status, "replica set was not created");
            None
        }
    }
}

/// A ReplicaSet for the Deployment's present template.
pub(crate) fn new_set(deployment: &Value, uid: &str, revision: i64, replicas: i64) -> Value {
    let limits = Limits::of(&deployment["spec"]);
    let hash = safe_hash(&deployment["spec"]["template"].to_string());
    let mut template = deployment["spec"]["template"].clone();
    template["metadata"]["labels"][HASH] = json!(hash);
    let mut selector = deployment["spec"]["selector"].clone();
    selector["matchLabels"][HASH] = json!(hash);
    let mut set = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{}-{hash}", obj::name(deployment)), "namespace": obj::namespace(deployment), "uid": uid,
            "labels": template["metadata"]["labels"],
            "ownerReferences": [obj::owner_reference(deployment, "apps/v1", "Deployment")],
        },
        "spec": {"replicas": replicas, "selector": selector, "template": template},
        "status": {"replicas": 0},
    });
    if let Some(seconds) = deployment["spec"].get("minReadySeconds") {
        set["spec"]["minReadySeconds"] = seconds.clone();
    }
    inherit(&mut set, &deployment["metadata"]["annotations"]);
    annotate(&mut set, REVISION, &revision.to_string());
    annotate(&mut set, DESIRED, &limits.replicas.to_string());
    annotate(&mut set, MAXIMUM, &(limits.replicas + limits.surge).to_string());
    set
}

fn inherit(set: &mut Value, annotations: &Value) {
    for (key, value) in annotations.as_object().into_iter().flatten() {
        if let Some(value) = value.as_str().filter(|_| !OWN.contains(&key.as_str())) {
            annotate(set, key, value);
        }
    }
}

pub(crate) fn annotate(object: &mut Value, key: &str, value: &str) {
    if !object["metadata"]["annotations"].is_object() {
        object["metadata"]["annotations"] = json!({});
    }
    object["metadata"]["annotations"][key] = json!(value);
}

fn pointer(key: &str) -> String {
    format!("/{}", key.replace('~', "~0").replace('/', "~1"))
}

fn size(set: &Value) -> Size {
    Size {
        wanted: obj::int(set, "/spec/replicas").unwrap_or(0),
        available: obj::int(set, "/status/availableReplicas").unwrap_or(0),
    }
}

fn scaled(store: &Store, deployment: &Value, set: &str, from: i64, to: i64, now: Timestamp) {
    let verb = if to > from { "up" } else { "down" };
    let message = format!("Scaled {verb} replica set {set} from {from} to {to}");
    tell(
        store,
        &Note {
            about: deployment,
            of: ("apps/v1", "Deployment"),
            container: None,
            warning: false,
            reason: "ScalingReplicaSet",
            message: &message,
            component: "deployment-controller",
            host: None,
            at: now,
        },
    );
}

/// One Deployment in motion.
struct Roll<'a> {
    store: &'a Store,
    deployment: &'a Value,
    sets: &'a [Arc<Value>],
    newest: Option<&'a str>,
    now: Timestamp,
}

impl Roll<'_> {
    fn new_and_old(&self) -> (Option<&Arc<Value>>, Vec<&Arc<Value>>) {
        let newest = self.sets.iter().find(|set| Some(obj::uid(set)) == self.newest);
        let old = self.sets.iter().filter(|set| Some(obj::uid(set)) != self.newest).collect();
        (newest, old)
    }

    /// `spec.replicas` is not what the active ReplicaSets were last told.
    fn was_scaled(&self) -> bool {
        let wanted = Limits::of(&self.deployment["spec"]).replicas.to_string();
        self.sets.iter().any(|set| {
            obj::int(set, "/spec/replicas").unwrap_or(0) > 0
                && set["metadata"]["annotations"][DESIRED].as_str().is_some_and(|told| told != wanted)
        })
    }

    fn scale(&self) {
        let limits = Limits::of(&self.deployment["spec"]);
        let active: Vec<&Arc<Value>> = self.sets.iter().filter(|set| size(set).wanted > 0).collect();
        let (newest, _) = self.new_and_old();
        match (active.as_slice(), newest) {
            ([one], _) => self.resize(one, limits.replicas),
            ([], Some(newest)) => self.resize(newest, limits.replicas),
            ([], None) => {}
            (several, newest) => {
                let done = newest.is_some_and(|set| size(set).available >= limits.replicas);
                if let (true, Some(newest)) = (done, newest) {
                    self.resize(newest, limits.replicas);
                    return;
                }
                let sizes: Vec<i64> = several.iter().map(|set| size(set).wanted).collect();
                for (set, to) in several.iter().zip(limits.proportional(&sizes)) {
                    self.resize(set, to);
                }
            }
        }
    }

    fn rolling(&self) {
        let limits = Limits::of(&self.deployment["spec"]);
        let (Some(newest), old) = self.new_and_old() else { return };
        let sizes: Vec<Size> = old.iter().map(|set| size(set)).collect();
        let grown = limits.grow_new(size(newest), &sizes);
        if grown != size(newest).wanted {
            self.resize(newest, grown);
            return;
        }
        for (set, to) in old.iter().zip(limits.shrink_old(size(newest), &sizes)) {
            self.resize(set, to);
        }
    }

    fn recreate(&self) {
        let limits = Limits::of(&self.deployment["spec"]);
        let (Some(newest), old) = self.new_and_old() else { return };
        for set in &old {
            self.resize(set, 0);
        }
        let left =
            |set: &Arc<Value>| obj::int(set, "/status/replicas").unwrap_or(0) + obj::int(set, "/status/terminatingReplicas").unwrap_or(0);
        if old.iter().all(|set| size(set).wanted == 0 && left(set) == 0) {
            self.resize(newest, limits.replicas);
        }
    }

    fn resize(&self, set: &Value, to: i64) {
        let limits = Limits::of(&self.deployment["spec"]);
        let from = size(set).wanted;
        obj::change(self.store, &Gvr::replica_sets(), obj::namespace(set), obj::name(set), |set| {
            set["spec"]["replicas"] = json!(to);
            annotate(set, DESIRED, &limits.replicas.to_string());
            annotate(set, MAXIMUM, &(limits.replicas + limits.surge).to_string());
        });
        if from != to {
            scaled(self.store, self.deployment, obj::name(set), from, to, self.now);
        }
    }

    /// Removes empty ReplicaSets beyond `revisionHistoryLimit`.
    fn forget_old(&self) {
        let limit = obj::int(self.deployment, "/spec/revisionHistoryLimit").unwrap_or(10);
        let (_, mut old) = self.new_and_old();
        old.retain(|set| size(set).wanted == 0 && obj::int(set, "/status/replicas").unwrap_or(0) == 0);
        old.sort_by_key(|set| revision(set));
        let excess = old.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
        for set in old.iter().take(excess) {
            obj::remove(self.store, &Gvr::replica_sets(), set);
        }
    }
}

/// How long a rollout may stand still, if that is limited.
pub(super) fn deadline(deployment: &Value) -> Option<Duration> {
    let seconds = obj::int(deployment, "/spec/progressDeadlineSeconds").unwrap_or(600);
    // The API's "no deadline".
    (seconds != i64::from(i32::MAX)).then(|| Duration::from_secs(seconds.max(0).unsigned_abs()))
}
