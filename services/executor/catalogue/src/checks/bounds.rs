//! The bounds of an autoscaler: what it may make of its workload, and what it has to stop at once.

use paramedic_domain::{object::ObjectRef, risk::RiskLevel};
use serde_json::Value;

use super::{Findings, Scene, budget::tightest, connections, quota, workloads::replicas};

pub(super) fn check(scene: &Scene<'_>, found: &mut Findings) {
    for (item, edit) in scene.edits().filter(|(_, edit)| edit.target.kind == "HorizontalPodAutoscaler") {
        let (Ok(before), Ok(after)) = (scene.before.object(&edit.target), scene.after.object(&edit.target)) else {
            continue;
        };
        let most = |scaler: &Value| scaler.pointer("/spec/maxReplicas").and_then(Value::as_i64).unwrap_or(1);
        let (old, new) = (most(before), most(after));
        if old == new {
            continue;
        }
        let Some((workload, object)) = scaled(scene, &edit.target, after) else {
            found.note(
                item,
                format!("what {} scales is not known here: so many pods could not be checked", edit.target),
            );
            continue;
        };
        if new > old {
            let much = connections::too_many(scene, &workload, object, new);
            for text in much.into_iter().chain(quota::too_many(scene, &workload, object, new)) {
                found.concern(item, RiskLevel::High, format!("{} may scale to {new}: {text}", edit.target));
            }
            continue;
        }
        let gone = replicas(object) - new;
        if gone > 0 {
            found.concern(
                item,
                RiskLevel::Medium,
                format!("{gone} of {} pods of {workload} are stopped at once", replicas(object)),
            );
            if let Some((name, allowed)) = tightest(scene, workload.namespace.as_deref(), object)
                && allowed < gone
            {
                found.concern(
                    item,
                    RiskLevel::High,
                    format!("{name} lets {allowed} pods of {workload} go now; scaling does not ask it"),
                );
            }
        }
    }
}

/// The workload that an autoscaler scales.
fn scaled<'a>(scene: &Scene<'a>, scaler: &ObjectRef, object: &Value) -> Option<(ObjectRef, &'a Value)> {
    let text = |name: &str| object.pointer("/spec/scaleTargetRef")?.get(name)?.as_str();
    let workload = ObjectRef::new(
        text("apiVersion").unwrap_or("apps/v1"),
        text("kind")?,
        scaler.namespace.as_deref(),
        text("name")?,
    );
    let found = scene.after.object(&workload).ok()?;
    Some((workload, found))
}
