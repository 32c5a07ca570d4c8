//! Volumes that grow or are copied, and pods that get other resources while they run.

use serde_json::Value;

use super::{Progress, condition, holds, text};
use crate::quantity::milli;

/// Whether a PersistentVolumeClaim has the size it asks for, its file system included.
pub(super) fn resized(object: &Value) -> Progress {
    let read = |path: &str| object.pointer(path).and_then(Value::as_str);
    let (Some(wanted), Some(present)) = (read("/spec/resources/requests/storage"), read("/status/capacity/storage")) else {
        return Progress::Progressing("the volume is not bound yet".into());
    };
    for failure in ["ControllerResizeError", "NodeResizeError"] {
        let found = condition(object, failure);
        if holds(found) {
            return Progress::Stuck(text(found, "message").to_owned());
        }
    }
    if milli(present) >= milli(wanted) && !holds(condition(object, "FileSystemResizePending")) {
        Progress::Done(format!("the volume has {present}"))
    } else {
        Progress::Progressing(format!("the volume has {present} of {wanted}"))
    }
}

/// Whether a VolumeSnapshot can be used. The snapshot controller goes on trying after an error, but what follows a backup
/// must not wait for luck: its first error is the answer, and people see it.
pub(super) fn snapshot(object: &Value) -> Progress {
    let read = |path: &str| object.pointer(path).and_then(Value::as_str);
    if object.pointer("/status/readyToUse").and_then(Value::as_bool) == Some(true) {
        let size = read("/status/restoreSize").map_or_else(String::new, |size| format!(", {size} to restore"));
        return Progress::Done(format!("the snapshot can be used{size}"));
    }
    if object.pointer("/status/error").is_some_and(Value::is_object) {
        let why = read("/status/error/message").unwrap_or("the storage does not say why");
        return Progress::Stuck(format!("the storage cannot take the snapshot: {why}"));
    }
    match read("/status/boundVolumeSnapshotContentName") {
        Some(_) => Progress::Progressing("the storage is taking the snapshot".into()),
        None => Progress::Progressing("the storage has not begun the snapshot yet".into()),
    }
}

/// Whether every container runs with the resources that the pod's specification names.
pub(super) fn pod_resized(object: &Value) -> Progress {
    let pending = condition(object, "PodResizePending");
    if holds(pending) && text(pending, "reason") == "Infeasible" {
        return Progress::Stuck(format!("the node cannot give it: {}", text(pending, "message")));
    }
    if holds(pending) {
        return Progress::Progressing(format!("the node has no room now: {}", text(pending, "message")));
    }
    if holds(condition(object, "PodResizeInProgress")) {
        return Progress::Progressing("the node is changing it".into());
    }
    let list = |path: &str| object.pointer(path).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let running = list("/status/containerStatuses");
    let differs = list("/spec/containers").iter().find(|wanted| {
        let status = running.iter().find(|status| status.get("name") == wanted.get("name"));
        ["limits", "requests"].iter().any(|kind| {
            ["cpu", "memory"].iter().any(|resource| {
                let read = |value: Option<&Value>| {
                    value
                        .and_then(|value| value.pointer(&format!("/resources/{kind}/{resource}")))
                        .and_then(Value::as_str)
                        .and_then(milli)
                };
                let wished = read(Some(wanted));
                wished.is_some() && wished != read(status)
            })
        })
    });
    match differs {
        Some(container) => Progress::Progressing(format!(
            "container {} runs with its old resources",
            container.get("name").and_then(Value::as_str).unwrap_or_default()
        )),
        None => Progress::Done("every container runs with its new resources".into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_volume_is_resized_when_its_file_system_is() {
        let claim = |capacity: &str, conditions: Value| json!({"spec": {"resources": {"requests": {"storage": "2Gi"}}}, "status": {"capacity": {"storage": capacity}, "conditions": conditions}});
        assert!(matches!(resized(&claim("1Gi", json!([]))), Progress::Progressing(_)));
        assert!(matches!(resized(&claim("2048Mi", json!([]))), Progress::Done(_)));
        let pending = json!([{"type": "FileSystemResizePending", "status": "True"}]);
        assert!(matches!(resized(&claim("2Gi", pending)), Progress::Progressing(_)));
    }

    #[test]
    fn a_snapshot_is_a_backup_when_it_can_be_used_and_an_error_is_told() {
        let with = |status: Value| snapshot(&json!({"status": status}));
        assert!(matches!(snapshot(&json!({})), Progress::Progressing(_)));
        assert!(matches!(
            with(json!({"readyToUse": false, "boundVolumeSnapshotContentName": "c"})),
            Progress::Progressing(said) if said.contains("is taking")
        ));
        assert!(matches!(with(json!({"readyToUse": true, "restoreSize": "8Gi"})), Progress::Done(said) if said.contains("8Gi")));
        let refused = with(json!({"readyToUse": false, "error": {"message": "no such class"}}));
        assert!(matches!(refused, Progress::Stuck(why) if why.contains("no such class")));
    }

    #[test]
    fn a_pod_is_resized_when_its_containers_run_with_what_it_asks_for() {
        let pod = |running: &str, conditions: Value| {
            json!({"spec": {"containers": [{"name": "app", "resources": {"limits": {"memory": "1Gi"}}}]},
                "status": {"conditions": conditions, "containerStatuses": [{"name": "app", "resources": {"limits": {"memory": running}}}]}})
        };
        assert!(matches!(pod_resized(&pod("512Mi", json!([]))), Progress::Progressing(_)));
        assert!(matches!(pod_resized(&pod("1024Mi", json!([]))), Progress::Done(_)));
        let infeasible = json!([{"type": "PodResizePending", "status": "True", "reason": "Infeasible", "message": "node too small"}]);
        assert!(matches!(pod_resized(&pod("512Mi", infeasible)), Progress::Stuck(_)));
    }
}
