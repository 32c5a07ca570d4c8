//! An object as it was recorded before its deletion, and as it is now.

use paramedic_domain::change::STEP_ANNOTATION;
use serde_json::Value;

/// What the server writes into the metadata of an object by itself.
const ASSIGNED: [&str; 6] = [
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
    "selfLink",
];

/// Fields of `found` that are not as `recorded`, as JSON pointers in a sentence each; status and what the server assigns apart.
#[must_use]
pub fn differences(found: &Value, recorded: &Value) -> Vec<String> {
    let changes = json_patch::diff(&written(recorded), &written(found));
    changes
        .iter()
        .map(|change| format!("{} is not as it was when the deletion was prepared", change.path()))
        .collect()
}

/// What people and controllers wrote of it.
fn written(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    let Some(metadata) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) else {
        return object;
    };
    for assigned in ASSIGNED {
        metadata.remove(assigned);
    }
    let annotations = metadata.get_mut("annotations").and_then(Value::as_object_mut);
    // The record carries the mark of its undo.
    let empty = annotations.is_some_and(|annotations| {
        annotations.remove(STEP_ANNOTATION);
        annotations.is_empty()
    });
    if empty {
        metadata.remove("annotations");
    }
    object
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn recorded() -> Value {
        json!({"kind": "NetworkPolicy", "metadata": {"name": "n", "labels": {"a": "b"}, "annotations": {STEP_ANNOTATION: "plan_a/s/undo"}},
            "spec": {"ingress": []}})
    }

    fn live() -> Value {
        json!({"kind": "NetworkPolicy", "metadata": {"name": "n", "labels": {"a": "b"}, "uid": "1", "resourceVersion": "7",
            "managedFields": [], "creationTimestamp": "2026-11-22T10:00:00Z"}, "spec": {"ingress": []}, "status": {"x": 1}})
    }

    #[test]
    fn what_the_server_writes_is_no_difference() {
        assert_eq!(differences(&live(), &recorded()), Vec::<String>::new());
    }

    #[test]
    fn what_somebody_wrote_is_named() {
        let mut changed = live();
        changed["spec"]["ingress"] = json!([{}]);
        changed["metadata"]["labels"]["a"] = json!("c");
        let said = differences(&changed, &recorded()).join("; ");
        assert!(said.contains("/spec/ingress") && said.contains("/metadata/labels/a"), "{said}");
    }
}
