//! The node controller: doubts nodes that are not heard of, and keeps the taints that follow from conditions and cordons.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{pods, sooner};
use crate::{
    store::{Gvr, Store},
    world::{
        events::{About, tell_about},
        obj,
    },
};

/// A node not heard of for this long is doubted (`--node-monitor-grace-period`).
const PATIENCE: Duration = Duration::from_secs(40);

const NODE: About = About {
    api_version: "v1",
    kind: "Node",
    component: "node-controller",
};
const POD: About = About {
    api_version: "v1",
    kind: "Pod",
    component: "node-controller",
};

/// One look at every node; answers when one that is `silent` will have been silent for too long.
pub(crate) fn step(store: &Store, silent: &dyn Fn(&str) -> bool, now: Timestamp) -> Option<Timestamp> {
    let mut next = None;
    for node in store.list_shared(&Gvr::nodes(), None).0 {
        let lease = store.get_shared(&Gvr::leases(), Some("kube-node-lease"), obj::name(&node));
        let heard = lease.and_then(|lease| obj::time(&lease, "/spec/renewTime"));
        let Some(heard) = heard else { continue };
        let until = obj::after(heard, PATIENCE);
        if until > now {
            // The others renew their leases long before that.
            if silent(obj::name(&node)) {
                next = sooner(next, Some(until));
            }
        } else if obj::condition(&node, "Ready").is_some_and(|ready| ready["status"] != "Unknown") {
            doubt(store, &node, now);
        }
    }
    next
}

/// Gives every node the taints that follow from its conditions and its cordon.
pub(crate) fn mark(store: &Store, now: Timestamp) {
    for node in store.awake(&Gvr::nodes()) {
        taint(store, &node, now);
    }
}

/// Ready => Unknown, for the node and for its pods.
fn doubt(store: &Store, node: &Value, now: Timestamp) {
    let name = obj::name(node);
    let at = obj::rfc3339(now);
    obj::change(store, &Gvr::nodes(), "", name, |node| {
        for condition in node["status"]["conditions"].as_array_mut().into_iter().flatten() {
            condition["status"] = json!("Unknown");
            condition["reason"] = json!("NodeStatusUnknown");
            condition["message"] = json!("Kubelet stopped posting node status.");
            condition["lastTransitionTime"] = json!(at);
        }
    });
    let message = format!("Node {name} status is now: NodeNotReady");
    tell_about(store, &NODE, node, false, "NodeNotReady", &message, now);
    for pod in store.list_shared(&Gvr::pods(), None).0 {
        if obj::text(&pod, "/spec/nodeName") != name || !pods::ready(&pod) {
            continue;
        }
        obj::change(store, &Gvr::pods(), obj::namespace(&pod), obj::name(&pod), |pod| {
            for condition in pod["status"]["conditions"].as_array_mut().into_iter().flatten() {
                if condition["type"] == "Ready" {
                    condition["status"] = json!("False");
                    condition["lastTransitionTime"] = json!(at);
                }
            }
        });
        tell_about(store, &POD, &pod, true, "NodeNotReady", "Node is not ready", now);
    }
}

/// The taints a node should have because of its conditions and its cordon: key and effect.
fn wanted(node: &Value) -> Vec<(&'static str, &'static str)> {
    let mut out = Vec::new();
    match obj::condition(node, "Ready").and_then(|ready| ready["status"].as_str()) {
        Some("Unknown") => out.extend([
            ("node.kubernetes.io/unreachable", "NoSchedule"),
            ("node.kubernetes.io/unreachable", "NoExecute"),
        ]),
        Some("False") => out.extend([
            ("node.kubernetes.io/not-ready", "NoSchedule"),
            ("node.kubernetes.io/not-ready", "NoExecute"),
        ]),
        _ => {}
    }
    for (condition, key) in [
        ("MemoryPressure", "node.kubernetes.io/memory-pressure"),
        ("DiskPressure", "node.kubernetes.io/disk-pressure"),
        ("PIDPressure", "node.kubernetes.io/pid-pressure"),
    ] {
        if obj::is_true(node, condition) {
            out.push((key, "NoSchedule"));
        }
    }
    if node["spec"]["unschedulable"] == true {
        out.push(("node.kubernetes.io/unschedulable", "NoSchedule"));
    }
    out
}

const OWN: &[&str] = &[
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/unschedulable",
];

fn taint(store: &Store, node: &Value, now: Timestamp) {
    let wanted = wanted(node);
    let have = node["spec"]["taints"].as_array().map_or(&[][..], Vec::as_slice);
    let is = |taint: &Value, (key, effect): (&str, &str)| taint["key"] == key && taint["effect"] == effect;
    let own = |taint: &Value| OWN.iter().any(|key| taint["key"] == *key);
    let stale = |taint: &Value| own(taint) && !wanted.iter().any(|want| is(taint, *want));
    let missing = || wanted.iter().filter(|want| !have.iter().any(|taint| is(taint, **want)));
    if !have.iter().any(stale) && missing().next().is_none() {
        return;
    }
    let mut taints: Vec<Value> = have.iter().filter(|taint| !stale(taint)).cloned().collect();
    taints.extend(missing().map(|(key, effect)| json!({"key": key, "effect": effect, "timeAdded": obj::rfc3339(now)})));
    obj::change(store, &Gvr::nodes(), "", obj::name(node), |node| {
        if let (true, Some(spec)) = (taints.is_empty(), node["spec"].as_object_mut()) {
            spec.remove("taints");
        } else {
            node["spec"]["taints"] = json!(taints);
        }
    });
}
