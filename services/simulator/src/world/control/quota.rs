//! ResourceQuota: counts what a namespace uses and refuses pods that would exceed it.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::scheduler::request;
use crate::{
    store::{Gvr, Store},
    world::{obj, quantity},
};

/// Writes `status.used` of every quota.
pub(crate) fn step(store: &Store) {
    for quota in store.list_shared(&Gvr::resource_quotas(), None).0 {
        let ns = obj::namespace(&quota);
        let pods = store.list_shared(&Gvr::pods(), Some(ns)).0;
        let hard = quota["spec"]["hard"].as_object().cloned().unwrap_or_default();
        let used: BTreeMap<&String, String> = hard.keys().filter_map(|key| Some((key, write(key, total(&pods, key)?)))).collect();
        obj::change(store, &Gvr::resource_quotas(), ns, obj::name(&quota), |quota| {
            quota["status"] = json!({"hard": hard, "used": used});
        });
    }
}

/// Refuses a new pod that would exceed a quota of its namespace, in the words of the API server.
pub(crate) fn admit(store: &Store, pod: &Value) -> Result<(), String> {
    let ns = obj::namespace(pod);
    let (quotas, _) = store.list_shared(&Gvr::resource_quotas(), Some(ns));
    if quotas.is_empty() {
        return Ok(());
    }
    let pods = store.list_shared(&Gvr::pods(), Some(ns)).0;
    for quota in quotas {
        let (mut asked, mut used, mut limited) = (Vec::new(), Vec::new(), Vec::new());
        for (key, hard) in quota["spec"]["hard"].as_object().into_iter().flatten() {
            let (Some(more), Some(now), Some(most)) = (amount(pod, key), total(&pods, key), quantity::of(hard)) else {
                continue;
            };
            if now + more > most + 1e-9 {
                asked.push(format!("{key}={}", write(key, more)));
                used.push(format!("{key}={}", write(key, now)));
                limited.push(format!("{key}={}", hard.as_str().map_or_else(|| hard.to_string(), str::to_owned)));
            }
        }
        if !asked.is_empty() {
            let name = obj::name(&quota);
            let (asked, used, limited) = (asked.join(","), used.join(","), limited.join(","));
            return Err(format!(
                "exceeded quota: {name}, requested: {asked}, used: {used}, limited: {limited}"
            ));
        }
    }
    Ok(())
}

fn total(pods: &[Arc<Value>], key: &str) -> Option<f64> {
    let live = pods
        .iter()
        .filter(|pod| !matches!(obj::text(pod, "/status/phase"), "Failed" | "Succeeded"));
    live.map(|pod| amount(pod, key)).sum()
}

/// What one pod counts for a quota key; `None` for keys that do not count pods.
fn amount(pod: &Value, key: &str) -> Option<f64> {
    match key {
        "pods" | "count/pods" => Some(1.0),
        "cpu" | "requests.cpu" => Some(request(pod, "cpu")),
        "memory" | "requests.memory" => Some(request(pod, "memory")),
        "limits.cpu" => Some(limit(pod, "cpu")),
        "limits.memory" => Some(limit(pod, "memory")),
        _ => None,
    }
}

fn limit(pod: &Value, resource: &str) -> f64 {
    let containers = pod["spec"]["containers"].as_array().map_or(&[][..], Vec::as_slice);
    containers
        .iter()
        .filter_map(|c| quantity::of(&c["resources"]["limits"][resource]))
        .sum()
}

fn write(key: &str, value: f64) -> String {
    if key.ends_with("cpu") {
        quantity::cores(value)
    } else if key.ends_with("memory") {
        quantity::bytes(value)
    } else {
        format!("{value}")
    }
}
