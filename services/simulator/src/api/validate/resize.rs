//! The resize subresource of pods: only CPU and memory of containers change, and never the quality of service.

use serde_json::{Value, json};

use super::pod;
use crate::{
    api::defaults,
    store::{Cause, Status, name_of},
};

/// The old pod with the resources of the new one, everything else being dropped; 422 when the new resources may not be.
pub fn resize(old: &Value, new: &Value) -> Result<Value, Status> {
    let mut out = old.clone();
    let mut causes = Vec::new();
    for key in ["containers", "initContainers"] {
        let containers = out["spec"].get_mut(key).and_then(Value::as_array_mut);
        for (i, container) in containers.into_iter().flatten().enumerate() {
            let same = |other: &&Value| other["name"] == container["name"];
            let found = new["spec"][key].as_array().into_iter().flatten().find(same);
            let Some(other) = found else { continue };
            check(
                &format!("spec.{key}[{i}].resources"),
                &container["resources"],
                &other["resources"],
                &mut causes,
            );
            container["resources"] = other["resources"].clone();
            if container["resources"].is_null() {
                container["resources"] = json!({});
            }
        }
    }
    if defaults::qos(&old["spec"]) != defaults::qos(&out["spec"]) {
        let class = json!(defaults::qos(&old["spec"]));
        causes.push(Cause::invalid(
            "spec",
            &class,
            "Pod QOS Class may not change as a result of resizing",
        ));
    }
    pod::spec("spec", &out["spec"], &mut causes);
    if causes.is_empty() {
        return Ok(out);
    }
    Err(Status::invalid("", "Pod", name_of(old), &causes))
}

fn check(at: &str, old: &Value, new: &Value, causes: &mut Vec<Cause>) {
    for part in ["requests", "limits"] {
        let (was, is) = (old[part].as_object(), new[part].as_object());
        let names = was.into_iter().chain(is).flat_map(|map| map.keys());
        for name in names.collect::<std::collections::BTreeSet<_>>() {
            let (before, after) = (old[part].get(name), new[part].get(name));
            if before == after {
                continue;
            }
            if !matches!(name.as_str(), "cpu" | "memory") {
                causes.push(Cause::forbidden("spec", "only cpu and memory resources are mutable"));
            } else if after.is_none() {
                causes.push(Cause::forbidden(
                    format!("{at}.{part}"),
                    &format!("resource {part} cannot be removed"),
                ));
            }
        }
    }
}
