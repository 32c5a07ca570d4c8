//! The scale subresource.

use serde_json::{Value, json};

use super::{
    Api, Caller,
    patch::{self, Patch},
    reply::Reply,
    request::{Query, Target},
    schema::SCHEMAS,
    selector::Labels,
};
use crate::store::{Cause, Status, name_of};

impl Api {
    /// Reads the scale of a workload.
    pub(super) fn get_scale(&self, target: &Target) -> Result<Reply, Status> {
        let found = self.store.get_shared(&target.stored(), target.ns(), target.name());
        let object = found.ok_or_else(|| Status::not_found(&target.gvr(), target.name()))?;
        Ok(Reply::ok(scale_of(&object)))
    }

    /// Writes it, by patch or as a whole.
    pub(super) fn put_scale(&self, target: &Target, query: &Query, caller: &Caller, edit: &ScaleEdit) -> Result<Reply, Status> {
        let mut make = |served: &Value| {
            let mut scale = scale_of(served);
            match edit {
                ScaleEdit::Whole(value) => scale = value.clone(),
                ScaleEdit::Patch(Patch::Json(operations)) => patch::json(&mut scale, operations)?,
                ScaleEdit::Patch(Patch::Merge(value)) => patch::merge(&mut scale, value),
                ScaleEdit::Patch(Patch::Strategic(value) | Patch::Apply(value)) => {
                    patch::strategic::apply(SCHEMAS.kind("autoscaling", "v1", "Scale"), &mut scale, value)?;
                }
            }
            let replicas = scale["spec"]["replicas"].as_i64().unwrap_or(0);
            if replicas < 0 {
                let cause = Cause::invalid("spec.replicas", &json!(replicas), "must be greater than or equal to 0");
                return Err(Status::invalid("autoscaling", "Scale", name_of(served), &[cause]));
            }
            let mut new = served.clone();
            new["spec"]["replicas"] = json!(replicas);
            for key in ["resourceVersion", "uid"] {
                if let Some(sent) = scale["metadata"].get(key).filter(|v| v.as_str().is_some_and(|t| !t.is_empty())) {
                    new["metadata"][key] = sent.clone();
                }
            }
            Ok(new)
        };
        let new = self.change(target, query, &mut make, Some(caller))?;
        Ok(Reply::ok(scale_of(&new)))
    }
}

/// How a scale is to be changed.
pub(super) enum ScaleEdit {
    /// `PUT`.
    Whole(Value),
    /// `PATCH`.
    Patch(Patch),
}

fn scale_of(object: &Value) -> Value {
    let meta = &object["metadata"];
    let mut kept = json!({});
    for key in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        kept[key] = meta[key].clone();
    }
    let mut status = json!({"replicas": object["status"]["replicas"].as_i64().unwrap_or(0)});
    if let Some(labels) = Labels::from_object(&object["spec"]["selector"]) {
        status["selector"] = json!(labels.text());
    }
    json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": kept,
        "spec": {"replicas": object["spec"]["replicas"].as_i64().unwrap_or(0)}, "status": status})
}
