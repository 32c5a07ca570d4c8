//! How the pods of a template fare: as those that were recorded.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::histories;
use crate::{
    recording::{Part, Word},
    store::{Gvr, Store},
    world::{control::pods, obj},
};

/// Fates by namespace and pod template. A template that is not in here fares well.
#[derive(Debug, Default)]
pub(super) struct Outlooks {
    fates: BTreeMap<(String, String), Option<Arc<Value>>>,
    /// Images whose containers never become ready, whatever was recorded.
    unready: Vec<Word>,
    /// The world was fixed: recorded pods that are awake fare by their fate too.
    pub(super) fixed: bool,
}

impl Outlooks {
    /// The fates of everything that was recorded.
    pub(super) fn of(store: &Store, unready: Vec<Word>) -> Self {
        Self {
            fates: fates(store, &|_| true),
            unready,
            fixed: false,
        }
    }

    /// The fates in a fixed world: what was sick is well unless the world as it then is says otherwise.
    pub(super) fn fix(&mut self, store: &Store, part: &Part) {
        self.fates = fates(store, &within(part));
        self.fixed = true;
    }

    /// The fates in a world that has become worse.
    pub(super) fn worse(&mut self, store: &Store, part: &Part) {
        self.fates.extend(fates(store, &within(part)));
    }

    /// A recorded pod whose lot a pod shares; `None` when it fares well.
    pub(super) fn fate(&self, store: &Store, pod: &Value) -> Option<Arc<Value>> {
        if histories::images(&pod["spec"]).iter().any(|(_, image)| self.never_ready(image)) {
            return Some(Arc::new(self.idle(pod)));
        }
        let key = (obj::namespace(pod).to_owned(), template(store, pod)?);
        self.fates.get(&key)?.clone()
    }

    fn never_ready(&self, image: &str) -> bool {
        self.unready.iter().any(|word| word.fits(image))
    }

    /// The pod as it stands when its containers run and are not ready.
    fn idle(&self, pod: &Value) -> Value {
        let since = pod["metadata"]["creationTimestamp"].clone();
        let condition = |kind: &str, ready: bool| {
            let status = if ready { "True" } else { "False" };
            let mut condition = json!({"type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": since});
            if !ready {
                condition["reason"] = json!("ContainersNotReady");
            }
            condition
        };
        let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
        let statuses: Vec<Value> = containers
            .map(|container| {
                let ready = !self.never_ready(container["image"].as_str().unwrap_or_default());
                json!({
                    "name": container["name"], "image": container["image"], "imageID": "", "ready": ready, "started": true,
                    "restartCount": 0, "state": {"running": {"startedAt": since}}, "lastState": {},
                })
            })
            .collect();
        let conditions = [
            ("Initialized", true),
            ("Ready", false),
            ("ContainersReady", false),
            ("PodScheduled", true),
        ]
        .map(|(kind, ready)| condition(kind, ready));
        let mut sample = pod.clone();
        // It has a node, whichever: one without would keep the pod from getting one.
        sample["spec"]["nodeName"] = json!("some");
        sample["status"] = json!({"phase": "Running", "startTime": since, "conditions": conditions, "containerStatuses": statuses});
        sample
    }
}

fn within(part: &Part) -> impl Fn(&Value) -> bool {
    let pods = part.objects.iter().filter(|object| object["kind"] == "Pod");
    let names: Vec<(String, String)> = pods
        .map(|pod| (obj::namespace(pod).to_owned(), obj::name(pod).to_owned()))
        .collect();
    move |pod| names.iter().any(|(ns, name)| ns == obj::namespace(pod) && name == obj::name(pod))
}

fn fates(store: &Store, counts: &dyn Fn(&Value) -> bool) -> BTreeMap<(String, String), Option<Arc<Value>>> {
    let mut out: BTreeMap<(String, String), Option<Arc<Value>>> = BTreeMap::new();
    for pod in store.list_shared(&Gvr::pods(), None).0 {
        if !counts(&pod) || obj::deleting(&pod) {
            continue;
        }
        let Some(template) = template(store, &pod) else { continue };
        let key = (obj::namespace(&pod).to_owned(), template);
        let well = pods::ready(&pod) || obj::text(&pod, "/status/phase") == "Succeeded";
        let fate = out.entry(key).or_insert_with(|| (!well).then(|| pod.clone()));
        // One that fares well shows that the template can.
        if well {
            *fate = None;
        }
    }
    out
}

/// The pod template a pod was made from, as a text to compare by: what its containers are, not what is noted about them.
/// `None` for pods without a controller, and for those of an older template than their controller has.
fn template(store: &Store, pod: &Value) -> Option<String> {
    let (kind, name, uid) = obj::controller(pod)?;
    let gvr = match kind {
        "ReplicaSet" => Gvr::replica_sets(),
        "StatefulSet" => Gvr::stateful_sets(),
        "DaemonSet" => Gvr::daemon_sets(),
        "Job" => Gvr::jobs(),
        _ => return None,
    };
    let owner = store
        .get_shared(&gvr, Some(obj::namespace(pod)), name)
        .filter(|owner| obj::uid(owner) == uid)?;
    let spec = &owner["spec"]["template"]["spec"];
    (histories::images(spec) == histories::images(&pod["spec"])).then(|| spec.to_string())
}
