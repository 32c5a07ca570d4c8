//! Which kind of thing: API group, version and plural resource name.

use std::fmt;

/// An API group, version and plural resource, e.g. `("apps", "v1", "deployments")`.
///
/// Two `Gvr`s that differ only in `version` name the same stored objects; the core group is `""`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gvr {
    /// API group; empty for the core group.
    pub group: String,
    /// API version, e.g. `v1`.
    pub version: String,
    /// Plural lower-case resource name.
    pub resource: String,
}

impl Gvr {
    /// Any resource by its three names.
    pub fn new(group: &str, version: &str, resource: &str) -> Self {
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            resource: resource.to_owned(),
        }
    }

    /// `apiVersion` as it stands in objects: `v1`, `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `deployments.apps`, or just `pods` for the core group: the name used in messages.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.resource.clone()
        } else {
            format!("{}.{}", self.resource, self.group)
        }
    }
}

impl fmt::Display for Gvr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.api_version(), self.resource)
    }
}

macro_rules! usual {
    ($($name:ident = $group:literal $version:literal $resource:literal;)*) => {
        impl Gvr {
            $(
                #[doc = concat!("`", $resource, "` of group `", $group, "` `", $version, "`.")]
                pub fn $name() -> Self { Self::new($group, $version, $resource) }
            )*
        }
    };
}

usual! {
    namespaces = "" "v1" "namespaces";
    nodes = "" "v1" "nodes";
    pods = "" "v1" "pods";
    services = "" "v1" "services";
    endpoints = "" "v1" "endpoints";
    events = "" "v1" "events";
    config_maps = "" "v1" "configmaps";
    secrets = "" "v1" "secrets";
    service_accounts = "" "v1" "serviceaccounts";
    resource_quotas = "" "v1" "resourcequotas";
    limit_ranges = "" "v1" "limitranges";
    persistent_volumes = "" "v1" "persistentvolumes";
    persistent_volume_claims = "" "v1" "persistentvolumeclaims";
    deployments = "apps" "v1" "deployments";
    replica_sets = "apps" "v1" "replicasets";
    stateful_sets = "apps" "v1" "statefulsets";
    daemon_sets = "apps" "v1" "daemonsets";
    controller_revisions = "apps" "v1" "controllerrevisions";
    jobs = "batch" "v1" "jobs";
    cron_jobs = "batch" "v1" "cronjobs";
    horizontal_pod_autoscalers = "autoscaling" "v2" "horizontalpodautoscalers";
    pod_disruption_budgets = "policy" "v1" "poddisruptionbudgets";
    endpoint_slices = "discovery.k8s.io" "v1" "endpointslices";
    ingresses = "networking.k8s.io" "v1" "ingresses";
    network_policies = "networking.k8s.io" "v1" "networkpolicies";
    leases = "coordination.k8s.io" "v1" "leases";
    storage_classes = "storage.k8s.io" "v1" "storageclasses";
    custom_resource_definitions = "apiextensions.k8s.io" "v1" "customresourcedefinitions";
    priority_classes = "scheduling.k8s.io" "v1" "priorityclasses";
}
