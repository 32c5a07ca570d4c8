//! What the server refuses, in its words.

mod claim;
mod job;
mod pod;
mod resize;
mod update;

use serde_json::{Value, json};

use super::{catalog::Resource, custom, selector::Labels};
use crate::store::{Cause, Status, name_of};

pub use claim::may_grow;
pub use resize::resize;
pub use update::immutables;

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and \
    end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an \
    alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

/// Checks a new or changed object as a whole.
pub fn object(resource: &Resource, object: &Value, old: Option<&Value>) -> Result<(), Status> {
    let mut causes = Vec::new();
    if old.is_none() {
        names(resource, object, &mut causes);
    }
    let spec = &object["spec"];
    match (resource.group, resource.plural) {
        ("", "pods") => pod::spec("spec", spec, &mut causes),
        ("apps", _) if spec.is_object() => workload(resource, spec, &mut causes),
        ("batch", "jobs") => job::spec("spec", spec, &mut causes),
        ("apiextensions.k8s.io", _) => {
            if let Some(why) = custom::misnamed(object) {
                causes.push(Cause::invalid("metadata.name", &json!(name_of(object)), &why));
            }
        }
        ("batch", "cronjobs") => job::cron(spec, &mut causes),
        ("autoscaling", _) => hpa(spec, &mut causes),
        ("policy", _) => pdb(spec, &mut causes),
        ("", "services") => service(spec, &mut causes),
        _ => {}
    }
    if let Some(old) = old {
        update::check(resource, old, object, &mut causes);
    }
    if causes.is_empty() {
        return Ok(());
    }
    Err(Status::invalid(resource.group, resource.kind, name_of(object), &causes))
}

fn names(resource: &Resource, object: &Value, causes: &mut Vec<Cause>) {
    let name = name_of(object);
    if name.is_empty() && object["metadata"]["generateName"].is_null() {
        causes.push(Cause::required("metadata.name", "name or generateName is required"));
        return;
    }
    let label = matches!(resource.plural, "namespaces" | "services");
    let rbac = resource.group == "rbac.authorization.k8s.io";
    let good = |part: &str| {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && edge(part.chars().next())
            && edge(part.chars().last())
    };
    if !name.is_empty() && !rbac && !(if label { good(name) } else { name.split('.').all(good) }) {
        causes.push(Cause::invalid("metadata.name", &json!(name), if label { LABEL } else { SUBDOMAIN }));
    }
    for (key, value) in object["metadata"]["labels"].as_object().into_iter().flatten() {
        let text = value.as_str().unwrap_or_default();
        if text.len() > 63 {
            causes.push(Cause::invalid("metadata.labels", value, "must be no more than 63 bytes"));
        }
        if key.is_empty() {
            causes.push(Cause::invalid("metadata.labels", &json!(key), "name part must be non-empty"));
        }
    }
}

fn workload(resource: &Resource, spec: &Value, causes: &mut Vec<Cause>) {
    if resource.plural == "controllerrevisions" {
        return;
    }
    non_negative("spec.replicas", &spec["replicas"], causes);
    let selector = &spec["selector"];
    if selector.is_null() {
        causes.push(Cause::required("spec.selector", ""));
    } else if selector.as_object().is_some_and(serde_json::Map::is_empty) {
        causes.push(Cause::invalid(
            "spec.selector",
            selector,
            "empty selector is invalid for deployment",
        ));
    }
    let labels = &spec["template"]["metadata"]["labels"];
    if let Some(selector) = Labels::from_object(selector)
        && !selector.matches(labels)
    {
        let shown = if labels.is_null() { json!({}) } else { labels.clone() };
        causes.push(Cause::invalid(
            "spec.template.metadata.labels",
            &shown,
            "`selector` does not match template `labels`",
        ));
    }
    pod::spec("spec.template.spec", &spec["template"]["spec"], causes);
    let policy = &spec["template"]["spec"]["restartPolicy"];
    if policy.is_string() && policy != "Always" {
        causes.push(Cause::unsupported("spec.template.spec.restartPolicy", policy, &["Always"]));
    }
    if resource.plural == "deployments" {
        non_negative("spec.revisionHistoryLimit", &spec["revisionHistoryLimit"], causes);
        non_negative("spec.progressDeadlineSeconds", &spec["progressDeadlineSeconds"], causes);
        strategy(&spec["strategy"], causes);
    }
}

fn strategy(strategy: &Value, causes: &mut Vec<Cause>) {
    match strategy["type"].as_str() {
        Some("Recreate") => {
            if strategy.get("rollingUpdate").is_some_and(|v| !v.is_null()) {
                let why = "may not be specified when strategy `type` is 'Recreate'";
                causes.push(Cause::forbidden("spec.strategy.rollingUpdate", why));
            }
        }
        Some("RollingUpdate") => {
            let rolling = &strategy["rollingUpdate"];
            let zero = |value: &Value| value == &json!(0) || value == &json!("0%");
            if zero(&rolling["maxUnavailable"]) && zero(&rolling["maxSurge"]) {
                let why = "may not be 0 when `maxSurge` is 0";
                causes.push(Cause::invalid(
                    "spec.strategy.rollingUpdate.maxUnavailable",
                    &rolling["maxUnavailable"],
                    why,
                ));
            }
        }
        _ => causes.push(Cause::unsupported(
            "spec.strategy.type",
            &strategy["type"],
            &["Recreate", "RollingUpdate"],
        )),
    }
}

fn hpa(spec: &Value, causes: &mut Vec<Cause>) {
    let (min, max) = (spec["minReplicas"].as_i64().unwrap_or(1), spec["maxReplicas"].as_i64().unwrap_or(0));
    if min < 1 {
        causes.push(Cause::invalid(
            "spec.minReplicas",
            &spec["minReplicas"],
            "must be greater than or equal to 1",
        ));
    }
    if max < 1 {
        causes.push(Cause::invalid("spec.maxReplicas", &json!(max), "must be greater than 0"));
    }
    if max < min {
        causes.push(Cause::invalid(
            "spec.maxReplicas",
            &json!(max),
            "must be greater than or equal to `minReplicas`",
        ));
    }
    for field in ["kind", "name"] {
        if spec["scaleTargetRef"][field].as_str().unwrap_or_default().is_empty() {
            causes.push(Cause::required(format!("spec.scaleTargetRef.{field}"), ""));
        }
    }
}

fn pdb(spec: &Value, causes: &mut Vec<Cause>) {
    if spec.get("minAvailable").is_some() && spec.get("maxUnavailable").is_some() {
        causes.push(Cause::invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set"));
    }
}

fn service(spec: &Value, causes: &mut Vec<Cause>) {
    if spec["ports"].as_array().is_none_or(Vec::is_empty) && spec["clusterIP"] != "None" && spec["type"] != "ExternalName" {
        causes.push(Cause::required("spec.ports", ""));
    }
    for (index, port) in spec["ports"].as_array().into_iter().flatten().enumerate() {
        if !(1..=65_535).contains(&port["port"].as_i64().unwrap_or(0)) {
            let number = json!(port["port"].as_i64().unwrap_or(0));
            causes.push(Cause::invalid(
                format!("spec.ports[{index}].port"),
                &number,
                "must be between 1 and 65535, inclusive",
            ));
        }
    }
}

/// `must be greater than or equal to 0`.
fn non_negative(field: &str, value: &Value, causes: &mut Vec<Cause>) {
    if value.as_i64().is_some_and(|n| n < 0) {
        causes.push(Cause::invalid(field, value, "must be greater than or equal to 0"));
    }
}
