//! PodDisruptionBudget: how many pods may be evicted now.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{pods, rollout::resolve};
use crate::{
    store::{Gvr, Store},
    world::obj,
};

/// Writes the status of every budget.
pub(crate) fn step(store: &Store, now: Timestamp) {
    for budget in store.list_shared(&Gvr::pod_disruption_budgets(), None).0 {
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
    let healthy = i64::try_from(mine.iter().filter(|pod| pods::ready(pod)).count()).unwrap_or(0);
    let expected = expected(store, ns, &mine);
    let spec = &budget["spec"];
    let desired = match (spec.get("minAvailable"), spec.get("maxUnavailable")) {
        (Some(least), _) => resolve(least, expected, true),
        (None, Some(most)) => expected - resolve(most, expected, true),
        (None, None) => expected,
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
