//! The kinds that an investigation lists.

use paramedic_domain::alert::Alert;

/// How a kind is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// `Pod`.
    pub name: &'static str,
    /// `v1`, `apps/v1`, ...
    pub api: &'static str,
    /// `pods`.
    pub plural: &'static str,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Whether all namespaces count, whatever the investigation is about.
    pub everywhere: bool,
    /// Whether clusters may be without it.
    pub optional: bool,
    /// It says something only beside objects of one of these kinds; empty: always.
    pub beside: &'static [&'static str],
}

const fn inside(name: &'static str, api: &'static str, plural: &'static str) -> Kind {
    Kind {
        name,
        api,
        plural,
        namespaced: true,
        everywhere: false,
        optional: false,
        beside: &[],
    }
}

const fn of_cluster(name: &'static str, api: &'static str, plural: &'static str) -> Kind {
    Kind {
        namespaced: false,
        ..inside(name, api, plural)
    }
}

/// Every kind. Secrets are not among them: that one is missing, its users' events and states say.
pub const KINDS: [Kind; 33] = [
    inside("Pod", "v1", "pods"),
    inside("Event", "v1", "events"),
    inside("Service", "v1", "services"),
    inside("EndpointSlice", "discovery.k8s.io/v1", "endpointslices"),
    inside("Deployment", "apps/v1", "deployments"),
    inside("ReplicaSet", "apps/v1", "replicasets"),
    inside("StatefulSet", "apps/v1", "statefulsets"),
    inside("DaemonSet", "apps/v1", "daemonsets"),
    Kind {
        beside: &["StatefulSet", "DaemonSet"],
        ..inside("ControllerRevision", "apps/v1", "controllerrevisions")
    },
    inside("Job", "batch/v1", "jobs"),
    inside("CronJob", "batch/v1", "cronjobs"),
    inside("HorizontalPodAutoscaler", "autoscaling/v2", "horizontalpodautoscalers"),
    inside("PodDisruptionBudget", "policy/v1", "poddisruptionbudgets"),
    inside("ResourceQuota", "v1", "resourcequotas"),
    inside("LimitRange", "v1", "limitranges"),
    inside("NetworkPolicy", "networking.k8s.io/v1", "networkpolicies"),
    inside("Ingress", "networking.k8s.io/v1", "ingresses"),
    inside("PersistentVolumeClaim", "v1", "persistentvolumeclaims"),
    inside("RoleBinding", "rbac.authorization.k8s.io/v1", "rolebindings"),
    Kind {
        optional: true,
        ..inside("Certificate", "cert-manager.io/v1", "certificates")
    },
    Kind {
        everywhere: true,
        ..inside("Lease", "coordination.k8s.io/v1", "leases")
    },
    Kind {
        everywhere: true,
        optional: true,
        beside: &["HTTPRoute"],
        ..inside("Gateway", "gateway.networking.k8s.io/v1", "gateways")
    },
    Kind {
        optional: true,
        ..inside("HTTPRoute", "gateway.networking.k8s.io/v1", "httproutes")
    },
    Kind {
        optional: true,
        beside: &["Gateway"],
        ..of_cluster("GatewayClass", "gateway.networking.k8s.io/v1", "gatewayclasses")
    },
    of_cluster("Node", "v1", "nodes"),
    of_cluster("Namespace", "v1", "namespaces"),
    of_cluster("PersistentVolume", "v1", "persistentvolumes"),
    of_cluster("StorageClass", "storage.k8s.io/v1", "storageclasses"),
    Kind {
        beside: &["Ingress"],
        ..of_cluster("IngressClass", "networking.k8s.io/v1", "ingressclasses")
    },
    of_cluster("APIService", "apiregistration.k8s.io/v1", "apiservices"),
    of_cluster("CertificateSigningRequest", "certificates.k8s.io/v1", "certificatesigningrequests"),
    of_cluster(
        "ValidatingWebhookConfiguration",
        "admissionregistration.k8s.io/v1",
        "validatingwebhookconfigurations",
    ),
    of_cluster(
        "MutatingWebhookConfiguration",
        "admissionregistration.k8s.io/v1",
        "mutatingwebhookconfigurations",
    ),
];

/// The kind of a name.
#[must_use]
pub fn named(name: &str) -> Option<Kind> {
    KINDS.into_iter().find(|kind| kind.name == name)
}

impl Kind {
    /// Whether alerts speak of it: by a label of its name, or in their own. That proves nothing, but is reason to look.
    #[must_use]
    pub fn spoken_of(&self, alerts: &[Alert]) -> bool {
        let label = self.name.to_lowercase();
        alerts
            .iter()
            .any(|alert| !alert.label(&label).is_empty() || alert.name().contains(self.name))
    }

    /// Path of the list: of one namespace, or of all.
    #[must_use]
    pub fn path(&self, namespace: Option<&str>) -> String {
        let root = if self.api.contains('/') { "/apis" } else { "/api" };
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => format!("{root}/{}/namespaces/{namespace}/{}", self.api, self.plural),
            None => format!("{root}/{}/{}", self.api, self.plural),
        }
    }
}
