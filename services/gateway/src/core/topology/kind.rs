//! The kinds of objects that are watched.

use std::fmt;

/// A kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Its labels say whose it is and whether it is looked after.
    Namespace,
    /// Stands in a zone.
    Node,
    /// Runs on a node.
    Pod,
    /// Between a Deployment and its pods.
    ReplicaSet,
    /// A workload.
    Deployment,
    /// A workload.
    StatefulSet,
    /// A workload.
    DaemonSet,
    /// A workload that ends.
    Job,
    /// A workload that comes again.
    CronJob,
    /// A workload of Argo Rollouts.
    Rollout,
    /// What is called.
    Service,
    /// Where a Service without a selector leads.
    EndpointSlice,
    /// Configuration; it may name Services.
    ConfigMap,
    /// A volume as its users know it.
    PersistentVolumeClaim,
    /// A bound on a namespace.
    ResourceQuota,
    /// A way in.
    Ingress,
    /// What may reach whom.
    NetworkPolicy,
    /// A way in of the Gateway API.
    HttpRoute,
    /// A way in of the Gateway API.
    GrpcRoute,
    /// Changes the size of a workload.
    HorizontalPodAutoscaler,
    /// Keeps pods of a workload from being evicted together.
    PodDisruptionBudget,
    /// Makes a Secret (cert-manager).
    Certificate,
}

/// Where the API server has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource {
    /// API group; empty for core.
    pub group: &'static str,
    /// API version.
    pub version: &'static str,
    /// Name of the kind as Kubernetes writes it.
    pub kind: &'static str,
    /// Plural in paths.
    pub plural: &'static str,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Whether a cluster may do without it (a CustomResourceDefinition makes it).
    pub optional: bool,
    /// Whether metadata is all that is read of it.
    pub metadata_only: bool,
    /// Label selector; empty: all of them.
    pub labels: &'static str,
}

/// Slices that the control plane keeps for Services with selectors change with every readiness of every pod, and say nothing that
/// selectors and pods do not say: only the others are watched.
const MADE_BY_HAND: &str = "endpointslice.kubernetes.io/managed-by!=endpointslice-controller.k8s.io";

const CLUSTER: Resource = Resource {
    group: "",
    version: "v1",
    kind: "",
    plural: "",
    namespaced: false,
    optional: false,
    metadata_only: false,
    labels: "",
};
const NAMESPACED: Resource = Resource {
    namespaced: true,
    ..CLUSTER
};
const fn core(kind: &'static str, plural: &'static str) -> Resource {
    Resource {
        kind,
        plural,
        ..NAMESPACED
    }
}
const fn of(group: &'static str, kind: &'static str, plural: &'static str) -> Resource {
    Resource {
        group,
        ..core(kind, plural)
    }
}
const fn custom(group: &'static str, kind: &'static str, plural: &'static str) -> Resource {
    Resource {
        optional: true,
        ..of(group, kind, plural)
    }
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::Namespace,
        Self::Node,
        Self::Pod,
        Self::ReplicaSet,
        Self::Deployment,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::Job,
        Self::CronJob,
        Self::Rollout,
        Self::Service,
        Self::EndpointSlice,
        Self::ConfigMap,
        Self::PersistentVolumeClaim,
        Self::ResourceQuota,
        Self::Ingress,
        Self::NetworkPolicy,
        Self::HttpRoute,
        Self::GrpcRoute,
        Self::HorizontalPodAutoscaler,
        Self::PodDisruptionBudget,
        Self::Certificate,
    ];

    /// Where the API server has it.
    #[must_use]
    pub const fn resource(self) -> Resource {
        match self {
            Self::Namespace => Resource {
                kind: "Namespace",
                plural: "namespaces",
                ..CLUSTER
            },
            Self::Node => Resource {
                kind: "Node",
                plural: "nodes",
                ..CLUSTER
            },
            Self::Pod => core("Pod", "pods"),
            Self::ReplicaSet => Resource {
                metadata_only: true,
                ..of("apps", "ReplicaSet", "replicasets")
            },
            Self::Deployment => of("apps", "Deployment", "deployments"),
            Self::StatefulSet => of("apps", "StatefulSet", "statefulsets"),
            Self::DaemonSet => of("apps", "DaemonSet", "daemonsets"),
            Self::Job => of("batch", "Job", "jobs"),
            Self::CronJob => of("batch", "CronJob", "cronjobs"),
            Self::Rollout => Resource {
                version: "v1alpha1",
                ..custom("argoproj.io", "Rollout", "rollouts")
            },
            Self::Service => core("Service", "services"),
            Self::EndpointSlice => Resource {
                labels: MADE_BY_HAND,
                ..of("discovery.k8s.io", "EndpointSlice", "endpointslices")
            },
            Self::ConfigMap => core("ConfigMap", "configmaps"),
            Self::PersistentVolumeClaim => core("PersistentVolumeClaim", "persistentvolumeclaims"),
            Self::ResourceQuota => Resource {
                metadata_only: true,
                ..core("ResourceQuota", "resourcequotas")
            },
            Self::Ingress => of("networking.k8s.io", "Ingress", "ingresses"),
            Self::NetworkPolicy => of("networking.k8s.io", "NetworkPolicy", "networkpolicies"),
            Self::HttpRoute => custom("gateway.networking.k8s.io", "HTTPRoute", "httproutes"),
            Self::GrpcRoute => custom("gateway.networking.k8s.io", "GRPCRoute", "grpcroutes"),
            Self::HorizontalPodAutoscaler => Resource {
                version: "v2",
                ..of("autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
            },
            Self::PodDisruptionBudget => of("policy", "PodDisruptionBudget", "poddisruptionbudgets"),
            Self::Certificate => custom("cert-manager.io", "Certificate", "certificates"),
        }
    }

    /// As Kubernetes writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.resource().kind
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
