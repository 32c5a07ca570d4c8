//! Series of mounted volumes, as the kubelet exports them.

use super::{
    series::{Labels, Series},
    source::View,
};
use crate::{
    scenario::behaviour::Volume,
    store::Gvr,
    world::{control::volumes::claims_of, obj, quantity},
};

const MIB: f64 = 1_048_576.0;

/// Bytes used of a volume at `t` (seconds since 1970); the scenario began at `origin`.
pub(crate) fn used(volume: Option<&Volume>, capacity: f64, origin: f64, t: f64) -> f64 {
    // An empty file system has its own few bytes.
    let Some(volume) = volume else { return (16.0 * MIB).min(capacity) };
    let minutes = ((t - origin - volume.after.as_secs_f64()) / 60.0).max(0.0);
    (volume.used_mib * MIB + volume.fills_bytes_per_minute * minutes).min(capacity)
}

pub(crate) fn series<'a>(view: &'a View<'_>, wanted: &dyn Fn(&str) -> bool, out: &mut Vec<Series<'a>>) {
    let names = ["used_bytes", "capacity_bytes", "available_bytes"].map(|part| format!("kubelet_volume_stats_{part}"));
    if !names.iter().any(|name| wanted(name)) {
        return;
    }
    let origin = obj::secs(view.world.origin());
    let store = view.world.store();
    for pod in store.list_shared(&Gvr::pods(), None).0 {
        let node = obj::text(&pod, "/spec/nodeName").to_owned();
        if node.is_empty() {
            continue;
        }
        let ns = obj::namespace(&pod);
        for name in claims_of(&pod) {
            let Some(claim) = store.get_shared(&Gvr::persistent_volume_claims(), Some(ns), name) else {
                continue;
            };
            let born = obj::time(&claim, "/metadata/creationTimestamp").map_or(0.0, obj::secs);
            let present = quantity::of(&claim["status"]["capacity"]["storage"]).unwrap_or(0.0);
            let volume = view.world.scenario().volumes.iter().find(|v| v.namespace == ns && v.claim == name);
            let key = Labels::new(
                "kube_persistentvolumeclaim_status_capacity_bytes",
                &[("namespace", ns), ("persistentvolumeclaim", name)],
            )
            .with("job", "kube-state-metrics");
            let capacity = move |t: f64| view.states.value(&key, t).unwrap_or(present);
            let capacity = std::sync::Arc::new(capacity);
            for (i, metric) in names.iter().enumerate().filter(|(_, metric)| wanted(metric)) {
                let labels = [("namespace", ns), ("persistentvolumeclaim", name), ("node", node.as_str())];
                let capacity = capacity.clone();
                let labels = Labels::new(metric, &labels).with("job", "kubelet");
                out.push(Series::new(labels, move |t| {
                    let capacity = capacity(t);
                    let used = used(volume, capacity, origin, t);
                    (t >= born).then_some([used, capacity, capacity - used][i])
                }));
            }
        }
    }
}
