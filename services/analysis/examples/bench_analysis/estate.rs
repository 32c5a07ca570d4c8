//! A recorded estate of a given size with one fault in it, as the folder of a case.

use std::{fs, path::Path};

use serde_json::{Value, json};

/// When the world stands still.
pub(crate) const NOW: &str = "2026-03-04T10:26:30Z";
/// Where the fault is.
pub(crate) const NAMESPACE: &str = "shop-00";
/// What has it.
pub(crate) const WORKLOAD: &str = "service-000";

/// Pods of one workload.
const REPLICAS: usize = 8;
/// Workloads of one namespace.
const PER_NAMESPACE: usize = 25;

/// Writes an estate of so many nodes and pods to a folder.
pub(crate) fn write(folder: &Path, nodes: usize, pods: usize) -> anyhow::Result<()> {
    fs::create_dir_all(folder.join("cluster"))?;
    let mut objects: Vec<Value> = (0..nodes).map(node).collect();
    for at in 0..pods / REPLICAS {
        objects.extend(workload(at, nodes));
    }
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    // JSON is YAML.
    fs::write(folder.join("cluster/all.yaml"), serde_json::to_vec(&list)?)?;
    let event = json!({
        "involvedObject": {"kind": "Pod", "namespace": NAMESPACE, "name": format!("{WORKLOAD}-2-0")},
        "type": "Warning", "reason": "Failed", "count": 40, "lastTimestamp": NOW,
        "message": "Failed to pull image \"registry.example.com/service-000:2\": manifest unknown",
    });
    fs::write(folder.join("events.json"), serde_json::to_vec(&[event])?)?;
    Ok(())
}

fn node(at: usize) -> Value {
    let name = format!("worker-{at:02}");
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": format!("zone-{}", at % 3)}},
        "spec": {},
        "status": {
            "capacity": {"cpu": "16", "memory": "64Gi", "pods": "110"},
            "allocatable": {"cpu": "15800m", "memory": "62Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "lastTransitionTime": "2026-02-01T00:00:00Z"}],
            "nodeInfo": {"kubeletVersion": "v1.34.1"},
        },
    })
}

fn workload(at: usize, nodes: usize) -> Vec<Value> {
    let (namespace, name) = (format!("shop-{:02}", at / PER_NAMESPACE), format!("service-{at:03}"));
    let broken = name == WORKLOAD;
    let labels = json!({"app": name});
    let next = format!(
        "http://service-{:03}:8080",
        (at / PER_NAMESPACE) * PER_NAMESPACE + (at + 1) % PER_NAMESPACE
    );
    let template = |version: usize| {
        json!({
            "metadata": {"labels": labels},
            "spec": {"containers": [{
                "name": name, "image": format!("registry.example.com/{name}:{version}"),
                "env": [{"name": "NEXT", "value": next}],
                "ports": [{"containerPort": 8080}],
                "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}},
            }]},
        })
    };
    let owner = |kind: &str, name: &str| json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "controller": true}]);
    let set = |version: usize, replicas: usize, ready: usize, created: &str| {
        json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {
                "name": format!("{name}-{version}"), "namespace": namespace, "labels": labels, "creationTimestamp": created,
                "annotations": {"deployment.kubernetes.io/revision": version.to_string()}, "ownerReferences": owner("Deployment", &name),
            },
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template(version)},
            "status": {"replicas": replicas, "readyReplicas": ready},
        })
    };
    let ready = if broken { REPLICAS - 1 } else { REPLICAS };
    let mut objects = vec![
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": {"replicas": REPLICAS, "selector": {"matchLabels": labels}, "template": template(1 + usize::from(broken))},
            "status": {"replicas": REPLICAS, "readyReplicas": ready, "availableReplicas": ready, "updatedReplicas": 1},
        }),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
            "spec": {"selector": labels, "ports": [{"port": 8080, "targetPort": 8080}]},
        }),
        set(1, ready, ready, "2026-02-01T00:00:00Z"),
    ];
    if broken {
        objects.push(set(2, 1, 0, "2026-03-04T10:00:00Z"));
    }
    for replica in 0..REPLICAS {
        let bad = broken && replica == 0;
        let set = format!("{name}-{}", 1 + usize::from(bad));
        let state = match bad {
            true => json!({"name": name, "restartCount": 0, "ready": false, "image": "", "imageID": "", "state": {"waiting": {
                "reason": "ImagePullBackOff", "message": "Back-off pulling image: manifest unknown"}}}),
            false => {
                json!({"name": name, "restartCount": 0, "ready": true, "image": "", "imageID": "", "state": {"running": {"startedAt": "2026-02-01T00:01:00Z"}}})
            }
        };
        objects.push(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": format!("{set}-{replica}"), "namespace": namespace, "labels": labels, "ownerReferences": owner("ReplicaSet", &set)},
            "spec": {"nodeName": format!("worker-{:02}", (at * REPLICAS + replica) % nodes), "containers": template(1)["spec"]["containers"]},
            "status": {
                "phase": if bad { "Pending" } else { "Running" },
                "conditions": [{"type": "Ready", "status": if bad { "False" } else { "True" }}],
                "containerStatuses": [state],
            },
        }));
    }
    objects
}
