//! `metrics.k8s.io`: current use of CPU and memory, supplied by the telemetry of the simulated workloads.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Api, convert,
    read::Filter,
    reply::Reply,
    request::{Query, Target},
};
use crate::store::{Gvr, Status, name_of, namespace_of, rfc3339};

/// What a container or node uses now.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    /// Container name; empty for a node.
    pub name: String,
    /// CPU, in cores.
    pub cpu_cores: f64,
    /// Working set, in bytes.
    pub memory_bytes: u64,
}

/// Where the current use comes from.
pub trait UsageSource: Send + Sync {
    /// One entry per running container of the pod; `None` while the pod has no numbers.
    fn pod_usage(&self, namespace: &str, pod: &str) -> Option<Vec<Usage>>;

    /// The node's own use; `None` while the node has no numbers.
    fn node_usage(&self, node: &str) -> Option<Usage>;

    /// The window the numbers are averaged over.
    fn window(&self) -> Duration {
        Duration::from_secs(15)
    }
}

impl Api {
    /// Answers `get` and `list` of the metrics group.
    pub(super) fn metrics(&self, target: &Target, query: &Query) -> Result<Reply, Status> {
        let kept = if target.resource.plural == "nodes" {
            Gvr::nodes()
        } else {
            Gvr::pods()
        };
        if let Some(name) = &target.name {
            let object = self.store.get_shared(&kept, target.ns(), name);
            let found = object.and_then(|object| self.measured(target, &object));
            return found.map(Reply::ok).ok_or_else(|| Status::not_found(&target.gvr(), name));
        }
        let filter = Filter::parse(target, query)?;
        let (objects, _) = self.store.list_shared(&kept, target.ns());
        let wanted = objects.iter().filter(|object| filter.takes(object));
        let items: Vec<Value> = wanted
            .filter_map(|object| self.measured(target, object))
            .map(convert::as_item)
            .collect();
        let kind = format!("{}List", target.resource.kind);
        Ok(Reply::ok(convert::headed(
            &kind,
            "metrics.k8s.io/v1beta1",
            json!({"metadata": {}, "items": items}),
        )))
    }

    fn measured(&self, target: &Target, object: &Value) -> Option<Value> {
        let now = rfc3339(self.store.now());
        let mut meta = json!({"name": name_of(object), "creationTimestamp": now});
        if object["metadata"]["labels"].is_object() {
            meta["labels"] = object["metadata"]["labels"].clone();
        }
        let mut out = json!({"metadata": meta, "timestamp": now, "window": format!("{}s", self.usage.window().as_secs())});
        if target.resource.plural == "nodes" {
            out["usage"] = written(&self.usage.node_usage(name_of(object))?);
        } else {
            out["metadata"]["namespace"] = json!(namespace_of(object));
            let containers = self.usage.pod_usage(namespace_of(object), name_of(object))?;
            out["containers"] = containers
                .iter()
                .map(|usage| json!({"name": usage.name, "usage": written(usage)}))
                .collect();
        }
        Some(convert::headed(target.resource.kind, "metrics.k8s.io/v1beta1", out))
    }
}

/// Nanocores and kibibytes, as metrics-server writes them.
fn written(usage: &Usage) -> Value {
    json!({"cpu": format!("{:.0}n", usage.cpu_cores * 1e9), "memory": format!("{}Ki", usage.memory_bytes / 1024)})
}
