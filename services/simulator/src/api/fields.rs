//! Field selectors: the few fields each kind can be selected by.

use serde_json::Value;

use super::catalog::Resource;
use crate::store::Status;

/// A parsed field selector.
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<(String, bool, String)>);

impl Fields {
    /// Parses `a=b,c!=d` for `resource`; 400 for a field it cannot be selected by.
    pub fn parse(resource: &Resource, text: &str) -> Result<Self, Status> {
        let mut out = Vec::new();
        for term in text.split(',').filter(|term| !term.is_empty()) {
            let (key, equal, value) = if let Some((key, value)) = term.split_once("!=") {
                (key, false, value)
            } else if let Some((key, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
                (key, true, value)
            } else {
                return Err(Status::bad_request(format!(
                    "invalid field selector: \"{term}\"; can't understand '{term}'"
                )));
            };
            if !supported(resource).contains(&key) {
                return Err(Status::bad_request(unsupported(resource, key)));
            }
            out.push((key.to_owned(), equal, value.to_owned()));
        }
        Ok(Self(out))
    }

    /// True when every term holds for the object as served.
    pub fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|(key, equal, wanted)| (read(object, key) == *wanted) == *equal)
    }
}

fn unsupported(resource: &Resource, key: &str) -> String {
    match resource.plural {
        "pods" | "nodes" | "events" | "namespaces" | "secrets" | "replicasets" | "jobs" | "services" => {
            format!("field label not supported: {key}")
        }
        _ => format!("\"{key}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""),
    }
}

fn supported(resource: &Resource) -> &'static [&'static str] {
    match (resource.group, resource.plural) {
        ("", "pods") => &[
            "metadata.name",
            "metadata.namespace",
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ],
        ("", "nodes") => &["metadata.name", "spec.unschedulable"],
        ("", "namespaces") => &["metadata.name", "status.phase", "name"],
        ("", "secrets") => &["metadata.name", "metadata.namespace", "type"],
        ("", "services") => &["metadata.name", "metadata.namespace", "spec.clusterIP", "spec.type"],
        ("apps", "replicasets") => &["metadata.name", "metadata.namespace", "status.replicas"],
        ("batch", "jobs") => &["metadata.name", "metadata.namespace", "status.successful"],
        ("", "events") => &[
            "metadata.name",
            "metadata.namespace",
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        ("events.k8s.io", "events") => &[
            "metadata.name",
            "metadata.namespace",
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
            "regarding.apiVersion",
            "regarding.resourceVersion",
            "regarding.fieldPath",
            "reason",
            "reportingController",
            "type",
        ],
        _ => &["metadata.name", "metadata.namespace"],
    }
}

fn read(object: &Value, key: &str) -> String {
    let path: Vec<&str> = match key {
        "source" => vec!["source", "component"],
        "name" => vec!["metadata", "name"],
        "status.successful" => vec!["status", "succeeded"],
        "status.podIPs" => vec!["status", "podIP"],
        other => other.split('.').collect(),
    };
    let found = path.iter().try_fold(object, |value, part| value.get(part));
    match (found, key) {
        (Some(Value::String(text)), _) => text.clone(),
        (Some(value @ (Value::Bool(_) | Value::Number(_))), _) => value.to_string(),
        (_, "spec.unschedulable" | "spec.hostNetwork") => "false".to_owned(),
        (_, "status.replicas" | "status.successful") => "0".to_owned(),
        _ => String::new(),
    }
}
