//! An estate: what there is, where it runs and what needs what.

use paramedic_correlation::topology::Entity;

use crate::rules::Dialect;

mod build;
mod describe;

pub(crate) use build::build;
pub(crate) use describe::{claim, describe};

/// One cluster.
#[derive(Debug)]
pub(crate) struct World {
    /// The teams' first, then those of the platform.
    pub namespaces: Vec<Namespace>,
    pub zones: Vec<String>,
    pub nodes: Vec<Node>,
    /// The services, then what they share, then what watches them.
    pub workloads: Vec<Workload>,
    /// Who really calls whom, by index; a caller's alerts follow those of what it calls.
    pub calls: Vec<(usize, usize)>,
    /// Whether alerts of kube-state-metrics and node-exporter keep the labels of the exporter, as kube-prometheus leaves them.
    pub exporter_labels: bool,
}

/// A namespace with its team's way to name alerts.
#[derive(Debug)]
pub(crate) struct Namespace {
    pub name: String,
    pub dialect: &'static Dialect,
}

/// A machine.
#[derive(Debug)]
pub(crate) struct Node {
    pub name: String,
    pub address: String,
    pub zone: usize,
}

/// A Deployment, StatefulSet or DaemonSet with the Service in front of it.
#[derive(Debug)]
pub(crate) struct Workload {
    pub name: String,
    pub namespace: usize,
    pub kind: WorkloadKind,
    pub role: Role,
    pub pods: Vec<Pod>,
    /// ConfigMap that it reads.
    pub config: String,
    /// Secret with its certificate, where it serves TLS itself.
    pub certificate: Option<String>,
    /// Whether an autoscaler sizes it.
    pub scaled: bool,
}

/// A pod and where it runs.
#[derive(Debug, Clone)]
pub(crate) struct Pod {
    pub name: String,
    pub node: usize,
}

/// What owns the pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WorkloadKind {
    Deployment,
    StatefulSet,
    DaemonSet,
}

/// What a workload is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Takes requests from outside.
    Edge,
    /// Logic.
    Mid,
    /// Keeps data, in one of the stores.
    Data,
    Postgres,
    Redis,
    Kafka,
    Dns,
    /// The config service: tells several services their settings, which it reads from its ConfigMap.
    Settings,
    Prometheus,
    StateMetrics,
    NodeExporter,
}

impl Role {
    /// Whether a team wrote it: it has requests, errors and latency.
    pub(crate) fn is_service(self) -> bool {
        match self {
            Self::Edge | Self::Mid | Self::Data | Self::Settings => true,
            Self::Postgres | Self::Redis | Self::Kafka | Self::Dns | Self::Prometheus | Self::StateMetrics | Self::NodeExporter => false,
        }
    }

    /// Whether services keep their data or messages in it.
    pub(crate) fn is_store(self) -> bool {
        matches!(self, Self::Postgres | Self::Redis | Self::Kafka)
    }
}

impl WorkloadKind {
    /// As Kubernetes writes it.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
        }
    }

    /// The label that alerts name it with.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
        }
    }
}

impl World {
    /// The namespace of a workload.
    pub(crate) fn namespace(&self, workload: usize) -> &str {
        &self.namespaces[self.workloads[workload].namespace].name
    }

    /// `Deployment/ns/name` and the like.
    pub(crate) fn entity(&self, workload: usize) -> Entity {
        self.named(self.workloads[workload].kind.kind(), workload, &self.workloads[workload].name)
    }

    /// Something in the namespace of a workload.
    pub(crate) fn named(&self, kind: &str, workload: usize, name: &str) -> Entity {
        Entity::in_namespace(kind, self.namespace(workload), name)
    }

    /// A node as an entity.
    pub(crate) fn node_entity(&self, node: usize) -> Entity {
        Entity::of_cluster("Node", &self.nodes[node].name)
    }

    /// A zone as an entity.
    pub(crate) fn zone_entity(&self, zone: usize) -> Entity {
        Entity::of_cluster("Zone", &self.zones[zone])
    }

    /// Workload, Service and pods: names for the same thing to whoever mends it.
    pub(crate) fn same_thing(&self, workload: usize) -> Vec<Entity> {
        let service = self.named("Service", workload, &self.workloads[workload].name);
        let pods = self.workloads[workload]
            .pods
            .iter()
            .map(|pod| self.named("Pod", workload, &pod.name));
        std::iter::once(service).chain(pods).collect()
    }

    /// Who calls it.
    pub(crate) fn callers(&self, workload: usize) -> Vec<usize> {
        self.calls
            .iter()
            .filter(|(_, callee)| *callee == workload)
            .map(|(caller, _)| *caller)
            .collect()
    }

    /// Whom it calls.
    pub(crate) fn callees(&self, workload: usize) -> Vec<usize> {
        self.calls
            .iter()
            .filter(|(caller, _)| *caller == workload)
            .map(|(_, callee)| *callee)
            .collect()
    }

    /// Everything of these roles.
    pub(crate) fn of_role(&self, roles: &[Role]) -> Vec<usize> {
        (0..self.workloads.len())
            .filter(|index| roles.contains(&self.workloads[*index].role))
            .collect()
    }

    /// Pods on a node: workload and index of the pod.
    pub(crate) fn pods_on(&self, node: usize) -> Vec<(usize, usize)> {
        let of = |(workload, pods): (usize, &Workload)| {
            let here = pods.pods.iter().enumerate().filter(move |(_, pod)| pod.node == node);
            here.map(|(pod, _)| (workload, pod)).collect::<Vec<_>>()
        };
        self.workloads.iter().enumerate().flat_map(of).collect()
    }

    /// The zone where its first pod runs.
    pub(crate) fn home(&self, workload: usize) -> usize {
        self.workloads[workload].pods.first().map_or(0, |pod| self.nodes[pod.node].zone)
    }
}
