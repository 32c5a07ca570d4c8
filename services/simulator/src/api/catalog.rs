//! Every built-in resource the server serves, as data.

use crate::store::Gvr;

/// A subresource as discovery lists it.
#[derive(Debug)]
pub struct Sub {
    /// Last path segment, e.g. `scale`.
    pub name: &'static str,
    /// Group and version of what it speaks, when different from its parent.
    pub group_version: Option<(&'static str, &'static str)>,
    /// Kind it speaks; empty for the parent's.
    pub kind: &'static str,
    /// Verbs it takes.
    pub verbs: &'static [&'static str],
}

/// A resource as discovery lists it.
#[derive(Debug)]
pub struct Resource {
    /// API group, empty for core.
    pub group: &'static str,
    /// API version.
    pub version: &'static str,
    /// Plural name.
    pub plural: &'static str,
    /// Singular name.
    pub singular: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// True when its objects live in namespaces.
    pub namespaced: bool,
    /// Short names kubectl takes.
    pub short: &'static [&'static str],
    /// True when `kubectl get all` shows it.
    pub in_all: bool,
    /// True when its objects are kept as they are sent, because no schema is at hand: kinds that a CustomResourceDefinition
    /// makes, and built-in ones that are only looked at.
    pub schemaless: bool,
    /// Verbs it takes.
    pub verbs: &'static [&'static str],
    /// Subresources.
    pub subs: &'static [Sub],
}

impl Resource {
    /// Its group, version and plural.
    pub fn gvr(&self) -> Gvr {
        Gvr::new(self.group, self.version, self.plural)
    }

    /// True when its objects have a `status` that only the status subresource writes.
    pub fn has_status(&self) -> bool {
        self.sub("status").is_some()
    }

    /// The subresource of that name.
    pub fn sub(&self, name: &str) -> Option<&'static Sub> {
        self.subs.iter().find(|sub| sub.name == name)
    }
}

/// The verbs of an ordinary resource.
pub const ALL: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const NO_COLLECTION: &[&str] = &["create", "delete", "get", "list", "patch", "update", "watch"];
const CREATE: &[&str] = &["create"];
const READ: &[&str] = &["get", "list"];
const EDIT: &[&str] = &["get", "patch", "update"];
const CONNECT: &[&str] = &["create", "get"];

const fn own(name: &'static str, verbs: &'static [&'static str]) -> Sub {
    Sub {
        name,
        group_version: None,
        kind: "",
        verbs,
    }
}

const STATUS: &[Sub] = &[own("status", EDIT)];
const SCALE: Sub = Sub {
    name: "scale",
    group_version: Some(("autoscaling", "v1")),
    kind: "Scale",
    verbs: EDIT,
};
const SCALED: &[Sub] = &[SCALE, own("status", EDIT)];
const POD_SUBS: &[Sub] = &[
    Sub {
        name: "eviction",
        group_version: Some(("policy", "v1")),
        kind: "Eviction",
        verbs: CREATE,
    },
    Sub {
        name: "exec",
        group_version: None,
        kind: "PodExecOptions",
        verbs: CONNECT,
    },
    own("log", &["get"]),
    own("resize", EDIT),
    own("status", EDIT),
];

/// Names of one resource: plural, singular, kind, short names.
type Names = (&'static str, &'static str, &'static str, &'static [&'static str]);

const fn plain(group: &'static str, names: Names, namespaced: bool, subs: &'static [Sub]) -> Resource {
    let (plural, singular, kind, short) = names;
    Resource {
        group,
        version: "v1",
        plural,
        singular,
        kind,
        namespaced,
        short,
        in_all: false,
        schemaless: false,
        verbs: ALL,
        subs,
    }
}

const fn shown_in_all(resource: Resource) -> Resource {
    Resource { in_all: true, ..resource }
}

/// A kind that is kept and shown, and does nothing.
const fn kept(group: &'static str, names: Names, namespaced: bool, subs: &'static [Sub]) -> Resource {
    Resource {
        schemaless: true,
        ..plain(group, names, namespaced, subs)
    }
}

const fn review(group: &'static str, names: Names, namespaced: bool) -> Resource {
    Resource {
        verbs: CREATE,
        ..plain(group, names, namespaced, &[])
    }
}

const HPA: Names = (
    "horizontalpodautoscalers",
    "horizontalpodautoscaler",
    "HorizontalPodAutoscaler",
    &["hpa"],
);
const RBAC: &str = "rbac.authorization.k8s.io";
const AUTHORIZATION: &str = "authorization.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";
const METRICS: &str = "metrics.k8s.io";

/// All resources, grouped, in the order discovery shows them.
pub static RESOURCES: &[Resource] = &[
    plain("", ("configmaps", "configmap", "ConfigMap", &["cm"]), true, &[]),
    plain("", ("endpoints", "endpoints", "Endpoints", &["ep"]), true, &[]),
    plain("", ("events", "event", "Event", &["ev"]), true, &[]),
    plain("", ("limitranges", "limitrange", "LimitRange", &["limits"]), true, &[]),
    Resource {
        verbs: NO_COLLECTION,
        ..plain(
            "",
            ("namespaces", "namespace", "Namespace", &["ns"]),
            false,
            &[own("finalize", &["update"]), own("status", EDIT)],
        )
    },
    plain("", ("nodes", "node", "Node", &["no"]), false, STATUS),
    plain(
        "",
        ("persistentvolumeclaims", "persistentvolumeclaim", "PersistentVolumeClaim", &["pvc"]),
        true,
        STATUS,
    ),
    plain(
        "",
        ("persistentvolumes", "persistentvolume", "PersistentVolume", &["pv"]),
        false,
        STATUS,
    ),
    shown_in_all(plain("", ("pods", "pod", "Pod", &["po"]), true, POD_SUBS)),
    plain("", ("resourcequotas", "resourcequota", "ResourceQuota", &["quota"]), true, STATUS),
    plain("", ("secrets", "secret", "Secret", &[]), true, &[]),
    plain("", ("serviceaccounts", "serviceaccount", "ServiceAccount", &["sa"]), true, &[]),
    shown_in_all(plain("", ("services", "service", "Service", &["svc"]), true, STATUS)),
    plain(
        "apps",
        ("controllerrevisions", "controllerrevision", "ControllerRevision", &[]),
        true,
        &[],
    ),
    shown_in_all(plain("apps", ("daemonsets", "daemonset", "DaemonSet", &["ds"]), true, STATUS)),
    shown_in_all(plain(
        "apps",
        ("deployments", "deployment", "Deployment", &["deploy"]),
        true,
        SCALED,
    )),
    shown_in_all(plain("apps", ("replicasets", "replicaset", "ReplicaSet", &["rs"]), true, SCALED)),
    shown_in_all(plain(
        "apps",
        ("statefulsets", "statefulset", "StatefulSet", &["sts"]),
        true,
        SCALED,
    )),
    plain("events.k8s.io", ("events", "event", "Event", &["ev"]), true, &[]),
    review(
        "authentication.k8s.io",
        ("selfsubjectreviews", "selfsubjectreview", "SelfSubjectReview", &[]),
        false,
    ),
    review("authentication.k8s.io", ("tokenreviews", "tokenreview", "TokenReview", &[]), false),
    review(
        AUTHORIZATION,
        (
            "localsubjectaccessreviews",
            "localsubjectaccessreview",
            "LocalSubjectAccessReview",
            &[],
        ),
        true,
    ),
    review(
        AUTHORIZATION,
        (
            "selfsubjectaccessreviews",
            "selfsubjectaccessreview",
            "SelfSubjectAccessReview",
            &[],
        ),
        false,
    ),
    review(
        AUTHORIZATION,
        ("selfsubjectrulesreviews", "selfsubjectrulesreview", "SelfSubjectRulesReview", &[]),
        false,
    ),
    review(
        AUTHORIZATION,
        ("subjectaccessreviews", "subjectaccessreview", "SubjectAccessReview", &[]),
        false,
    ),
    shown_in_all(Resource {
        version: "v2",
        ..plain("autoscaling", HPA, true, STATUS)
    }),
    shown_in_all(plain("autoscaling", HPA, true, STATUS)),
    shown_in_all(plain("batch", ("cronjobs", "cronjob", "CronJob", &["cj"]), true, STATUS)),
    shown_in_all(plain("batch", ("jobs", "job", "Job", &[]), true, STATUS)),
    plain(
        "networking.k8s.io",
        ("ingressclasses", "ingressclass", "IngressClass", &[]),
        false,
        &[],
    ),
    plain("networking.k8s.io", ("ingresses", "ingress", "Ingress", &["ing"]), true, STATUS),
    plain(
        "networking.k8s.io",
        ("networkpolicies", "networkpolicy", "NetworkPolicy", &["netpol"]),
        true,
        &[],
    ),
    plain(
        "policy",
        ("poddisruptionbudgets", "poddisruptionbudget", "PodDisruptionBudget", &["pdb"]),
        true,
        STATUS,
    ),
    plain(
        RBAC,
        ("clusterrolebindings", "clusterrolebinding", "ClusterRoleBinding", &[]),
        false,
        &[],
    ),
    plain(RBAC, ("clusterroles", "clusterrole", "ClusterRole", &[]), false, &[]),
    plain(RBAC, ("rolebindings", "rolebinding", "RoleBinding", &[]), true, &[]),
    plain(RBAC, ("roles", "role", "Role", &[]), true, &[]),
    plain(
        "storage.k8s.io",
        ("storageclasses", "storageclass", "StorageClass", &["sc"]),
        false,
        &[],
    ),
    plain(
        "scheduling.k8s.io",
        ("priorityclasses", "priorityclass", "PriorityClass", &["pc"]),
        false,
        &[],
    ),
    plain("coordination.k8s.io", ("leases", "lease", "Lease", &[]), true, &[]),
    plain(
        "apiextensions.k8s.io",
        (
            "customresourcedefinitions",
            "customresourcedefinition",
            "CustomResourceDefinition",
            &["crd", "crds"],
        ),
        false,
        STATUS,
    ),
    kept(
        "",
        ("replicationcontrollers", "replicationcontroller", "ReplicationController", &["rc"]),
        true,
        STATUS,
    ),
    kept(
        "storage.k8s.io",
        ("volumeattachments", "volumeattachment", "VolumeAttachment", &[]),
        false,
        STATUS,
    ),
    kept("storage.k8s.io", ("csidrivers", "csidriver", "CSIDriver", &[]), false, &[]),
    kept("storage.k8s.io", ("csinodes", "csinode", "CSINode", &[]), false, &[]),
    kept(
        "apiregistration.k8s.io",
        ("apiservices", "apiservice", "APIService", &[]),
        false,
        STATUS,
    ),
    kept(
        ADMISSION,
        (
            "validatingwebhookconfigurations",
            "validatingwebhookconfiguration",
            "ValidatingWebhookConfiguration",
            &[],
        ),
        false,
        &[],
    ),
    kept(
        ADMISSION,
        (
            "mutatingwebhookconfigurations",
            "mutatingwebhookconfiguration",
            "MutatingWebhookConfiguration",
            &[],
        ),
        false,
        &[],
    ),
    kept(
        "certificates.k8s.io",
        (
            "certificatesigningrequests",
            "certificatesigningrequest",
            "CertificateSigningRequest",
            &["csr"],
        ),
        false,
        STATUS,
    ),
    kept("node.k8s.io", ("runtimeclasses", "runtimeclass", "RuntimeClass", &[]), false, &[]),
    plain(
        "discovery.k8s.io",
        ("endpointslices", "endpointslice", "EndpointSlice", &[]),
        true,
        &[],
    ),
    Resource {
        version: "v1beta1",
        verbs: READ,
        ..plain(METRICS, ("nodes", "", "NodeMetrics", &[]), false, &[])
    },
    Resource {
        version: "v1beta1",
        verbs: READ,
        ..plain(METRICS, ("pods", "", "PodMetrics", &[]), true, &[])
    },
];
