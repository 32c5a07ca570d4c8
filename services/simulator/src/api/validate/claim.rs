//! Changes of PersistentVolumeClaims.

use serde_json::{Value, json};

use crate::{
    api::quantity,
    store::{Cause, Gvr, Status, name_of},
};

fn size(spec: &Value) -> Option<i128> {
    spec["resources"]["requests"]["storage"].as_str().and_then(quantity::parse)
}

/// Only a bound claim may ask for another size, and never for less than it has.
pub(super) fn update(old: &Value, new: &Value, causes: &mut Vec<Cause>) {
    let fixed = |claim: &Value| {
        let mut spec = claim["spec"].clone();
        let late = old["spec"]["volumeName"].is_null() || old["spec"]["storageClassName"].is_null();
        if let Some(map) = spec.as_object_mut() {
            map.remove("volumeAttributesClassName");
            if late {
                map.retain(|key, _| !["volumeName", "storageClassName"].contains(&key.as_str()));
            }
        }
        if old["status"]["phase"] == "Bound" {
            spec["resources"]["requests"]["storage"] = json!(null);
        }
        spec
    };
    if fixed(old) != fixed(new) {
        let why = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
        causes.push(Cause::forbidden("spec", why));
    }
    let capacity = old["status"]["capacity"]["storage"].as_str().and_then(quantity::parse);
    if let (Some(before), Some(after)) = (size(&old["spec"]), size(&new["spec"]))
        && after < before
        && capacity.is_none_or(|capacity| after <= capacity)
    {
        let field = "spec.resources.requests.storage";
        causes.push(Cause::forbidden(field, "field can not be less than status.capacity"));
    }
}

/// Refuses (403) growth of a claim that is not bound or whose class, not among `growing`, does not allow it.
pub fn may_grow(old: &Value, new: &Value, growing: &[String]) -> Result<(), Status> {
    if size(&new["spec"]) <= size(&old["spec"]) {
        return Ok(());
    }
    let refuse = |why: &str| Err(Status::forbidden(&Gvr::persistent_volume_claims(), name_of(old), why));
    if old["status"]["phase"] != "Bound" {
        return refuse("Only bound persistent volume claims can be expanded");
    }
    let class = old["spec"]["storageClassName"].as_str().unwrap_or_default();
    if growing.iter().any(|name| name == class) {
        return Ok(());
    }
    refuse("only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize")
}
