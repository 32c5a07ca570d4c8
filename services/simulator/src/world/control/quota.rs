//! ResourceQuota: writes what a namespace uses. Whether a new pod fits is decided by `api::quota`.

use std::collections::BTreeMap;

use serde_json::json;

use crate::{
    api::quota::{namespace_use, shown},
    store::{Gvr, Store},
    world::obj,
};

/// Writes `status` of every quota. Keys that do not count pods are left out of `used`.
pub(crate) fn step(store: &Store) {
    for quota in store.awake(&Gvr::resource_quotas()) {
        let ns = obj::namespace(&quota);
        let all = namespace_use(store, ns);
        let hard = quota["spec"]["hard"].as_object().cloned().unwrap_or_default();
        let counts = |key: &str| {
            key.starts_with("limits.") || key.starts_with("requests.") || matches!(key, "cpu" | "memory" | "pods" | "count/pods")
        };
        let used: BTreeMap<&String, String> = hard
            .keys()
            .filter(|key| counts(key))
            .map(|key| (key, shown(key, all.get(key).copied().unwrap_or(0))))
            .collect();
        obj::change(store, &Gvr::resource_quotas(), ns, obj::name(&quota), |quota| {
            quota["status"] = json!({"hard": hard, "used": used});
        });
    }
}
