//! The scheduler: binds waiting pods to the node with the most free memory that can take them.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{pods, taints, volumes};
use crate::{
    store::{Gvr, Store},
    world::{
        events::{Note, tell},
        obj, quantity,
    },
};

/// What a node has and what its pods ask for.
struct Room {
    node: Arc<Value>,
    cpu: f64,
    memory: f64,
    pods: f64,
    /// Pods by owner, to spread the pods of one owner.
    owners: BTreeMap<String, usize>,
}

/// Binds every pod that waits.
pub(crate) fn step(store: &Store, now: Timestamp) {
    let (all, _) = store.list_shared(&Gvr::pods(), None);
    let waiting = |pod: &&Arc<Value>| obj::text(pod, "/spec/nodeName").is_empty() && pods::active(pod);
    let mut waiting: Vec<_> = all.iter().filter(waiting).collect();
    if waiting.is_empty() {
        return;
    }
    waiting.sort_by_key(|pod| obj::text(pod, "/metadata/creationTimestamp").to_owned());
    let mut rooms = rooms(store, &all);
    for pod in waiting {
        let unbound = volumes::obstacle(store, pod).map(|why| format!("0/{} nodes are available: {why}.", rooms.len()));
        let volumes = volumes::affinities(store, pod);
        match unbound.map_or_else(|| choose(&mut rooms, pod, &volumes), Err) {
            Ok(node) => bind(store, pod, &node, now),
            Err(why) => refuse(store, pod, &why, now),
        }
    }
}

fn rooms(store: &Store, all: &[Arc<Value>]) -> Vec<Room> {
    let nodes = store.list_shared(&Gvr::nodes(), None).0;
    let mut rooms: Vec<Room> = nodes
        .into_iter()
        .map(|node| {
            let of = |key: &str| quantity::of(&node["status"]["allocatable"][key]).unwrap_or(0.0);
            Room {
                cpu: of("cpu"),
                memory: of("memory"),
                pods: of("pods").max(1.0),
                owners: BTreeMap::new(),
                node,
            }
        })
        .collect();
    for pod in all
        .iter()
        .filter(|pod| !matches!(obj::text(pod, "/status/phase"), "Failed" | "Succeeded"))
    {
        if let Some(room) = rooms
            .iter_mut()
            .find(|room| obj::name(&room.node) == obj::text(pod, "/spec/nodeName"))
        {
            room.take(pod);
        }
    }
    rooms
}

impl Room {
    fn take(&mut self, pod: &Value) {
        self.cpu -= request(pod, "cpu");
        self.memory -= request(pod, "memory");
        self.pods -= 1.0;
        *self.owners.entry(owner(pod)).or_default() += 1;
    }
}

fn owner(pod: &Value) -> String {
    obj::controller(pod).map_or_else(String::new, |(.., uid)| uid.to_owned())
}

/// Sum of a pod's requests for a resource, in base units.
pub(crate) fn request(pod: &Value, resource: &str) -> f64 {
    let containers = pod["spec"]["containers"].as_array().map_or(&[][..], Vec::as_slice);
    let of = |c: &Value| {
        let resources = &c["resources"];
        quantity::of(&resources["requests"][resource]).or_else(|| quantity::of(&resources["limits"][resource]))
    };
    containers.iter().filter_map(of).sum()
}

fn choose(rooms: &mut [Room], pod: &Value, volumes: &[Value]) -> Result<String, String> {
    let (cpu, memory) = (request(pod, "cpu"), request(pod, "memory"));
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut best: Option<usize> = None;
    let owner = owner(pod);
    for (i, room) in rooms.iter().enumerate() {
        let away = volumes.iter().any(|required| !terms_fit(required, &room.node));
        let why = obstacle(room, pod, cpu, memory).or_else(|| away.then(|| "node(s) had volume node affinity conflict".to_owned()));
        if let Some(why) = why {
            *reasons.entry(why).or_default() += 1;
            continue;
        }
        let rank = |room: &Room| (std::cmp::Reverse(room.owners.get(&owner).copied().unwrap_or(0)), room.memory as i64);
        if best.is_none_or(|b| rank(room) > rank(&rooms[b])) {
            best = Some(i);
        }
    }
    if let Some(i) = best {
        rooms[i].take(pod);
        return Ok(obj::name(&rooms[i].node).to_owned());
    }
    let mut reasons: Vec<String> = reasons.into_iter().map(|(why, count)| format!("{count} {why}")).collect();
    reasons.sort();
    Err(format!("0/{} nodes are available: {}.", rooms.len(), reasons.join(", ")))
}

fn obstacle(room: &Room, pod: &Value, cpu: f64, memory: f64) -> Option<String> {
    let cordon = serde_json::json!({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"});
    if room.node["spec"]["unschedulable"] == true && !taints::tolerates(pod, &cordon) {
        return Some("node(s) were unschedulable".to_owned());
    }
    let all = room.node["spec"]["taints"].as_array().map_or(&[][..], Vec::as_slice);
    let hard = |taint: &&Value| matches!(taint["effect"].as_str(), Some("NoSchedule" | "NoExecute"));
    if let Some(taint) = all.iter().filter(hard).find(|taint| !taints::tolerates(pod, taint)) {
        let (key, value) = (obj::text(taint, "/key"), obj::text(taint, "/value"));
        return Some(format!("node(s) had untolerated taint {{{key}: {value}}}"));
    }
    if let Some(wanted) = pod["spec"]["nodeSelector"].as_object()
        && !wanted.is_empty()
        && !obj::selects_plainly(&pod["spec"]["nodeSelector"], &room.node)
    {
        return Some("node(s) didn't match Pod's node affinity/selector".to_owned());
    }
    if !affinity_fits(pod, &room.node) {
        return Some("node(s) didn't match Pod's node affinity/selector".to_owned());
    }
    if room.pods < 1.0 {
        return Some("Too many pods".to_owned());
    }
    if room.cpu + 1e-9 < cpu {
        return Some("Insufficient cpu".to_owned());
    }
    (room.memory + 0.5 < memory).then(|| "Insufficient memory".to_owned())
}

/// The required node affinity: one of its terms must hold.
pub(crate) fn affinity_fits(pod: &Value, node: &Value) -> bool {
    terms_fit(
        &pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"],
        node,
    )
}

/// One of the terms of a node selector holds; all nodes fit where there is none.
fn terms_fit(required: &Value, node: &Value) -> bool {
    let Some(terms) = required["nodeSelectorTerms"].as_array() else {
        return true;
    };
    terms.iter().any(|term| {
        let fields = term["matchFields"].as_array().into_iter().flatten();
        let mut fields = fields.filter(|field| field["key"] == "metadata.name");
        let named = fields.all(|field| {
            field["values"]
                .as_array()
                .is_some_and(|all| all.iter().any(|name| name == obj::name(node)))
        });
        named && obj::selects(&json!({"matchExpressions": term["matchExpressions"]}), node)
    })
}

fn bind(store: &Store, pod: &Value, node: &str, now: Timestamp) {
    let at = obj::rfc3339(now);
    obj::change(store, &Gvr::pods(), obj::namespace(pod), obj::name(pod), |pod| {
        pod["spec"]["nodeName"] = json!(node);
        pod["status"]["conditions"] = json!([{"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": at}]);
    });
    let message = format!("Successfully assigned {}/{} to {node}", obj::namespace(pod), obj::name(pod));
    tell(store, &note(pod, false, "Scheduled", &message, now));
}

fn refuse(store: &Store, pod: &Value, why: &str, now: Timestamp) {
    let known = obj::condition(pod, "PodScheduled").is_some_and(|condition| condition["message"] == why);
    if known {
        return;
    }
    let at = obj::rfc3339(now);
    obj::change(store, &Gvr::pods(), obj::namespace(pod), obj::name(pod), |pod| {
        pod["status"]["phase"] = json!("Pending");
        pod["status"]["conditions"] = json!([{
            "type": "PodScheduled", "status": "False", "lastProbeTime": null, "lastTransitionTime": at,
            "reason": "Unschedulable", "message": why,
        }]);
    });
    tell(store, &note(pod, true, "FailedScheduling", why, now));
}

fn note<'a>(pod: &'a Value, warning: bool, reason: &'a str, message: &'a str, at: Timestamp) -> Note<'a> {
    let component = "default-scheduler";
    Note {
        about: pod,
        of: ("v1", "Pod"),
        container: None,
        warning,
        reason,
        message,
        component,
        host: None,
        at,
    }
}
