//! Column definitions per kind.

use serde_json::{Value, json};

use super::super::{catalog::Resource, schema::SCHEMAS};

/// `(name, priority, description)`; priority 1 shows with `-o wide` only. `name` and `age` descriptions come from the schema.
type Column = (&'static str, u8, &'static str);

/// The columns of a kind.
pub(super) fn of(resource: &Resource) -> Value {
    let meta = |field: &str| {
        let definitions = SCHEMAS.definitions();
        definitions["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"]["properties"][field]["description"].clone()
    };
    list(resource)
        .iter()
        .map(|(name, priority, description)| {
            let (format, description) = match *name {
                "Name" => ("name", meta("name")),
                "Age" | "Created At" => ("", meta("creationTimestamp")),
                _ => ("", json!(description)),
            };
            json!({"name": name, "type": kind_of(resource, name), "format": format, "description": description, "priority": priority})
        })
        .collect()
}

/// Counts are numbers where the real server says so.
fn kind_of(resource: &Resource, name: &str) -> &'static str {
    let counts = match resource.plural {
        "replicasets" | "daemonsets" => matches!(name, "Desired" | "Current" | "Ready" | "Up-to-date" | "Available"),
        _ => matches!(name, "Allowed Disruptions" | "Count"),
    };
    if counts { "integer" } else { "string" }
}

/// Names in order; `rows::cells` answers in the same order.
pub(super) fn list(resource: &Resource) -> &'static [Column] {
    match (resource.group, resource.plural) {
        ("", "pods") => PODS,
        ("apps", "deployments") => DEPLOYMENTS,
        ("apps", "replicasets") => REPLICA_SETS,
        ("apps", "statefulsets") => STATEFUL_SETS,
        ("apps", "daemonsets") => DAEMON_SETS,
        ("autoscaling", _) => HPAS,
        ("", "nodes") => NODES,
        ("", "events") | ("events.k8s.io", _) => EVENTS,
        ("", "services") => SERVICES,
        ("", "configmaps") => CONFIG_MAPS,
        ("", "secrets") => SECRETS,
        ("", "namespaces") => NAMESPACES,
        ("", "endpoints") => ENDPOINTS,
        ("", "resourcequotas") => QUOTAS,
        ("policy", _) => PDBS,
        ("batch", "jobs") => JOBS,
        ("batch", "cronjobs") => CRON_JOBS,
        ("discovery.k8s.io", _) => SLICES,
        ("", "persistentvolumeclaims") => CLAIMS,
        _ => PLAIN,
    }
}

const PLAIN: &[Column] = &[("Name", 0, ""), ("Age", 0, "")];
const PODS: &[Column] = &[
    ("Name", 0, ""),
    ("Ready", 0, "The aggregate readiness state of this pod for accepting traffic."),
    ("Status", 0, "The aggregate status of the containers in this pod."),
    (
        "Restarts",
        0,
        "The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.",
    ),
    ("Age", 0, ""),
    ("IP", 1, "Address of the pod, empty until one is given."),
    ("Node", 1, "Node the pod runs on."),
    ("Nominated Node", 1, "Node kept free for the pod after a preemption."),
    ("Readiness Gates", 1, "Further conditions the pod must meet to be ready."),
];
const DEPLOYMENTS: &[Column] = &[
    ("Name", 0, ""),
    ("Ready", 0, "Number of the pod with ready state"),
    ("Up-to-date", 0, "Pods that have the desired template."),
    ("Available", 0, "Pods ready for at least minReadySeconds."),
    ("Age", 0, ""),
    ("Containers", 1, "Names of each container in the template."),
    ("Images", 1, "Images referenced by each container in the template."),
    ("Selector", 1, "Label selector for pods."),
];
const REPLICA_SETS: &[Column] = &[
    ("Name", 0, ""),
    ("Desired", 0, "Number of wanted pods."),
    ("Current", 0, "Number of pods."),
    ("Ready", 0, "Number of ready pods."),
    ("Age", 0, ""),
    ("Containers", 1, "Names of each container in the template."),
    ("Images", 1, "Images referenced by each container in the template."),
    ("Selector", 1, "Label selector for pods."),
];
const STATEFUL_SETS: &[Column] = &[
    ("Name", 0, ""),
    ("Ready", 0, "Number of the pod with ready state"),
    ("Age", 0, ""),
    ("Containers", 1, "Names of each container in the template."),
    ("Images", 1, "Images referenced by each container in the template."),
];
const DAEMON_SETS: &[Column] = &[
    ("Name", 0, ""),
    ("Desired", 0, "Nodes that should run the pod."),
    ("Current", 0, "Nodes that run the pod."),
    ("Ready", 0, "Nodes with a ready pod."),
    ("Up-to-date", 0, "Nodes with the desired template."),
    ("Available", 0, "Nodes with an available pod."),
    ("Node Selector", 0, "Nodes the pods may run on."),
    ("Age", 0, ""),
];
const HPAS: &[Column] = &[
    ("Name", 0, ""),
    ("Reference", 0, "What is scaled."),
    ("Targets", 0, "Current and wanted metric values."),
    ("MinPods", 0, "Lower bound of replicas."),
    ("MaxPods", 0, "Upper bound of replicas."),
    ("Replicas", 0, "Current replicas."),
    ("Age", 0, ""),
];
const NODES: &[Column] = &[
    ("Name", 0, ""),
    ("Status", 0, "The status of the node"),
    ("Roles", 0, "The roles of the node"),
    ("Age", 0, ""),
    ("Version", 0, "Version of the kubelet."),
    ("Internal-IP", 1, "Address inside the cluster."),
    ("External-IP", 1, "Address outside the cluster."),
    ("OS-Image", 1, "Operating system."),
    ("Kernel-Version", 1, "Version of the kernel."),
    ("Container-Runtime", 1, "Container runtime and its version."),
];
const EVENTS: &[Column] = &[
    ("Last Seen", 0, "When the event was seen last."),
    ("Type", 0, "Normal or Warning."),
    ("Reason", 0, "Short reason."),
    ("Object", 0, "What the event is about."),
    ("Subobject", 1, "Which part of it."),
    ("Source", 1, "Who reports."),
    ("Message", 0, "What happened."),
    ("First Seen", 1, "When the event was seen first."),
    ("Count", 1, "How often it was seen."),
    ("Name", 1, ""),
];
const SERVICES: &[Column] = &[
    ("Name", 0, ""),
    ("Type", 0, "How the service is exposed."),
    ("Cluster-IP", 0, "Address inside the cluster."),
    ("External-IP", 0, "Addresses outside the cluster."),
    ("Port(s)", 0, "Ports."),
    ("Age", 0, ""),
    ("Selector", 1, "Labels of the pods behind it."),
];
const CONFIG_MAPS: &[Column] = &[("Name", 0, ""), ("Data", 0, "Number of keys."), ("Age", 0, "")];
const SECRETS: &[Column] = &[
    ("Name", 0, ""),
    ("Type", 0, "Kind of secret."),
    ("Data", 0, "Number of keys."),
    ("Age", 0, ""),
];
const NAMESPACES: &[Column] = &[("Name", 0, ""), ("Status", 0, "The status of the namespace"), ("Age", 0, "")];
const ENDPOINTS: &[Column] = &[("Name", 0, ""), ("Endpoints", 0, "Addresses and ports."), ("Age", 0, "")];
const QUOTAS: &[Column] = &[
    ("Name", 0, ""),
    ("Request", 0, "Used and allowed requests."),
    ("Limit", 0, "Used and allowed limits."),
    ("Age", 0, ""),
];
const PDBS: &[Column] = &[
    ("Name", 0, ""),
    ("Min Available", 0, "Pods that must stay available."),
    ("Max Unavailable", 0, "Pods that may be missing."),
    ("Allowed Disruptions", 0, "Pods that may be evicted now."),
    ("Age", 0, ""),
];
const CRON_JOBS: &[Column] = &[
    ("Name", 0, ""),
    (
        "Schedule",
        0,
        "The schedule in Cron format, see https://en.wikipedia.org/wiki/Cron.",
    ),
    ("Timezone", 0, "The time zone of the schedule."),
    ("Suspend", 0, "Whether subsequent executions are suspended."),
    ("Active", 0, "Number of running Jobs."),
    ("Last Schedule", 0, "Time since a Job was last scheduled."),
    ("Age", 0, ""),
];
const JOBS: &[Column] = &[
    ("Name", 0, ""),
    ("Status", 0, "Complete, Running, Failed or Suspended."),
    ("Completions", 0, "Finished and wanted runs."),
    ("Duration", 0, "How long it ran."),
    ("Age", 0, ""),
];
const SLICES: &[Column] = &[
    ("Name", 0, ""),
    ("AddressType", 0, "Kind of address."),
    ("Ports", 0, "Ports."),
    ("Endpoints", 0, "Addresses."),
    ("Age", 0, ""),
];
const CLAIMS: &[Column] = &[
    ("Name", 0, ""),
    ("Status", 0, "Phase."),
    ("Volume", 0, "Bound volume."),
    ("Capacity", 0, "Size."),
    ("Access Modes", 0, "How it may be mounted."),
    ("StorageClass", 0, "Class."),
    ("Age", 0, ""),
];
