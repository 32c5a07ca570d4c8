//! Nodes.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{EventView, Subject, Variable, World, conditions, events, machines, quoted, view::view};
use crate::core::{
    read::{each, text},
    snapshot::{age, reference},
};

view! {
    /// A node.
    pub(super) struct NodeView {
        /// Its name.
        name: String,
        /// Its zone.
        zone: String,
        /// `True`, `False` or `Unknown`.
        ready: String,
        /// Why, in one word.
        reason: String,
        /// Why, as a sentence.
        message: String,
        /// Minutes since it was ready; 0: it is.
        not_ready_minutes: f64,
        /// How often events say that it became not ready.
        times_not_ready: i64,
        /// Seconds since its lease was renewed; -1: it has none.
        lease_age: f64,
        /// `key=value:effect`.
        taints: Vec<String>,
        /// It is cordoned.
        unschedulable: bool,
        /// `MemoryPressure`, `DiskPressure`, `PIDPressure`, `NetworkUnavailable` that hold.
        pressures: Vec<String>,
        /// Other conditions that hold, as node problem detectors set them.
        problems: Vec<String>,
        /// `v1.33.1`.
        kubelet_version: String,
        /// Pods on it.
        pods: i64,
        /// Most pods that it takes.
        pod_capacity: i64,
        /// Pods on it that were deleted and are still there.
        terminating: i64,
        /// Names of those.
        stuck: Vec<String>,
        /// While it is not ready: names of pods that find no node instead.
        homeless: Vec<String>,
        /// Pods that were evicted from it.
        evicted: i64,
        /// Nodes of its zone.
        zone_nodes: i64,
        /// How many of them are not ready.
        zone_not_ready: i64,
        /// Used share of its root file system; -1: not measured.
        disk_used: f64,
        /// Events about it, newest first.
        events: Vec<EventView>,
    }
}

pub(super) fn subjects(world: &World, all: &mut Vec<Subject>) {
    let nodes = world.snapshot.of("Node");
    let mut zones: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for node in nodes {
        zones.entry(zone(node)).or_default().push(node);
    }
    for object in nodes {
        let node = reference("Node", object);
        let view = view(world, object, zones.get(zone(object)).map_or(&[], Vec::as_slice));
        let excerpt = format!(
            "node {}: Ready={} ({}) since {:.0} min{}, taints [{}]{}{}; {} pods, {} of them terminating",
            view.name,
            view.ready,
            view.reason,
            view.not_ready_minutes,
            if view.lease_age >= 0.0 {
                format!(", lease renewed {:.0} s ago", view.lease_age)
            } else {
                String::new()
            },
            view.taints.join(", "),
            if view.pressures.is_empty() {
                String::new()
            } else {
                format!(", {}", view.pressures.join(", "))
            },
            if view.problems.is_empty() {
                String::new()
            } else {
                format!(", {}", view.problems.join(", "))
            },
            view.pods,
            view.terminating
        );
        let quotes = quoted(&node, &view.events);
        all.push(Subject {
            of: "node",
            variables: vec![
                Variable::new("node", &view, node.clone(), excerpt).quoting(quotes),
                machines::of(world, &node),
            ],
            object: node,
        });
    }
}

/// The zone of a node; empty: it has none.
pub(super) fn zone(node: &Value) -> &str {
    text(node, "/metadata/labels/topology.kubernetes.io~1zone")
}

/// Its condition `Ready`: the status, and all of it.
pub(in crate::core) fn ready(node: &Value) -> (&str, &Value) {
    let mut conditions = each(node, "/status/conditions");
    let ready = conditions
        .find(|condition| text(condition, "/type") == "Ready")
        .unwrap_or(&Value::Null);
    (ready["status"].as_str().unwrap_or("Unknown"), ready)
}

/// The node controller and the kubelet may both say it: the more talkative counts.
fn times_not_ready(events: &[EventView]) -> i64 {
    let lately = events.iter().filter(|event| event.minutes_ago <= 60.0);
    lately
        .filter(|event| event.reason == "NodeNotReady")
        .map(|event| event.count)
        .max()
        .unwrap_or(0)
}

fn view(world: &World, object: &Value, siblings: &[&Value]) -> NodeView {
    let snapshot = &world.snapshot;
    let name = text(object, "/metadata/name");
    let (status, condition) = ready(object);
    let since = age(snapshot.at, condition, "/lastTransitionTime").unwrap_or(0.0) / 60.0;
    let lease = snapshot.named("Lease", "kube-node-lease", name);
    let pods: Vec<&Value> = snapshot
        .of("Pod")
        .iter()
        .filter(|pod| text(pod, "/spec/nodeName") == name)
        .collect();
    let holding = conditions(object);
    let holds = |name: &&String| holding[*name]["status"] == "True";
    let usual = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"];
    let taint = |taint: &Value| {
        let value = text(taint, "/value");
        let value = if value.is_empty() { String::new() } else { format!("={value}") };
        format!("{}{value}:{}", text(taint, "/key"), text(taint, "/effect"))
    };
    let events = events(snapshot, "Node", "", name);
    NodeView {
        name: name.to_owned(),
        zone: zone(object).to_owned(),
        ready: status.to_owned(),
        reason: text(condition, "/reason").to_owned(),
        message: text(condition, "/message").to_owned(),
        not_ready_minutes: if status == "True" { 0.0 } else { since },
        lease_age: lease.and_then(|lease| age(snapshot.at, lease, "/spec/renewTime")).unwrap_or(-1.0),
        taints: each(object, "/spec/taints").map(taint).collect(),
        unschedulable: object.pointer("/spec/unschedulable") == Some(&Value::Bool(true)),
        pressures: holding
            .keys()
            .filter(|key| usual[1..].contains(&key.as_str()))
            .filter(holds)
            .cloned()
            .collect(),
        problems: holding
            .keys()
            .filter(|key| !usual.contains(&key.as_str()))
            .filter(holds)
            .cloned()
            .collect(),
        kubelet_version: text(object, "/status/nodeInfo/kubeletVersion").to_owned(),
        pod_capacity: text(object, "/status/capacity/pods").parse().unwrap_or(110),
        terminating: pods
            .iter()
            .filter(|pod| pod.pointer("/metadata/deletionTimestamp").is_some())
            .count() as i64,
        stuck: names(
            &mut pods
                .iter()
                .copied()
                .filter(|pod| pod.pointer("/metadata/deletionTimestamp").is_some()),
        ),
        homeless: names(
            &mut snapshot
                .of("Pod")
                .iter()
                .filter(|pod| status != "True" && text(pod, "/status/phase") == "Pending" && text(pod, "/spec/nodeName").is_empty()),
        ),
        evicted: pods.iter().filter(|pod| text(pod, "/status/reason") == "Evicted").count() as i64,
        pods: pods.len() as i64,
        zone_nodes: siblings.len() as i64,
        zone_not_ready: siblings.iter().filter(|node| ready(node).0 != "True").count() as i64,
        times_not_ready: times_not_ready(&events),
        disk_used: world
            .measures
            .find("node_disk_used", &[("instance", name)])
            .map_or(-1.0, |measure| measure.value),
        events,
    }
}

/// Names of pods.
fn names(pods: &mut dyn Iterator<Item = &Value>) -> Vec<String> {
    pods.map(|pod| text(pod, "/metadata/name").to_owned()).collect()
}
