//! Where new pods go. The recording need not list every node or pod, so there is always room; only the template of a pod that
//! was recorded waiting for a node keeps its pods waiting.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    store::{Gvr, Store},
    world::{
        control::{scheduler, taints},
        events::{About, tell_about},
        obj,
    },
};

const POD: About = About {
    api_version: "v1",
    kind: "Pod",
    component: "default-scheduler",
};

/// Binds a pod, unless the one whose lot it shares waits for a node itself.
pub(super) fn bind(store: &Store, pod: &Value, fate: Option<&Arc<Value>>, now: Timestamp) -> bool {
    let change = |edit: &dyn Fn(&mut Value)| obj::change(store, &Gvr::pods(), obj::namespace(pod), obj::name(pod), edit);
    let waiting = fate.filter(|sample| obj::text(sample, "/spec/nodeName").is_empty());
    if let Some(sample) = waiting {
        let why = obj::condition(sample, "PodScheduled").map_or("", |condition| obj::text(condition, "/message"));
        change(&|pod| {
            pod["status"]["phase"] = json!("Pending");
            pod["status"]["conditions"] = json!([{
                "type": "PodScheduled", "status": "False", "lastProbeTime": null, "lastTransitionTime": obj::rfc3339(now),
                "reason": "Unschedulable", "message": why,
            }]);
        });
        tell_about(store, &POD, pod, true, "FailedScheduling", why, now);
        return false;
    }
    let node = node_for(store, pod);
    change(&|pod| {
        pod["spec"]["nodeName"] = json!(node);
        pod["status"]["conditions"] =
            json!([{"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": obj::rfc3339(now)}]);
    });
    let message = format!("Successfully assigned {}/{} to {node}", obj::namespace(pod), obj::name(pod));
    tell_about(store, &POD, pod, false, "Scheduled", &message, now);
    true
}

/// The node with the fewest pods among those that take the pod; else among those that are ready; else one that recorded pods
/// run on.
fn node_for(store: &Store, pod: &Value) -> String {
    let nodes = store.list_shared(&Gvr::nodes(), None).0;
    let pods = store.list_shared(&Gvr::pods(), None).0;
    let load = |name: &str| pods.iter().filter(|pod| obj::text(pod, "/spec/nodeName") == name).count();
    let least = |takes: &dyn Fn(&Value) -> bool| {
        let some = nodes.iter().filter(|node| takes(node));
        some.min_by_key(|node| load(obj::name(node))).map(|node| obj::name(node).to_owned())
    };
    let ready = |node: &Value| obj::condition(node, "Ready").is_none_or(|ready| ready["status"] == "True");
    let listed = || {
        pods.iter()
            .map(|pod| obj::text(pod, "/spec/nodeName"))
            .find(|name| !name.is_empty())
    };
    least(&|node| ready(node) && takes(node, pod))
        .or_else(|| least(&ready))
        .or_else(|| listed().map(str::to_owned))
        .unwrap_or_else(|| "node-1".to_owned())
}

fn takes(node: &Value, pod: &Value) -> bool {
    let taints = node["spec"]["taints"].as_array().into_iter().flatten();
    let mut hard = taints.filter(|taint| matches!(taint["effect"].as_str(), Some("NoSchedule" | "NoExecute")));
    let selector = &pod["spec"]["nodeSelector"];
    let selected = selector.as_object().is_none_or(serde_json::Map::is_empty) || obj::selects_plainly(selector, node);
    node["spec"]["unschedulable"] != true
        && hard.all(|taint| taints::tolerates(pod, taint))
        && selected
        && scheduler::affinity_fits(pod, node)
}
