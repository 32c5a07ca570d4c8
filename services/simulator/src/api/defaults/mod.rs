//! The values the server fills in when a client leaves them out.

mod job;
mod pod;
mod service;
mod status;

use serde_json::{Map, Value, json};

pub use self::{
    job::with_selector as job, pod::template as pod_template, pod::whole as pod_spec, status::initial as initial_status, status::qos,
};
use super::catalog::Resource;

/// Sets `object[key]` unless it is there.
fn or(object: &mut Value, key: &str, value: Value) {
    if let Some(map) = object.as_object_mut()
        && map.get(key).is_none_or(Value::is_null)
    {
        map.insert(key.to_owned(), value);
    }
}

/// `object[key]` as an object, made if missing.
fn section<'a>(object: &'a mut Value, key: &str) -> &'a mut Value {
    if !object[key].is_object() {
        object[key] = Value::Object(Map::new());
    }
    &mut object[key]
}

/// Fills in the defaults of a kind. Status is not touched.
pub fn fill(resource: &Resource, object: &mut Value) {
    match (resource.group, resource.plural) {
        ("", "pods") => {
            pod::whole(section(object, "spec"));
        }
        ("", "services") => service::fill(section(object, "spec")),
        ("", "secrets") => secret(object),
        ("", "namespaces") => namespace(object),
        ("", "persistentvolumeclaims" | "persistentvolumes") => or(section(object, "spec"), "volumeMode", json!("Filesystem")),
        ("apps", "deployments") => deployment(section(object, "spec")),
        ("apps", "replicasets") => {
            let spec = section(object, "spec");
            or(spec, "replicas", json!(1));
            pod::template(&mut spec["template"]);
        }
        ("apps", "statefulsets") => stateful_set(section(object, "spec")),
        ("apps", "daemonsets") => daemon_set(section(object, "spec")),
        ("batch", "jobs") => job::fill(section(object, "spec")),
        ("batch", "cronjobs") => cron_job(section(object, "spec")),
        ("autoscaling", _) => hpa(section(object, "spec")),
        ("", "events") => {
            for key in ["eventTime", "firstTimestamp", "lastTimestamp"] {
                or(object, key, Value::Null);
            }
            or(object, "source", json!({}));
            or(object, "type", json!("Normal"));
        }
        _ => {}
    }
}

fn deployment(spec: &mut Value) {
    or(spec, "replicas", json!(1));
    pod::template(&mut spec["template"]);
    let strategy = section(spec, "strategy");
    or(strategy, "type", json!("RollingUpdate"));
    if strategy["type"] == "RollingUpdate" {
        let rolling = section(strategy, "rollingUpdate");
        or(rolling, "maxUnavailable", json!("25%"));
        or(rolling, "maxSurge", json!("25%"));
    }
    or(spec, "revisionHistoryLimit", json!(10));
    or(spec, "progressDeadlineSeconds", json!(600));
}

fn stateful_set(spec: &mut Value) {
    or(spec, "replicas", json!(1));
    pod::template(&mut spec["template"]);
    or(spec, "podManagementPolicy", json!("OrderedReady"));
    let strategy = section(spec, "updateStrategy");
    or(strategy, "type", json!("RollingUpdate"));
    if strategy["type"] == "RollingUpdate" {
        or(section(strategy, "rollingUpdate"), "partition", json!(0));
    }
    or(spec, "revisionHistoryLimit", json!(10));
    or(
        spec,
        "persistentVolumeClaimRetentionPolicy",
        json!({"whenDeleted": "Retain", "whenScaled": "Retain"}),
    );
}

fn daemon_set(spec: &mut Value) {
    pod::template(&mut spec["template"]);
    let strategy = section(spec, "updateStrategy");
    or(strategy, "type", json!("RollingUpdate"));
    if strategy["type"] == "RollingUpdate" {
        let rolling = section(strategy, "rollingUpdate");
        or(rolling, "maxUnavailable", json!(1));
        or(rolling, "maxSurge", json!(0));
    }
    or(spec, "revisionHistoryLimit", json!(10));
}

fn cron_job(spec: &mut Value) {
    or(spec, "concurrencyPolicy", json!("Allow"));
    or(spec, "suspend", json!(false));
    or(spec, "successfulJobsHistoryLimit", json!(3));
    or(spec, "failedJobsHistoryLimit", json!(1));
    pod::template(&mut spec["jobTemplate"]["spec"]["template"]);
}

fn hpa(spec: &mut Value) {
    or(spec, "minReplicas", json!(1));
    if spec["metrics"].as_array().is_none_or(Vec::is_empty) {
        spec["metrics"] = json!([{"type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]);
    }
    let Some(behavior) = spec.get_mut("behavior").filter(|b| b.is_object()) else {
        return;
    };
    let up = section(behavior, "scaleUp");
    or(up, "stabilizationWindowSeconds", json!(0));
    or(up, "selectPolicy", json!("Max"));
    let up_policies = json!([{"type": "Pods", "value": 4, "periodSeconds": 15}, {"type": "Percent", "value": 100, "periodSeconds": 15}]);
    or(up, "policies", up_policies);
    let down = section(behavior, "scaleDown");
    or(down, "selectPolicy", json!("Max"));
    or(down, "policies", json!([{"type": "Percent", "value": 100, "periodSeconds": 15}]));
}

fn secret(object: &mut Value) {
    use base64::{Engine, engine::general_purpose::STANDARD};
    or(object, "type", json!("Opaque"));
    let Some(Value::Object(plain)) = object.as_object_mut().and_then(|o| o.remove("stringData")) else {
        return;
    };
    let data = section(object, "data");
    for (key, value) in plain {
        data[key] = json!(STANDARD.encode(value.as_str().unwrap_or_default()));
    }
}

fn namespace(object: &mut Value) {
    let name = object["metadata"]["name"].clone();
    if name.is_string() {
        section(&mut object["metadata"], "labels")["kubernetes.io/metadata.name"] = name;
    }
    if object["metadata"]["deletionTimestamp"].is_null() {
        or(section(object, "spec"), "finalizers", json!(["kubernetes"]));
    }
}
