//! PodDisruptionBudget: how many pods may be evicted now.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{pods, rollout::resolve};
use crate::{
    store::{Gvr, Store},
    world::obj,
};

/// How long an evicted pod that does not stop counts as disrupted (the controller's `DeletionTimeout`).
const DISRUPTED_FOR: Duration = Duration::from_secs(120);

/// Writes the status of every budget.
pub(crate) fn step(store: &Store, now: Timestamp) {
    for budget in store.awake(&Gvr::pod_disruption_budgets()) {
        if !obj::deleting(&budget) {
            sync(store, &budget, now);
        }
    }
}

fn sync(store: &Store, budget: &Value, now: Timestamp) {
    let ns = obj::namespace(budget);
    let all = store.list_shared(&Gvr::pods(), Some(ns)).0;
    let mine: Vec<_> = all
        .iter()
        .filter(|pod| pods::active(pod) && obj::selects(&budget["spec"]["selector"], pod))
        .collect();
    // Evicted moments ago, though not yet seen to stop.
    let evicted = |pod: &Value| {
        let at = obj::time(budget, &format!("/status/disruptedPods/{}", obj::name(pod)));
        at.is_some_and(|at| obj::after(at, DISRUPTED_FOR) > now)
    };
    let disrupted: serde_json::Map<String, Value> = mine
        .iter()
        .filter(|pod| evicted(pod))
        .map(|pod| (obj::name(pod).to_owned(), budget["status"]["disruptedPods"][obj::name(pod)].clone()))
        .collect();
    let healthy = i64::try_from(mine.iter().filter(|pod| pods::ready(pod) && !evicted(pod)).count()).unwrap_or(0);
    let scale = expected(store, ns, &mine);
    let spec = &budget["spec"];
    let (expected, desired) = match (spec.get("minAvailable"), spec.get("maxUnavailable")) {
        (Some(least), _) if least.is_i64() => (i64::try_from(mine.len()).unwrap_or(0), resolve(least, scale, true)),
        (Some(least), _) => (scale, resolve(least, scale, true)),
        (None, Some(most)) => (scale, scale - resolve(most, scale, true)),
        (None, None) => (scale, scale),
    };
    let allowed = (healthy - desired.max(0)).max(0);
    obj::change(store, &Gvr::pod_disruption_budgets(), ns, obj::name(budget), |budget| {
        let status = if allowed > 0 { "True" } else { "False" };
        let before = obj::condition(budget, "DisruptionAllowed").filter(|c| c["status"] == status);
        let since = before.map_or_else(|| json!(obj::rfc3339(now)), |c| c["lastTransitionTime"].clone());
        budget["status"] = json!({
            "observedGeneration": budget["metadata"]["generation"],
            "disruptionsAllowed": allowed, "currentHealthy": healthy,
            "desiredHealthy": desired.max(0), "expectedPods": expected,
            "conditions": [{
                "type": "DisruptionAllowed", "status": status,
                "observedGeneration": budget["metadata"]["generation"], "lastTransitionTime": since,
                "reason": if allowed > 0 { "SufficientPods" } else { "InsufficientPods" }, "message": "",
            }],
        });
        if !disrupted.is_empty() {
            budget["status"]["disruptedPods"] = Value::Object(disrupted.clone());
        }
    });
}

/// The replicas the owners of the pods ask for; pods without an owner count themselves.
fn expected(store: &Store, ns: &str, mine: &[&std::sync::Arc<Value>]) -> i64 {
    let mut owners = std::collections::BTreeMap::new();
    let mut loose = 0;
    for pod in mine {
        let key = crate::world::kubelet::record::workload_of(store, pod);
        let gvr = match key.kind.as_str() {
            "Deployment" => Gvr::deployments(),
            "StatefulSet" => Gvr::stateful_sets(),
            "ReplicaSet" => Gvr::replica_sets(),
            _ => {
                loose += 1;
                continue;
            }
        };
        let wanted = store
            .get_shared(&gvr, Some(ns), &key.name)
            .and_then(|owner| obj::int(&owner, "/spec/replicas"));
        owners.insert(key, wanted.unwrap_or(1));
    }
    loose + owners.values().sum::<i64>()
}
