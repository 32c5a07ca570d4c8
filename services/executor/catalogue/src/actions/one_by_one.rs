//! Pods of a workload deleted one after the other, each only when the workload is whole again.

use paramedic_domain::object::ObjectRef;
use serde_json::Value;

use super::refuse;
use crate::{
    action::{Refused, Request},
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

/// The ordinal of a StatefulSet's pod.
pub(super) fn ordinal(pod: &ObjectRef) -> Option<u32> {
    pod.name.rsplit_once('-')?.1.parse().ok()
}

/// Whether a pod is ready and not going.
pub(super) fn ready(pod: &Value) -> bool {
    let going = pod.pointer("/metadata/deletionTimestamp").is_some();
    let ready = items(pod, "/status/conditions").any(|condition| {
        let text = |name: &str| condition.get(name).and_then(Value::as_str);
        text("type") == Some("Ready") && text("status") == Some("True")
    });
    ready && !going
}
