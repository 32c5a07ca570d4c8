//! Objects under the care of a GitOps controller, and how far they are from what the repository says.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value};

use crate::{
    scenario::GitRevision,
    store::{Gvr, Store},
    world::obj,
};

/// What the repository says of each object, by the uid of its keeper, kind, namespace and name.
pub(crate) type Desired = BTreeMap<(String, String, String, String), Value>;

/// Kinds that are cared for.
fn kinds() -> [(&'static str, Gvr); 9] {
    [
        ("Deployment", Gvr::deployments()),
        ("StatefulSet", Gvr::stateful_sets()),
        ("DaemonSet", Gvr::daemon_sets()),
        ("ConfigMap", Gvr::config_maps()),
        ("Service", Gvr::services()),
        ("CronJob", Gvr::cron_jobs()),
        ("HorizontalPodAutoscaler", Gvr::horizontal_pod_autoscalers()),
        ("PodDisruptionBudget", Gvr::pod_disruption_budgets()),
        ("NetworkPolicy", Gvr::network_policies()),
    ]
}

/// An object and what it should be like.
pub(super) struct Cared {
    pub(super) kind: &'static str,
    pub(super) gvr: Gvr,
    pub(super) object: Arc<Value>,
    key: (String, String, String, String),
}

/// The objects that `mine` accepts. The first look at an object fixes what it should be like.
pub(super) fn cared(store: &Store, desired: &mut Desired, keeper: &Value, mine: &dyn Fn(&Value) -> bool) -> Vec<Cared> {
    let mut out = Vec::new();
    for (kind, gvr) in kinds() {
        for object in store.list_shared(&gvr, None).0 {
            if obj::deleting(&object) || !mine(&object) {
                continue;
            }
            let name = obj::name(&object).to_owned();
            let key = (
                obj::uid(keeper).to_owned(),
                kind.to_owned(),
                obj::namespace(&object).to_owned(),
                name,
            );
            desired.entry(key.clone()).or_insert_with(|| content(&object));
            out.push(Cared {
                kind,
                gvr: gvr.clone(),
                object,
                key,
            });
        }
    }
    out
}

/// The part of an object that a repository holds.
fn content(object: &Value) -> Value {
    let mut out = Map::new();
    for key in ["spec", "data"] {
        if let Some(value) = object.get(key) {
            out.insert(key.to_owned(), value.clone());
        }
    }
    Value::Object(out)
}

impl Cared {
    /// True when the object is not as it should be, apart from the `ignored` JSON pointers.
    pub(super) fn drifted(&self, desired: &Desired, ignored: &[String]) -> bool {
        let Some(wanted) = desired.get(&self.key) else { return false };
        let mut wanted = wanted.clone();
        let mut have = content(&self.object);
        for pointer in ignored {
            for value in [&mut wanted, &mut have] {
                if let Some(value) = value.pointer_mut(pointer) {
                    *value = Value::Null;
                }
            }
        }
        wanted != have
    }

    /// Makes the object as it should be.
    pub(super) fn restore(&self, store: &Store, desired: &Desired, ignored: &[String]) {
        let Some(wanted) = desired.get(&self.key) else { return };
        obj::change(store, &self.gvr, obj::namespace(&self.object), obj::name(&self.object), |object| {
            let kept: Vec<(&String, Option<Value>)> = ignored.iter().map(|pointer| (pointer, object.pointer(pointer).cloned())).collect();
            for (key, value) in wanted.as_object().into_iter().flatten() {
                object[key] = value.clone();
            }
            for (pointer, value) in kept {
                if let (Some(place), Some(value)) = (object.pointer_mut(pointer), value) {
                    *place = value;
                }
            }
        });
    }

    /// What the repository says at another revision: its partial objects are merged over what was said so far.
    pub(super) fn advance(&self, desired: &mut Desired, revision: &GitRevision) {
        let same = |part: &&Value| {
            let ns = part["metadata"]["namespace"].as_str();
            part["kind"] == self.kind
                && obj::name(part) == obj::name(&self.object)
                && ns.is_none_or(|ns| ns == obj::namespace(&self.object))
        };
        if let (Some(part), Some(wanted)) = (revision.objects.iter().find(same), desired.get_mut(&self.key)) {
            json_patch::merge(wanted, &content(part));
        }
    }
}
