//! A number of replicas that an autoscaler owns.

use paramedic_domain::object::ObjectRef;
use serde_json::Value;

use super::{
    Findings, Scene,
    workloads::{changed, replicas},
};
use crate::world::{Kind, World};

pub(super) fn check(scene: &Scene<'_>, found: &mut Findings) {
    for workload in changed(scene) {
        let (before, after) = (replicas(workload.before), replicas(workload.after));
        let Some((name, least, most)) = scaler(scene.after, workload.reference).filter(|_| before != after) else {
            continue;
        };
        if after == 0 {
            found.note(
                workload.last,
                format!(
                    "at 0 replicas Kubernetes switches {name} off: {} stays stopped until somebody gives it replicas again",
                    workload.reference
                ),
            );
        } else if (least..=most).contains(&after) {
            found.note(
                workload.last,
                format!(
                    "{name} scales {} between {least} and {most}: it will choose another number than {after} when the load says so",
                    workload.reference
                ),
            );
        } else {
            found.refuse(
                workload.last,
                format!(
                    "{after} replicas of {} would not stay: {name} keeps it between {least} and {most}; change the autoscaler first (update_hpa)",
                    workload.reference
                ),
            );
        }
    }
}

/// The autoscaler of a workload, with its bounds.
pub(super) fn scaler<'a>(world: &'a World, workload: &ObjectRef) -> Option<(&'a ObjectRef, i64, i64)> {
    let kind = Kind::within("autoscaling/v2", "HorizontalPodAutoscaler", workload.namespace.as_deref()?);
    world.all(&kind)?.into_iter().find_map(|(reference, object)| {
        let target = object.pointer("/spec/scaleTargetRef")?;
        let is = |name: &str, value: &str| target.get(name).and_then(Value::as_str) == Some(value);
        let number = |path: &str| object.pointer(path).and_then(Value::as_i64);
        (is("kind", &workload.kind) && is("name", &workload.name)).then_some(())?;
        Some((reference, number("/spec/minReplicas").unwrap_or(1), number("/spec/maxReplicas")?))
    })
}
