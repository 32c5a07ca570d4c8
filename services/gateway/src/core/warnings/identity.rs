//! Who an alert of events is. It is read off the event alone: what a lookup says may change, and who an alert is must not.

use std::collections::BTreeMap;

use paramedic_correlation::locate;

/// Kinds whose name is a label of its own in what exporters say about them.
const LABELLED: [(&str, &str); 9] = [
    ("Node", "node"),
    ("Deployment", "deployment"),
    ("StatefulSet", "statefulset"),
    ("DaemonSet", "daemonset"),
    ("CronJob", "cronjob"),
    ("Service", "service"),
    ("PersistentVolumeClaim", "persistentvolumeclaim"),
    ("HorizontalPodAutoscaler", "horizontalpodautoscaler"),
    ("PodDisruptionBudget", "poddisruptionbudget"),
];

/// The labels of the alert for events of this reason about this object: equal for all pods of a workload.
pub(super) fn labels(reason: &str, kind: &str, namespace: &str, name: &str) -> BTreeMap<String, String> {
    let made_by = match kind {
        "Pod" => locate::maker(name),
        // Their own names are made too: by a Deployment, by a CronJob.
        "ReplicaSet" | "Job" => without_end(name),
        _ => None,
    };
    let label = LABELLED.iter().find(|(labelled, _)| *labelled == kind).map(|(_, label)| *label);
    let about = match (made_by, label, kind) {
        (Some(workload), _, _) => ("workload", workload),
        (None, Some(label), _) => (label, name),
        (None, None, "Pod") => ("pod", name),
        (None, None, "Job") => ("job_name", name),
        (None, None, "ReplicaSet") => ("replicaset", name),
        (None, None, _) => ("object", name),
    };
    [
        ("alertname", reason),
        ("kind", kind),
        ("namespace", namespace),
        ("severity", "warning"),
        about,
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

/// `cart-7d9f8c6b5d` without the hash of its template, `backup-28371230` without the minute it was due at.
fn without_end(name: &str) -> Option<&str> {
    let (rest, end) = name.rsplit_once('-')?;
    let is_made =
        end.len() >= 8 && end.bytes().any(|b| b.is_ascii_digit()) && end.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    (is_made && !rest.is_empty()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(kind: &str, name: &str) -> (String, String) {
        let mut labels = labels("BackOff", kind, "shop", name);
        for known in ["alertname", "kind", "namespace", "severity"] {
            assert!(labels.remove(known).is_some(), "{known}");
        }
        assert_eq!(labels.len(), 1);
        labels.pop_first().unwrap()
    }

    #[test]
    fn all_pods_of_a_workload_are_one() {
        let pair = |label: &str, name: &str| (label.to_owned(), name.to_owned());
        for (kind, name, expected) in [
            ("Pod", "cart-7d9f8c6b5d-x2x4z", pair("workload", "cart")),
            ("Pod", "cart-7d9f8c6b5d-abcde", pair("workload", "cart")),
            ("Pod", "db-0", pair("workload", "db")),
            ("Pod", "agent-x2x4z", pair("workload", "agent")),
            ("Pod", "lonely", pair("pod", "lonely")),
            ("ReplicaSet", "cart-7d9f8c6b5d", pair("workload", "cart")),
            ("ReplicaSet", "own", pair("replicaset", "own")),
            ("Job", "backup-28371230", pair("workload", "backup")),
            ("Job", "migrate", pair("job_name", "migrate")),
            ("Deployment", "cart-12345678", pair("deployment", "cart-12345678")),
            ("Node", "node-1", pair("node", "node-1")),
            ("Certificate", "web", pair("object", "web")),
        ] {
            assert_eq!(about(kind, name), expected, "{kind} {name}");
        }
    }

    #[test]
    fn what_has_no_namespace_has_no_such_label() {
        assert!(!labels("NodeNotReady", "Node", "", "node-1").contains_key("namespace"));
    }
}
