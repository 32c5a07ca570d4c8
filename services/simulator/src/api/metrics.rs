//! `metrics.k8s.io`: current use of CPU and memory, supplied by the telemetry of the simulated workloads.

use std::time::Duration;

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
