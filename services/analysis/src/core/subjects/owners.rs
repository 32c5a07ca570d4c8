//! Which workload or Job an object belongs to.

use std::collections::BTreeMap;

use paramedic_domain::object::ObjectRef;
use serde_json::Value;

use super::Subject;
use crate::core::{
    read::{controller, text},
    snapshot::{Snapshot, reference, selects},
};

/// Kinds that make pods, and whose pods people mean when they speak of them.
pub const WORKLOADS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];

/// The kind of what owns itself: a pod that has no controller, and that nothing brings back.
pub const ALONE: &str = "Pod";

/// Pods and their owners.
#[derive(Debug, Default)]
pub struct Owners<'s> {
    of_pod: BTreeMap<(&'s str, &'s str), ObjectRef>,
    pods: BTreeMap<ObjectRef, Vec<&'s Value>>,
}

impl Subject {
    /// Whether it is about a pod that has no controller.
    #[must_use]
    pub fn alone(&self) -> bool {
        self.variable("workload").is_some_and(|variable| variable.object.kind == ALONE)
    }
}

impl<'s> Owners<'s> {
    /// Follows the owner references of every pod up to what people deploy; where they lead nowhere, labels decide. A pod that has no
    /// controller is its own.
    #[must_use]
    pub fn of(snapshot: &'s Snapshot) -> Self {
        let mut all = Self::default();
        for pod in snapshot.of("Pod") {
            let owner = top(snapshot, pod).or_else(|| by_labels(snapshot, pod));
            let Some(owner) = owner.or_else(|| controller(pod).is_none().then(|| reference(ALONE, pod))) else {
                continue;
            };
            let place = (text(pod, "/metadata/namespace"), text(pod, "/metadata/name"));
            all.pods.entry(owner.clone()).or_default().push(pod);
            all.of_pod.insert(place, owner);
        }
        all
    }

    /// The workload or Job of a pod; the pod, if it has no controller.
    #[must_use]
    pub fn of_pod(&self, namespace: &str, name: &str) -> Option<&ObjectRef> {
        let place: (&str, &str) = (namespace, name);
        self.of_pod.iter().find(|(known, _)| **known == place).map(|(_, owner)| owner)
    }

    /// The pods of a workload or Job.
    #[must_use]
    pub fn pods(&self, owner: &ObjectRef) -> &[&'s Value] {
        self.pods.get(owner).map_or(&[], Vec::as_slice)
    }
}

/// The topmost owner that is listed: Pod, ReplicaSet, Deployment; Pod, Job (its CronJob makes another one each time).
fn top(snapshot: &Snapshot, pod: &Value) -> Option<ObjectRef> {
    let namespace = text(pod, "/metadata/namespace");
    let (kind, name) = controller(pod)?;
    let owner = snapshot.named(&kind, namespace, &name)?;
    if kind == "ReplicaSet"
        && let Some((kind, name)) = controller(owner)
        && let Some(deployment) = snapshot.named(&kind, namespace, &name)
    {
        return Some(reference(&kind, deployment));
    }
    Some(reference(&kind, owner))
}

fn by_labels(snapshot: &Snapshot, pod: &Value) -> Option<ObjectRef> {
    let namespace = text(pod, "/metadata/namespace");
    WORKLOADS.into_iter().find_map(|kind| {
        let mut workloads = snapshot.within(kind, namespace);
        let found = workloads.find(|workload| {
            let selector = &workload["spec"]["selector"];
            let empty = selector.as_object().is_none_or(serde_json::Map::is_empty);
            !empty && selects(selector, &pod["metadata"]["labels"])
        })?;
        Some(reference(kind, found))
    })
}
