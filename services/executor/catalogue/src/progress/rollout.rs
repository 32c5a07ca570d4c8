//! How far a workload's rollout is, read from its status.

use jiff::Timestamp;
use serde_json::Value;

use super::Progress;

/// The rollout of a Deployment, StatefulSet or DaemonSet. `since`: when the change was made; an older verdict of the
/// controller is about an older change.
#[must_use]
pub(super) fn rollout(object: &Value, since: Option<Timestamp>) -> Progress {
    let number = |path: &str| object.pointer(path).and_then(Value::as_i64);
    let status = |name: &str| number(&format!("/status/{name}")).unwrap_or(0);
    if number("/metadata/generation") > number("/status/observedGeneration") {
        return Progress::Progressing("its controller has not seen the change yet".into());
    }
    match object.get("kind").and_then(Value::as_str) {
        Some("DaemonSet") => {
            let wanted = status("desiredNumberScheduled");
            let (updated, available) = (status("updatedNumberScheduled"), status("numberAvailable"));
            counted(wanted, wanted, updated, available, wanted)
        }
        Some("StatefulSet") => {
            let wanted = number("/spec/replicas").unwrap_or(1);
            let revision = |name: &str| object.pointer(&format!("/status/{name}")).and_then(Value::as_str);
            let same = revision("currentRevision") == revision("updateRevision");
            let updated = if same { status("replicas") } else { status("updatedReplicas") };
            // Pods below the partition keep the old template for as long as somebody wants.
            let kept = number("/spec/updateStrategy/rollingUpdate/partition").unwrap_or(0);
            let updating = (wanted - kept).max(0);
            counted(wanted, updating, updated, status("readyReplicas"), status("replicas"))
        }
        _ => {
            if let Some(message) = gave_up(object, since) {
                return Progress::Stuck(message);
            }
            let wanted = number("/spec/replicas").unwrap_or(1);
            let updated = status("updatedReplicas");
            counted(wanted, wanted, updated, status("availableReplicas"), status("replicas"))
        }
    }
}

/// Of `wanted` pods, `updating` get the new template; `total` is every pod there is.
fn counted(wanted: i64, updating: i64, updated: i64, available: i64, total: i64) -> Progress {
    if updated < updating {
        Progress::Progressing(format!("{updated} of {updating} pods are updated"))
    } else if total > wanted {
        Progress::Progressing(format!("{total} pods are there, {} more than wanted", total - wanted))
    } else if available < wanted {
        Progress::Progressing(format!("{available} of {wanted} pods are available"))
    } else if updating < wanted {
        Progress::Done(format!(
            "{updated} of {wanted} pods are updated, as its partition says, and {available} available"
        ))
    } else {
        Progress::Done(format!("{available} of {wanted} pods are updated and available"))
    }
}

fn gave_up(object: &Value, since: Option<Timestamp>) -> Option<String> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    let text = |condition: &Value, name: &str| condition.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let condition = conditions.iter().find(|condition| {
        text(condition, "type") == "Progressing"
            && text(condition, "status") == "False"
            && text(condition, "reason") == "ProgressDeadlineExceeded"
    })?;
    let updated: Option<Timestamp> = text(condition, "lastUpdateTime").parse().ok();
    let newer = match (updated, since) {
        (Some(updated), Some(since)) => updated >= since,
        _ => true,
    };
    newer.then(|| text(condition, "message"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(status: Value) -> Value {
        json!({"kind": "Deployment", "metadata": {"generation": 3}, "spec": {"replicas": 4}, "status": status})
    }

    #[test]
    fn a_rollout_is_done_only_when_it_was_seen_and_no_old_pod_is_left() {
        let cases = [
            (
                json!({"observedGeneration": 2, "replicas": 4, "updatedReplicas": 4, "availableReplicas": 4}),
                false,
            ),
            (
                json!({"observedGeneration": 3, "replicas": 5, "updatedReplicas": 4, "availableReplicas": 4}),
                false,
            ),
            (
                json!({"observedGeneration": 3, "replicas": 4, "updatedReplicas": 3, "availableReplicas": 4}),
                false,
            ),
            (
                json!({"observedGeneration": 3, "replicas": 4, "updatedReplicas": 4, "availableReplicas": 3}),
                false,
            ),
            (
                json!({"observedGeneration": 3, "replicas": 4, "updatedReplicas": 4, "availableReplicas": 4}),
                true,
            ),
        ];
        for (status, done) in cases {
            let found = rollout(&deployment(status.clone()), None);
            assert_eq!(matches!(found, Progress::Done(_)), done, "{status}: {found:?}");
        }
    }

    #[test]
    fn fewer_pods_are_wanted_and_the_others_have_to_go_first() {
        let counts = |there: i64| json!({"observedGeneration": 3, "replicas": there, "updatedReplicas": there, "availableReplicas": there, "readyReplicas": there});
        for kind in ["Deployment", "StatefulSet"] {
            let with = |there: i64| {
                let mut object = deployment(counts(there));
                object["kind"] = json!(kind);
                rollout(&object, None)
            };
            let Progress::Progressing(said) = with(6) else {
                panic!("{kind}: {:?}", with(6))
            };
            assert!(said.contains("2 more than wanted"), "{said}");
            assert!(matches!(with(4), Progress::Done(_)), "{kind}");
        }
    }

    #[test]
    fn a_partition_keeps_the_pods_below_it_as_they_are() {
        let set = |updated: i64| {
            json!({"kind": "StatefulSet", "metadata": {"generation": 3},
                "spec": {"replicas": 4, "updateStrategy": {"rollingUpdate": {"partition": 3}}},
                "status": {"observedGeneration": 3, "replicas": 4, "readyReplicas": 4, "updatedReplicas": updated,
                    "currentRevision": "a", "updateRevision": "b"}})
        };
        assert!(matches!(rollout(&set(0), None), Progress::Progressing(_)));
        assert!(matches!(rollout(&set(1), None), Progress::Done(said) if said.contains("partition")));
    }

    #[test]
    fn an_old_verdict_of_the_controller_is_not_about_the_new_change() {
        let status = json!({"observedGeneration": 3, "replicas": 4, "updatedReplicas": 1, "availableReplicas": 3, "conditions": [
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out", "lastUpdateTime": "2026-11-22T10:00:00Z"}]});
        let object = deployment(status);
        assert_eq!(
            rollout(&object, "2026-11-22T09:00:00Z".parse().ok()),
            Progress::Stuck("timed out".into())
        );
        assert!(matches!(
            rollout(&object, "2026-11-22T11:00:00Z".parse().ok()),
            Progress::Progressing(_)
        ));
    }
}
