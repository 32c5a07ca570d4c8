//! How the pods of a template fare: as those that were recorded.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::histories;
use crate::{
    recording::Part,
    store::{Gvr, Store},
    world::{control::pods, obj},
};

/// Fates by namespace and pod template. A template that is not in here fares well.
#[derive(Debug, Default)]
pub(super) struct Outlooks {
    fates: BTreeMap<(String, String), Option<Arc<Value>>>,
    /// The world was fixed: recorded pods that are awake fare by their fate too.
    pub(super) fixed: bool,
}

impl Outlooks {
    /// The fates of everything that was recorded.
    pub(super) fn of(store: &Store) -> Self {
        Self {
            fates: fates(store, &|_| true),
            fixed: false,
        }
    }

    /// The fates in a fixed world: what was sick is well unless the world as it then is says otherwise.
    pub(super) fn after(store: &Store, part: &Part) -> Self {
        Self {
            fates: fates(store, &within(part)),
            fixed: true,
        }
    }

    /// The fates in a world that has become worse.
    pub(super) fn worse(&mut self, store: &Store, part: &Part) {
        self.fates.extend(fates(store, &within(part)));
    }

    /// A recorded pod whose lot a pod shares; `None` when it fares well.
    pub(super) fn fate(&self, store: &Store, pod: &Value) -> Option<&Arc<Value>> {
        let key = (obj::namespace(pod).to_owned(), template(store, pod)?);
        self.fates.get(&key)?.as_ref()
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
