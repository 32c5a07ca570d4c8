//! Taints and tolerations, and the controller that evicts pods which do not tolerate a `NoExecute` taint.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::sooner;
use crate::{
    store::{Gvr, Store},
    world::{
        events::{About, tell_about},
        obj,
    },
};

const POD: About = About {
    api_version: "v1",
    kind: "Pod",
    component: "taint-eviction-controller",
};

/// Since when a pod has been exposed to the `NoExecute` taints of its node, by uid.
pub(crate) type Exposed = BTreeMap<String, Timestamp>;

/// True when a toleration of the pod allows the taint.
pub(crate) fn tolerates(pod: &Value, taint: &Value) -> bool {
    tolerations(pod, taint).next().is_some()
}

fn tolerations<'a>(pod: &'a Value, taint: &'a Value) -> impl Iterator<Item = &'a Value> {
    let all = pod["spec"]["tolerations"].as_array().map_or(&[][..], Vec::as_slice);
    all.iter().filter(move |toleration| {
        let open = |field: &str| obj::text(&toleration[field], "").is_empty();
        let key = open("key") || toleration["key"] == taint["key"];
        let effect = open("effect") || toleration["effect"] == taint["effect"];
        let value = toleration["operator"] == "Exists" || obj::text(&toleration["value"], "") == obj::text(&taint["value"], "");
        key && effect && value
    })
}

/// One look at every pod on a tainted node; answers when the next one runs out of tolerance.
pub(crate) fn step(store: &Store, exposed: &mut Exposed, now: Timestamp) -> Option<Timestamp> {
    let nodes = store.awake(&Gvr::nodes());
    let mut tainted: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for node in &nodes {
        let taints = node["spec"]["taints"].as_array().into_iter().flatten();
        let hard: Vec<&Value> = taints.filter(|taint| taint["effect"] == "NoExecute").collect();
        if !hard.is_empty() {
            tainted.insert(obj::name(node), hard);
        }
    }
    if tainted.is_empty() {
        exposed.clear();
        return None;
    }
    let mut next = None;
    let mut still = Exposed::new();
    for pod in store.list_shared(&Gvr::pods(), None).0 {
        let Some(taints) = tainted.get(obj::text(&pod, "/spec/nodeName")) else {
            continue;
        };
        if obj::deleting(&pod) {
            continue;
        }
        let since = exposed.get(obj::uid(&pod)).copied().unwrap_or(now);
        still.insert(obj::uid(&pod).to_owned(), since);
        match patience(&pod, taints) {
            Patience::Endless => {}
            Patience::For(time) if obj::after(since, time) > now => next = sooner(next, Some(obj::after(since, time))),
            Patience::For(_) => evict(store, &pod, now),
        }
    }
    *exposed = still;
    next
}

enum Patience {
    Endless,
    For(Duration),
}

/// The shortest toleration decides; a taint without any ends it at once.
fn patience(pod: &Value, taints: &[&Value]) -> Patience {
    let mut shortest = None;
    for taint in taints {
        let mut tolerated = false;
        for toleration in tolerations(pod, taint) {
            tolerated = true;
            if let Some(seconds) = obj::int(toleration, "/tolerationSeconds") {
                let time = Duration::from_secs(seconds.max(0).unsigned_abs());
                shortest = Some(shortest.map_or(time, |known: Duration| known.min(time)));
            }
        }
        if !tolerated {
            return Patience::For(Duration::ZERO);
        }
    }
    shortest.map_or(Patience::Endless, Patience::For)
}

fn evict(store: &Store, pod: &Value, now: Timestamp) {
    let message = format!("Marking for deletion Pod {}/{}", obj::namespace(pod), obj::name(pod));
    tell_about(store, &POD, pod, false, "TaintManagerEviction", &message, now);
    let why = ("DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint");
    disrupt(store, pod, why, now);
    obj::delete_pod(store, pod, now);
}

/// Writes on the pod why it is about to go.
pub(crate) fn disrupt(store: &Store, pod: &Value, why: (&str, &str), now: Timestamp) {
    obj::change(store, &Gvr::pods(), obj::namespace(pod), obj::name(pod), |pod| {
        let condition = json!({"type": "DisruptionTarget", "status": "True", "lastProbeTime": null,
            "lastTransitionTime": obj::rfc3339(now), "reason": why.0, "message": why.1});
        if !pod["status"]["conditions"].is_array() {
            pod["status"]["conditions"] = json!([]);
        }
        if let Some(all) = pod["status"]["conditions"].as_array_mut() {
            all.retain(|known| known["type"] != "DisruptionTarget");
            all.push(condition);
        }
    });
}
