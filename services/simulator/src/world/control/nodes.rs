//! Nodes: conditions, leases and the facts a kubelet reports.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    store::{Gvr, Store, rfc3339_micro},
    world::{model::hash, obj},
};

/// Time between two renewals of a node's lease, as the kubelet does by default.
pub(crate) const LEASE_EVERY: Duration = Duration::from_secs(10);
/// Time between two status reports of an unchanged node, as the kubelet does by default.
const STATUS_EVERY: Duration = Duration::from_secs(300);

/// Conditions every healthy node has: type, status, reason, message.
const CONDITIONS: &[(&str, &str, &str, &str)] = &[
    (
        "MemoryPressure",
        "False",
        "KubeletHasSufficientMemory",
        "kubelet has sufficient memory available",
    ),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    (
        "PIDPressure",
        "False",
        "KubeletHasSufficientPID",
        "kubelet has sufficient PID available",
    ),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
];

/// Renews leases and, now and then, conditions, for all nodes that are not `silent`.
pub(crate) fn heartbeat(store: &Store, silent: &dyn Fn(&str) -> bool, now: Timestamp) {
    for node in store.list_shared(&Gvr::nodes(), None).0 {
        if silent(obj::name(&node)) {
            continue;
        }
        renew(store, &node, now);
        let ready = obj::condition(&node, "Ready");
        let heard = ready.and_then(|ready| obj::time(ready, "/lastHeartbeatTime"));
        let doubted = ready.is_some_and(|ready| ready["status"] != "True");
        if doubted || heard.is_none_or(|heard| obj::after(heard, STATUS_EVERY) <= now) {
            report(store, &node, now);
        }
    }
}

fn renew(store: &Store, node: &Value, now: Timestamp) {
    let ns = "kube-node-lease";
    let name = obj::name(node);
    if store.get_shared(&Gvr::leases(), Some(ns), name).is_some() {
        obj::change(store, &Gvr::leases(), ns, name, |lease| {
            lease["spec"]["renewTime"] = json!(rfc3339_micro(now))
        });
        return;
    }
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": name, "namespace": ns, "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": name, "uid": obj::uid(node)}]},
        "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": rfc3339_micro(now)},
    });
    if let Err(status) = store.create(&Gvr::leases(), lease) {
        tracing::debug!(name, ?status, "lease was not created");
    }
}

fn report(store: &Store, node: &Value, now: Timestamp) {
    obj::change(store, &Gvr::nodes(), "", obj::name(node), |node| {
        let created = node["metadata"]["creationTimestamp"].clone();
        let conditions: Vec<Value> = CONDITIONS
            .iter()
            .map(|(kind, status, reason, message)| {
                let before = obj::condition(node, kind).filter(|c| c["status"] == *status);
                let since = before.map_or_else(|| created.clone(), |c| c["lastTransitionTime"].clone());
                json!({
                    "type": kind, "status": status, "lastHeartbeatTime": obj::rfc3339(now),
                    "lastTransitionTime": since, "reason": reason, "message": message,
                })
            })
            .collect();
        let id = format!("{:016x}{:016x}", hash(obj::name(node), 1), hash(obj::name(node), 2));
        if !node["status"].is_object() {
            node["status"] = json!({});
        }
        node["status"]["conditions"] = json!(conditions);
        node["status"]["daemonEndpoints"] = json!({"kubeletEndpoint": {"Port": 10250}});
        node["status"]["nodeInfo"] = json!({
            "machineID": id, "systemUUID": id, "bootID": id, "kernelVersion": "6.1.0-sim",
            "osImage": "Debian GNU/Linux 12 (bookworm)", "containerRuntimeVersion": "containerd://2.1.4",
            "kubeletVersion": "v1.36.2", "kubeProxyVersion": "", "operatingSystem": "linux", "architecture": "amd64",
        });
    });
}
