//! The status a new object starts with.

use serde_json::{Value, json};

use super::super::catalog::Resource;

/// `None` for kinds whose given status is kept (nodes) or that have none.
pub fn initial(resource: &Resource, object: &Value) -> Option<Value> {
    Some(match (resource.group, resource.plural) {
        ("", "pods") => json!({"phase": "Pending", "qosClass": qos(&object["spec"])}),
        ("", "services") | ("networking.k8s.io", "ingresses") => json!({"loadBalancer": {}}),
        ("", "namespaces") => json!({"phase": "Active"}),
        ("", "persistentvolumeclaims") => json!({"phase": "Pending"}),
        ("", "persistentvolumes") => json!({"phase": "Available"}),
        ("", "resourcequotas") | ("apps", "deployments") | ("batch", _) => json!({}),
        ("apps", "replicasets") => json!({"replicas": 0}),
        ("apps", "statefulsets") => json!({"replicas": 0, "availableReplicas": 0}),
        ("apps", "daemonsets") => {
            json!({"currentNumberScheduled": 0, "numberMisscheduled": 0, "desiredNumberScheduled": 0, "numberReady": 0})
        }
        ("autoscaling", _) => json!({"desiredReplicas": 0, "currentMetrics": null}),
        ("policy", _) => json!({"disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0}),
        _ => return None,
    })
}

/// The quality of service class of a pod spec.
pub fn qos(spec: &Value) -> &'static str {
    let containers = || {
        ["containers", "initContainers"]
            .into_iter()
            .filter_map(|k| spec[k].as_array())
            .flatten()
    };
    let has = |c: &Value, part: &str, name: &str| c["resources"][part].get(name).is_some();
    let names = ["cpu", "memory"];
    if !containers().any(|c| names.iter().any(|n| has(c, "requests", n) || has(c, "limits", n))) {
        return "BestEffort";
    }
    let guaranteed = containers().all(|c| {
        names
            .iter()
            .all(|n| has(c, "limits", n) && c["resources"]["limits"][*n] == c["resources"]["requests"][*n])
    });
    if guaranteed { "Guaranteed" } else { "Burstable" }
}
