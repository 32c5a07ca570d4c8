//! Disks of volumes that could not be attached, as their cloud providers tell of them.

use paramedic_domain::{evidence::Source, object::ObjectRef};
use serde_json::Value;

use super::{Quote, Subject, Variable, World, conditions, nodes, path, view::view};
use crate::core::{
    clouds::{Place, Thing, Told},
    read::{each, text},
    snapshot::{Snapshot, reference},
};

/// What a provider told of a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// `aws` or `gcp`.
    pub provider: &'static str,
    /// Its identifier at the provider.
    pub id: String,
    /// Its state, or [`ABSENT`](super::machines::ABSENT).
    pub state: String,
    /// The machines that have it.
    pub machines: Vec<Place>,
}

view! {
    /// The disk of a volume that could not be attached for a pod, as its cloud provider tells of it. There is none where no cloud is configured.
    pub(super) struct DiskView {
        /// `aws` or `gcp`.
        provider: String,
        /// Its identifier at the provider.
        id: String,
        /// The PersistentVolume.
        volume: String,
        /// Its claim, as `namespace/name`.
        claim: String,
        /// `in-use`, `available`, `ready`, ... in the provider's words and lower case; `absent`: the provider knows no such disk.
        state: String,
        /// The machines that it is attached to.
        attached_to: Vec<String>,
        /// It is attached to another machine than that of the pod's node.
        elsewhere: bool,
        /// The node of a machine that has it and is not the pod's; empty: no node has such a machine.
        holder: String,
        /// Whether that node is ready: `True`, `False`, `Unknown`; empty: there is none.
        holder_ready: String,
    }
}

/// The volumes that could not be attached for pods that still wait for them.
pub(in crate::core) fn not_attached(snapshot: &Snapshot) -> Vec<&Value> {
    let mut found: Vec<&Value> = Vec::new();
    for event in snapshot.of("Event") {
        for volume in failed(snapshot, event) {
            if !found.iter().any(|known| std::ptr::eq(*known, volume)) {
                found.push(volume);
            }
        }
    }
    found
}

/// The volumes that an event says could not be attached; those of the pod that it names, else all of them.
fn failed<'s>(snapshot: &'s Snapshot, event: &Value) -> Vec<&'s Value> {
    let (reason, message) = (text(event, "/reason"), text(event, "/message"));
    let about = &event["involvedObject"];
    if text(about, "/kind") != "Pod" || !(reason == "FailedAttachVolume" || reason == "FailedMount" && message.contains("attach")) {
        return Vec::new();
    }
    let Some(pod) = snapshot.named("Pod", text(about, "/namespace"), text(about, "/name")) else {
        return Vec::new();
    };
    if conditions(pod).get("Ready").is_some_and(|ready| ready["status"] == "True") {
        return Vec::new();
    }
    let mut volumes = volumes(snapshot, pod);
    let named = |volume: &&Value| message.contains(text(volume, "/metadata/name"));
    if volumes.iter().any(named) {
        volumes.retain(named);
    }
    volumes
}

/// The PersistentVolumes of a pod's claims.
fn volumes<'s>(snapshot: &'s Snapshot, pod: &Value) -> Vec<&'s Value> {
    let namespace = text(pod, "/metadata/namespace");
    let claims = each(pod, "/spec/volumes").filter_map(|volume| {
        let name = text(volume, "/persistentVolumeClaim/claimName");
        snapshot.named("PersistentVolumeClaim", namespace, name)
    });
    claims
        .filter_map(|claim| snapshot.named("PersistentVolume", "", text(claim, "/spec/volumeName")))
        .collect()
}

/// Gives pods that wait for such a disk the name `disk`.
pub(super) fn add(world: &World, all: &mut [Subject]) {
    let snapshot = &world.snapshot;
    let waiting = |subject: &&mut Subject| subject.of == "pod" && !world.told.is_empty();
    for subject in all.iter_mut().filter(waiting) {
        let namespace = subject.object.namespace.as_deref().unwrap_or_default();
        let Some(pod) = snapshot.named("Pod", namespace, &subject.object.name) else {
            continue;
        };
        let known = volumes(snapshot, pod).into_iter().filter_map(|volume| {
            let object = reference("PersistentVolume", volume);
            let told = world.told.iter().find(|told| told.about.same_object(&object))?;
            variable(snapshot, pod, volume, told)
        });
        // Of several, what explains why the pod waits.
        let best = known.max_by_key(|variable| variable.fields["elsewhere"] == Value::Bool(true));
        subject.variables.extend(best);
    }
}

fn variable(snapshot: &Snapshot, pod: &Value, volume: &Value, told: &Told) -> Option<Variable> {
    let Thing::Disk(disk) = &told.thing else { return None };
    let own = snapshot.named("Node", "", text(pod, "/spec/nodeName")).and_then(machine);
    let others: Vec<&Place> = disk.machines.iter().filter(|place| own.as_ref() != Some(place)).collect();
    let mut nodes = snapshot.of("Node").iter();
    let holder = nodes.find(|node| machine(node).is_some_and(|place| others.contains(&&place)));
    let view = DiskView {
        provider: disk.provider.to_owned(),
        id: disk.id.clone(),
        volume: text(volume, "/metadata/name").to_owned(),
        claim: format!(
            "{}/{}",
            text(volume, "/spec/claimRef/namespace"),
            text(volume, "/spec/claimRef/name")
        ),
        state: disk.state.clone(),
        attached_to: disk.machines.iter().map(|place| place.id().to_owned()).collect(),
        elsewhere: own.is_some() && !others.is_empty(),
        holder: holder.map_or_else(String::new, |node| text(node, "/metadata/name").to_owned()),
        holder_ready: holder.map_or_else(String::new, |node| nodes::ready(node).0.to_owned()),
    };
    let mut quotes = told.quotes.clone();
    quotes.extend(holder.map(|node| holds(&reference("Node", node), &view)));
    Some(Variable {
        name: "disk",
        fields: serde_json::to_value(&view).unwrap_or_default(),
        object: told.about.clone(),
        quotes,
    })
}

fn machine(node: &Value) -> Option<Place> {
    Place::of_machine(text(node, "/spec/providerID"))
}

/// That a node's machine has the disk.
fn holds(node: &ObjectRef, view: &DiskView) -> Quote {
    Quote {
        source: Source::Kubernetes,
        query: path(node),
        excerpt: format!(
            "node {} (Ready={}) runs on a machine that has the disk {}",
            view.holder, view.holder_ready, view.id
        ),
        value: None,
    }
}
