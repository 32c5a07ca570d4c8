//! Pod specs, in pods and in templates.

use serde_json::{Value, json};

use super::super::quantity;
use crate::store::Cause;

/// Checks a pod spec found at `at`.
pub(super) fn spec(at: &str, spec: &Value, causes: &mut Vec<Cause>) {
    let volumes: Vec<&str> = list(&spec["volumes"]).filter_map(|v| v["name"].as_str()).collect();
    if list(&spec["containers"]).next().is_none() {
        causes.push(Cause::required(format!("{at}.containers"), ""));
    }
    let mut seen: Vec<&str> = Vec::new();
    for key in ["containers", "initContainers"] {
        for (index, container) in list(&spec[key]).enumerate() {
            let here = format!("{at}.{key}[{index}]");
            let name = container["name"].as_str().unwrap_or_default();
            if name.is_empty() {
                causes.push(Cause::required(format!("{here}.name"), ""));
            } else if seen.contains(&name) {
                causes.push(Cause::duplicate(format!("{here}.name"), &json!(name)));
            }
            seen.push(name);
            if container["image"].as_str().unwrap_or_default().is_empty() {
                causes.push(Cause::required(format!("{here}.image"), ""));
            }
            resources(&here, &container["resources"], causes);
            for (mount_index, mount) in list(&container["volumeMounts"]).enumerate() {
                let volume = mount["name"].as_str().unwrap_or_default();
                if !volumes.contains(&volume) {
                    let field = format!("{here}.volumeMounts[{mount_index}].name");
                    causes.push(Cause::new("FieldValueNotFound", field, format!("Not found: \"{volume}\"")));
                }
            }
            let policy = &container["imagePullPolicy"];
            if policy.is_string() && !["Always", "IfNotPresent", "Never"].iter().any(|p| policy == p) {
                let supported = ["Always", "IfNotPresent", "Never"];
                causes.push(Cause::unsupported(format!("{here}.imagePullPolicy"), policy, &supported));
            }
        }
    }
}

fn resources(at: &str, resources: &Value, causes: &mut Vec<Cause>) {
    let parsed = |part: &str, causes: &mut Vec<Cause>| -> Vec<(String, Value, Option<i128>)> {
        let mut out = Vec::new();
        for (name, value) in resources[part].as_object().into_iter().flatten() {
            let amount = value.as_str().and_then(quantity::parse);
            if amount.is_some_and(|n| n < 0) {
                let field = format!("{at}.resources.{part}[{name}]");
                causes.push(Cause::invalid(field, value, "must be greater than or equal to 0"));
            }
            out.push((name.clone(), value.clone(), amount));
        }
        out
    };
    let limits = parsed("limits", causes);
    for (name, value, amount) in parsed("requests", causes) {
        let limit = limits.iter().find(|(other, ..)| *other == name);
        if let Some((_, limit_text, Some(limit))) = limit
            && amount.is_some_and(|amount| amount > *limit)
        {
            let why = format!(
                "must be less than or equal to {name} limit of {}",
                limit_text.as_str().unwrap_or_default()
            );
            causes.push(Cause::invalid(format!("{at}.resources.requests"), &value, &why));
        }
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
