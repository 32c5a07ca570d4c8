//! Containers and pods against the LimitRanges of the namespace.

use serde_json::Value;

use super::{
    Findings, Scene,
    workloads::{changed, pods},
};
use crate::{quantity::milli, references::items, room::every, world::Kind};

pub(super) fn check(scene: &Scene<'_>, found: &mut Findings) {
    for workload in changed(scene).into_iter().filter(|workload| workload.replaced) {
        let kind = Kind::within("v1", "LimitRange", workload.namespace());
        for (name, range) in scene.after.all(&kind).unwrap_or_default() {
            for limit in items(range, "/spec/limits") {
                for problem in broken(limit, pods(workload.after)) {
                    found.refuse(
                        workload.last,
                        format!("{}: {problem}, so {name} would refuse its pods", workload.reference),
                    );
                }
            }
        }
    }
}

/// Sentences about what is beyond the greatest value of this limit.
fn broken(limit: &Value, spec: &Value) -> Vec<String> {
    let most = |resource: &str| limit.pointer(&format!("/max/{resource}"))?.as_str();
    let mut problems = Vec::new();
    for resource in ["cpu", "memory"] {
        let Some((text, most)) = most(resource).and_then(|text| Some((text, milli(text)?))) else {
            continue;
        };
        match limit.get("type").and_then(Value::as_str) {
            Some("Container") => {
                for container in items(spec, "/containers") {
                    let wanted = container.pointer(&format!("/resources/limits/{resource}")).and_then(Value::as_str);
                    if let Some(wanted) = wanted.filter(|wanted| milli(wanted) > Some(most)) {
                        let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
                        problems.push(format!(
                            "the {resource} limit {wanted} of container {name} is more than the {text} that a container may have"
                        ));
                    }
                }
            }
            Some("Pod") if every(spec, "limits", resource) > Some(most) => problems.push(format!(
                "the {resource} limits of its containers together are more than the {text} that a pod may have"
            )),
            _ => {}
        }
    }
    problems
}
