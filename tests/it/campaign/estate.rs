//! The cluster of a day: the leaking payment service, and teams with a few workloads each.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// Images of the teams' services; no other tag can be pulled.
pub(crate) const OLD_IMAGE: &str = "registry.example.com/teams/api:1.0";
pub(crate) const NEW_IMAGE: &str = "registry.example.com/teams/api:1.1";
pub(crate) const MISSING_IMAGE: &str = "registry.example.com/teams/api:9.9";

/// Writes the scenario into `folder`.
pub(crate) fn write(folder: &Path, teams: &[String]) -> PathBuf {
    let leak = Path::new(env!("CARGO_MANIFEST_DIR")).join("../services/simulator/scenarios/payment-oom.yaml");
    let leak = std::fs::read_to_string(leak).unwrap();
    // JSON is YAML: the teams' objects are further items of the scenario's lists.
    let items = |values: Vec<Value>| values.iter().map(|value| format!("  - {value}\n")).collect::<String>();
    let objects = items(teams.iter().flat_map(|team| objects(team)).collect());
    let workloads = items(teams.iter().flat_map(|team| workloads(team)).collect());
    let text = leak
        .replacen(
            "\nimages:\n",
            "\nimages:\n  registry.example.com/teams/api: [\"1.0\", \"1.1\"]\n",
            1,
        )
        .replacen("\nworkloads:\n", &format!("\n{objects}\nworkloads:\n{workloads}"), 1);
    let file = folder.join("campaign.yaml");
    std::fs::write(&file, text).unwrap();
    file
}

fn objects(team: &str) -> Vec<Value> {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": team, "labels": {"kubernetes.io/metadata.name": team, "environment": "production"}}});
    let settings = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": team},
        "data": {"LEVEL": "info", "BATCH": "100"}});
    let autoscaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "batch", "namespace": team},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "batch"}, "minReplicas": 1, "maxReplicas": 4,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}]}});
    let all = [
        namespace,
        deployment(team, "api", 2),
        deployment(team, "worker", 2),
        deployment(team, "batch", 1),
        settings,
        autoscaler,
    ];
    all.into_iter().map(|object| json!({"age": "50d", "object": object})).collect()
}

fn deployment(team: &str, name: &str, replicas: u32) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": team, "labels": {"app": name, "environment": "production"}},
        "spec": {"replicas": replicas, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 120, "selector": {"matchLabels": {"app": name}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": {"app": name, "environment": "production"}},
                "spec": {"containers": [{"name": name, "image": OLD_IMAGE, "imagePullPolicy": "IfNotPresent",
                        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}}}],
                    "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
                    "schedulerName": "default-scheduler", "securityContext": {}}}}})
}

/// Slow enough that processes die in the middle of a rollout.
fn workloads(team: &str) -> Vec<Value> {
    ["api", "worker", "batch"]
        .map(|name| json!({"namespace": team, "name": name, "startup": "15s", "memory": {"base_mib": 12}}))
        .to_vec()
}
