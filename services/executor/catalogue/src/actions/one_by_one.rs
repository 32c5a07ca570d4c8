//! Pods of a workload deleted one after the other, each only when the workload is whole again.

use paramedic_domain::object::ObjectRef;
use serde_json::Value;

use super::refuse;
use crate::{
    action::{Draft, Refused, Request},
    references::items,
    world::{World, with_uid},
};

/// Most pods of one step: each takes as long as a pod takes to become ready.
const MOST: usize = 50;

/// Deletions of these pods of `owner`, in this order.
pub(super) fn deletions(owner: &ObjectRef, world: &World, pods: &[&ObjectRef]) -> Result<Vec<Request>, Refused> {
    if pods.is_empty() {
        return refuse(format!("{owner} has no pods to restart"));
    }
    if pods.len() > MOST {
        return refuse(format!(
            "{owner} has {} pods to restart one at a time, more than {MOST}: restart it as its update strategy says (strategy rolling)",
            pods.len()
        ));
    }
    let whole = world.object(owner)?;
    pods.iter()
        .map(|pod| {
            Ok(Request::Delete {
                target: with_uid(pod, world.object(pod)?),
                owner: Some(with_uid(owner, whole)),
                restore: false,
                ended: None,
            })
        })
        .collect()
}

/// These pods of a StatefulSet one after the other: the highest ordinal first, as its controller goes.
pub(super) fn in_turn(target: &ObjectRef, object: &Value, world: &World, mut pods: Vec<(&ObjectRef, &Value)>) -> Result<Draft, Refused> {
    let in_order = object.pointer("/spec/podManagementPolicy").and_then(Value::as_str) != Some("Parallel");
    if in_order {
        comes_back(target, world, &pods)?;
    }
    // A set that creates its pods in order creates none above one that is not ready, so those come first, the lowest before.
    pods.sort_by_key(|(pod, object)| {
        let number = i64::from(ordinal(pod).unwrap_or(0));
        let held = in_order && !ready(object);
        (!held, if held { number } else { -number })
    });
    let names: Vec<&ObjectRef> = pods.iter().map(|(name, _)| *name).collect();
    let requests = deletions(target, world, &names)?;
    let ordinals: Vec<String> = names.iter().filter_map(|pod| ordinal(pod)).map(|n| n.to_string()).collect();
    Ok(Draft::from(requests).note(format!(
        "pods {} of {target} are restarted in this order, each when the one before is ready again; volumes stay",
        ordinals.join(", ")
    )))
}

/// Refuses a pod that would not be created again because one below it is not ready and stays as it is.
fn comes_back(target: &ObjectRef, world: &World, pods: &[(&ObjectRef, &Value)]) -> Result<(), Refused> {
    let all = world.pods_of(target);
    let broken = all.iter().filter(|(_, pod)| !ready(pod)).filter_map(|(pod, _)| ordinal(pod));
    let chosen: Vec<u32> = pods.iter().filter_map(|(pod, _)| ordinal(pod)).collect();
    let Some(stays) = broken.filter(|number| !chosen.contains(number)).min() else {
        return Ok(());
    };
    match chosen.iter().find(|number| **number > stays) {
        Some(lost) => Err(Refused::parameter(
            "/ordinals",
            format!(
                "pod {stays} of {target} is not ready, and the set creates its pods in order: pod {lost} would not come back; restart pod {stays}, too"
            ),
        )),
        None => Ok(()),
    }
}

/// The ordinal of a StatefulSet's pod.
pub(super) fn ordinal(pod: &ObjectRef) -> Option<u32> {
    pod.name.rsplit_once('-')?.1.parse().ok()
}

/// Whether a pod (or a node) is ready and not going.
#[must_use]
pub fn ready(pod: &Value) -> bool {
    let ready = items(pod, "/status/conditions").any(|condition| {
        let text = |name: &str| condition.get(name).and_then(Value::as_str);
        text("type") == Some("Ready") && text("status") == Some("True")
    });
    ready && !going(pod)
}

/// Whether somebody has asked for its deletion.
pub(super) fn going(pod: &Value) -> bool {
    pod.pointer("/metadata/deletionTimestamp").is_some()
}
