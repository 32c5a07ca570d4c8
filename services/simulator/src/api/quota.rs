//! ResourceQuota: what a new pod would use, and whether there is room.

use std::collections::BTreeMap;

use serde_json::Value;

use super::quantity;
use crate::store::{Gvr, Status, Store, name_of, namespace_of};

/// Used amounts by quota name (`limits.memory`, `pods`, ...), in nano-units.
pub type Amounts = BTreeMap<String, i128>;

/// A quota that has no room: its key, and what is asked, used and allowed.
struct Over {
    key: String,
    asked: i128,
    used: i128,
    limit: i128,
}

/// One of something, in nano-units.
const ONE: i128 = 1_000_000_000;

/// What one pod uses of a quota.
pub fn pod_use(pod: &Value) -> Amounts {
    let mut out = Amounts::new();
    out.insert("pods".to_owned(), ONE);
    out.insert("count/pods".to_owned(), ONE);
    for container in pod["spec"]["containers"].as_array().into_iter().flatten() {
        let (limits, requests) = (&container["resources"]["limits"], &container["resources"]["requests"]);
        for (name, value) in limits.as_object().into_iter().flatten() {
            add(&mut out, format!("limits.{name}"), value);
            // What is limited and not requested is requested as much.
            if requests.get(name).is_none() {
                add(&mut out, format!("requests.{name}"), value);
                add(&mut out, name.clone(), value);
            }
        }
        for (name, value) in requests.as_object().into_iter().flatten() {
            add(&mut out, format!("requests.{name}"), value);
            add(&mut out, name.clone(), value);
        }
    }
    out
}

fn add(amounts: &mut Amounts, key: String, value: &Value) {
    *amounts.entry(key).or_default() += value.as_str().and_then(quantity::parse).unwrap_or(0);
}

/// What all living pods of a namespace use.
pub fn namespace_use(store: &Store, namespace: &str) -> Amounts {
    let mut out = Amounts::new();
    for pod in store.list_shared(&Gvr::pods(), Some(namespace)).0 {
        if matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed")) {
            continue;
        }
        for (name, amount) in pod_use(&pod) {
            *out.entry(name).or_default() += amount;
        }
    }
    out
}

/// An amount as the quota's status shows it.
pub fn shown(name: &str, amount: i128) -> String {
    if name.contains("memory") || name.contains("storage") {
        quantity::binary(amount)
    } else {
        quantity::decimal(amount)
    }
}

/// Refuses (403) a new pod that a quota of its namespace has no room for.
pub fn admit(store: &Store, pod: &Value) -> Result<(), Status> {
    let namespace = namespace_of(pod);
    let quotas = store.list_shared(&Gvr::resource_quotas(), Some(namespace)).0;
    if quotas.is_empty() {
        return Ok(());
    }
    let (asked, used) = (pod_use(pod), namespace_use(store, namespace));
    let name = if name_of(pod).is_empty() {
        pod["metadata"]["generateName"].as_str().unwrap_or_default()
    } else {
        name_of(pod)
    };
    for quota in quotas {
        let hard = quota["spec"]["hard"].as_object().into_iter().flatten();
        let (mut missing, mut over) = (Vec::new(), Vec::new());
        for (key, limit) in hard {
            let Some(limit) = limit.as_str().and_then(quantity::parse) else {
                continue;
            };
            let compute = key.starts_with("limits.") || key.starts_with("requests.") || matches!(key.as_str(), "cpu" | "memory");
            match asked.get(key) {
                None if compute => missing.push(key.clone()),
                None => {}
                Some(amount) => {
                    let before = used.get(key).copied().unwrap_or(0);
                    if before + amount > limit {
                        over.push(Over {
                            key: key.clone(),
                            asked: *amount,
                            used: before,
                            limit,
                        });
                    }
                }
            }
        }
        let quota_name = name_of(&quota);
        if !missing.is_empty() {
            let why = format!("failed quota: {quota_name}: must specify {}", missing.join(","));
            return Err(Status::forbidden(&Gvr::pods(), name, &why));
        }
        if !over.is_empty() {
            let list = |pick: fn(&Over) -> i128| -> String {
                let all: Vec<String> = over
                    .iter()
                    .map(|one| format!("{}={}", one.key, shown(&one.key, pick(one))))
                    .collect();
                all.join(",")
            };
            let (asked, used, limited) = (list(|one| one.asked), list(|one| one.used), list(|one| one.limit));
            let why = format!("exceeded quota: {quota_name}, requested: {asked}, used: {used}, limited: {limited}");
            return Err(Status::forbidden(&Gvr::pods(), name, &why));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{pod_use, shown};

    #[test]
    fn what_is_limited_is_requested_too_unless_said_otherwise() {
        let container = |resources| json!({"spec": {"containers": [{"resources": resources}]}});
        let pod = container(json!({"limits": {"cpu": "1", "memory": "2Gi"}, "requests": {"memory": "1Gi"}}));
        let used = pod_use(&pod);
        let text = |key: &str| shown(key, used[key]);
        assert_eq!(
            [text("requests.cpu"), text("requests.memory"), text("limits.memory")],
            ["1", "1Gi", "2Gi"]
        );
        assert_eq!(used["pods"], 1_000_000_000);
    }
}
