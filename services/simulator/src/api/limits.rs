//! LimitRange: what containers get that ask for nothing, and how much they may ask for.

use std::collections::BTreeMap;

use serde_json::Value;

use super::quantity;
use crate::store::{Gvr, Status, Store, name_of, namespace_of};

/// Amounts of one kind by resource, in nano-units, with the text to show.
type Amounts = BTreeMap<String, (i128, String)>;

/// Fills in the defaults of the namespace and refuses (403) a pod that asks for too much or too little.
pub fn admit(store: &Store, pod: &mut Value) -> Result<(), Status> {
    let ranges = store.list_shared(&Gvr::limit_ranges(), Some(namespace_of(pod))).0;
    let items: Vec<&Value> = ranges
        .iter()
        .flat_map(|range| range["spec"]["limits"].as_array().into_iter().flatten())
        .collect();
    for item in items.iter().filter(|item| item["type"] == "Container") {
        for key in ["containers", "initContainers"] {
            let containers = pod["spec"].get_mut(key).and_then(Value::as_array_mut);
            containers.into_iter().flatten().for_each(|container| fill(item, container));
        }
    }
    let mut broken = Vec::new();
    for item in &items {
        match item["type"].as_str() {
            Some("Container") => {
                for container in pod["spec"]["containers"].as_array().into_iter().flatten() {
                    check(
                        item,
                        "Container",
                        &amounts(&[container], "requests"),
                        &amounts(&[container], "limits"),
                        &mut broken,
                    );
                }
            }
            Some("Pod") => {
                let all: Vec<&Value> = pod["spec"]["containers"].as_array().into_iter().flatten().collect();
                check(item, "Pod", &amounts(&all, "requests"), &amounts(&all, "limits"), &mut broken);
            }
            _ => {}
        }
    }
    let why = match broken.as_slice() {
        [] => return Ok(()),
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    };
    let name = match name_of(pod) {
        "" => pod["metadata"]["generateName"].as_str().unwrap_or_default(),
        name => name,
    };
    Err(Status::forbidden(&Gvr::pods(), name, &why))
}

/// A range without a default limits to its maximum; without a default request it requests the limit, else the minimum.
fn fill(item: &Value, container: &mut Value) {
    for (part, sources) in [
        ("limits", ["default", "max", ""]),
        ("requests", ["defaultRequest", "default", "min"]),
    ] {
        for source in sources.into_iter().filter(|source| !source.is_empty()) {
            for (resource, amount) in item[source].as_object().into_iter().flatten() {
                if container["resources"][part].get(resource).is_none() {
                    container["resources"][part][resource] = amount.clone();
                }
            }
        }
    }
}

fn amounts(containers: &[&Value], part: &str) -> Amounts {
    let mut out = Amounts::new();
    for container in containers {
        for (resource, amount) in container["resources"][part].as_object().into_iter().flatten() {
            let text = amount.as_str().unwrap_or_default();
            let nanos = quantity::parse(text).unwrap_or(0);
            out.entry(resource.clone())
                .and_modify(|(sum, shown)| {
                    *sum += nanos;
                    *shown = super::quota::shown(resource, *sum);
                })
                .or_insert_with(|| (nanos, text.to_owned()));
        }
    }
    out
}

fn check(item: &Value, kind: &str, requests: &Amounts, limits: &Amounts, broken: &mut Vec<String>) {
    let enforced = |part: &str| -> Vec<(String, i128, String)> {
        let all = item[part].as_object().into_iter().flatten();
        all.filter_map(|(resource, amount)| {
            let text = amount.as_str()?;
            Some((resource.clone(), quantity::parse(text)?, text.to_owned()))
        })
        .collect()
    };
    for (resource, most, text) in enforced("max") {
        let head = format!("maximum {resource} usage per {kind} is {text}");
        match (limits.get(&resource), requests.get(&resource)) {
            (None, _) => broken.push(format!("{head}. No limit is specified")),
            (Some((limit, shown)), _) if *limit > most => broken.push(format!("{head}, but limit is {shown}")),
            (_, Some((request, shown))) if *request > most => broken.push(format!("{head}, but request is {shown}")),
            _ => {}
        }
    }
    for (resource, least, text) in enforced("min") {
        let head = format!("minimum {resource} usage per {kind} is {text}");
        match (requests.get(&resource), limits.get(&resource)) {
            (None, _) => broken.push(format!("{head}. No request is specified")),
            (Some((request, shown)), _) if *request < least => broken.push(format!("{head}, but request is {shown}")),
            (_, Some((limit, shown))) if *limit < least => broken.push(format!("{head}, but limit is {shown}")),
            _ => {}
        }
    }
    for (resource, most, text) in enforced("maxLimitRequestRatio") {
        let (Some((request, _)), Some((limit, _))) = (requests.get(&resource), limits.get(&resource)) else {
            broken.push(format!(
                "{resource} max limit to request ratio per {kind} is {text}, but no request is specified or request is 0"
            ));
            continue;
        };
        let ratio = *limit as f64 / (*request).max(1) as f64;
        if ratio * 1e9 > most as f64 {
            broken.push(format!(
                "{resource} max limit to request ratio per {kind} is {text}, but provided ratio is {ratio:.6}"
            ));
        }
    }
}
