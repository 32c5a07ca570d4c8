//! Defaults of pods and pod templates.

use serde_json::{Value, json};

use super::{or, section};

/// A pod template: its metadata exists, its spec is filled.
pub fn template(template: &mut Value) {
    section(template, "metadata");
    spec(section(template, "spec"));
}

fn each(list: &mut Value) -> impl Iterator<Item = &mut Value> {
    list.as_array_mut().into_iter().flatten().filter(|item| item.is_object())
}

fn spec(spec: &mut Value) {
    for key in ["containers", "initContainers"] {
        if let Some(list) = spec.get_mut(key) {
            each(list).for_each(container);
        }
    }
    if let Some(list) = spec.get_mut("volumes") {
        each(list).for_each(volume);
    }
    or(spec, "restartPolicy", json!("Always"));
    or(spec, "terminationGracePeriodSeconds", json!(30));
    or(spec, "dnsPolicy", json!("ClusterFirst"));
    or(spec, "securityContext", json!({}));
    or(spec, "schedulerName", json!("default-scheduler"));
    // Both names of the service account are kept in step.
    if let Some(account) = spec.get("serviceAccountName").filter(|v| v.is_string()).cloned() {
        or(spec, "serviceAccount", account);
    }
}

fn container(container: &mut Value) {
    or(container, "resources", json!({}));
    or(container, "terminationMessagePath", json!("/dev/termination-log"));
    or(container, "terminationMessagePolicy", json!("File"));
    let image = container["image"].as_str().unwrap_or_default();
    let tag = image.rsplit('/').next().unwrap_or_default().split_once(':').map(|(_, tag)| tag);
    let latest = !image.contains('@') && tag.is_none_or(|tag| tag == "latest");
    or(container, "imagePullPolicy", json!(if latest { "Always" } else { "IfNotPresent" }));
    if let Some(ports) = container.get_mut("ports") {
        each(ports).for_each(|port| or(port, "protocol", json!("TCP")));
    }
    for key in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.get_mut(key).filter(|p| p.is_object()) {
            for (field, value) in [
                ("timeoutSeconds", 1),
                ("periodSeconds", 10),
                ("successThreshold", 1),
                ("failureThreshold", 3),
            ] {
                or(probe, field, json!(value));
            }
            if let Some(http) = probe.get_mut("httpGet").filter(|h| h.is_object()) {
                or(http, "path", json!("/"));
                or(http, "scheme", json!("HTTP"));
            }
        }
    }
    if let Some(env) = container.get_mut("env") {
        for variable in each(env) {
            if let Some(field) = variable.pointer_mut("/valueFrom/fieldRef").filter(|f| f.is_object()) {
                or(field, "apiVersion", json!("v1"));
            }
        }
    }
}

fn volume(volume: &mut Value) {
    let sources = volume.as_object().map_or(0, |v| v.len());
    if sources <= 1 {
        volume["emptyDir"] = json!({});
    }
    for key in ["secret", "configMap", "projected", "downwardAPI"] {
        if let Some(source) = volume.get_mut(key).filter(|s| s.is_object()) {
            or(source, "defaultMode", json!(420));
        }
    }
    if let Some(path) = volume.get_mut("hostPath").filter(|p| p.is_object()) {
        or(path, "type", json!(""));
    }
}

/// A pod of its own: the template's defaults and what admission adds, except for the service account's volume: there are
/// no service accounts to be had here.
pub fn whole(pod: &mut Value) {
    spec(pod);
    or(pod, "enableServiceLinks", json!(true));
    or(pod, "serviceAccountName", json!("default"));
    let account = pod["serviceAccountName"].clone();
    or(pod, "serviceAccount", account);
    or(pod, "priority", json!(0));
    or(pod, "preemptionPolicy", json!("PreemptLowerPriority"));
    for key in ["containers", "initContainers"] {
        if let Some(list) = pod.get_mut(key) {
            each(list).for_each(requests_from_limits);
        }
    }
    tolerations(pod);
}

/// A pod that limits a resource without requesting it requests as much.
fn requests_from_limits(container: &mut Value) {
    let Some(limits) = container["resources"]["limits"].as_object().cloned() else {
        return;
    };
    let requests = section(&mut container["resources"], "requests");
    for (name, value) in limits {
        or(requests, &name, value);
    }
}

fn tolerations(pod: &mut Value) {
    if !pod["tolerations"].is_array() {
        pod["tolerations"] = json!([]);
    }
    let Some(list) = pod["tolerations"].as_array_mut() else { return };
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let tolerated = list
            .iter()
            .any(|t| t["key"] == key || (t["key"].is_null() && t["operator"] == "Exists"));
        if !tolerated {
            list.push(json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}));
        }
    }
}
