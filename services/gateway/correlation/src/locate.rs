//! What an alert is about: from its labels to a component. Labels are untrusted; they are compared, never interpreted.

use paramedic_domain::alert::Alert;

use crate::{
    graph::{Component, Graph},
    topology::Entity,
};

/// Labels that name a workload, with its kind.
const WORKLOADS: [(&str, &str); 6] = [
    ("deployment", "Deployment"),
    ("statefulset", "StatefulSet"),
    ("daemonset", "DaemonSet"),
    ("job_name", "Job"),
    ("cronjob", "CronJob"),
    ("replicaset", "ReplicaSet"),
];
/// Labels that name a service or workload, most telling first.
const SERVICES: [&str; 10] = [
    "service",
    "service_name",
    "destination_service_name",
    "destination_workload",
    "app",
    "app_kubernetes_io_name",
    "workload",
    "component",
    "horizontalpodautoscaler",
    "poddisruptionbudget",
];
/// Labels that name an object which is a component of its own.
const OBJECTS: [(&str, &str); 6] = [
    ("persistentvolumeclaim", "PersistentVolumeClaim"),
    ("configmap", "ConfigMap"),
    ("secret", "Secret"),
    ("resourcequota", "ResourceQuota"),
    ("networkpolicy", "NetworkPolicy"),
    ("certificate", "Certificate"),
];
/// Targets of scrapes that speak of others: their own name in `service` or `job` is not what the alert is about.
const REPORTERS: [&str; 5] = [
    "kube-state-metrics",
    "node-exporter",
    "kubelet",
    "prometheus-node-exporter",
    "cadvisor",
];

/// The component that an alert is about; what no topology knows gets one of its own.
pub fn locate(alert: &Alert, graph: &mut Graph) -> Component {
    match named(alert, graph) {
        Named::Known(component) => component,
        Named::Stranger(entity) => graph.stranger(entity),
    }
}

/// The namespace that an alert is about; `""` when it names none.
#[must_use]
pub fn namespace(alert: &Alert) -> &str {
    // A series' own labels are kept as `exported_...` where its target has labels of the same names.
    [
        "exported_namespace",
        "namespace",
        "service_namespace",
        "destination_service_namespace",
    ]
    .into_iter()
    .map(|label| alert.label(label))
    .find(|name| !name.is_empty())
    .unwrap_or_default()
}

/// What the most telling label of an alert leads to.
enum Named {
    Known(Component),
    Stranger(Entity),
}

fn named(alert: &Alert, graph: &Graph) -> Named {
    let namespace = namespace(alert);
    let of = |kind: &str, name: &str| graph.component(&entity(kind, namespace, name));
    let named = |name: &str| match namespace {
        "" => graph.named_anywhere(name),
        _ => graph.named(namespace, name),
    };
    let given = |label: &str| Some(alert.label(label)).filter(|name| !name.is_empty());
    let or_stranger = |known: Option<Component>, kind: &str, name: &str| match known {
        Some(component) => Named::Known(component),
        None => Named::Stranger(entity(kind, namespace, name)),
    };
    if let Some((name, kind)) = WORKLOADS.iter().find_map(|(label, kind)| Some((given(label)?, kind))) {
        return or_stranger(of(kind, name).or_else(|| named(name)), kind, name);
    }
    // A pod that speaks of others is passed over; what it speaks of has labels of its own.
    if let Some(pod) = given("pod").filter(|name| !is_reporter(name)) {
        let makers = generated(pod);
        let known = of("Pod", pod)
            .or_else(|| named(pod))
            .or_else(|| makers.iter().find_map(|name| named(name)));
        return or_stranger(known, "Workload", makers.first().unwrap_or(&pod));
    }
    if let Some((name, kind)) = OBJECTS.iter().find_map(|(label, kind)| Some((given(label)?, kind))) {
        let known = of(kind, name).or_else(|| claimed_by(name).find_map(named));
        return or_stranger(known, kind, name);
    }
    if let Some(name) = given("name").filter(|_| alert.name().starts_with("CertManager")) {
        return or_stranger(
            of("Certificate", name).or_else(|| of("Secret", name)).or_else(|| named(name)),
            "Certificate",
            name,
        );
    }
    if let Some(component) = given("instance")
        .and_then(address)
        .and_then(|(name, namespace)| graph.named(namespace, name))
    {
        return Named::Known(component);
    }
    let node = given("node").or_else(|| given("instance").map(host));
    if let Some(component) = node.and_then(|name| graph.component(&Entity::of_cluster("Node", name))) {
        return Named::Known(component);
    }
    let services = || {
        SERVICES
            .iter()
            .chain(&["job"])
            .filter_map(|label| given(label))
            .filter(|name| !is_reporter(name))
    };
    if let Some(component) = services().find_map(|name| of("Service", name).or_else(|| named(name))) {
        return Named::Known(component);
    }
    if let Some(zone) = given("zone").or_else(|| given("topology_kubernetes_io_zone")) {
        return or_stranger(of("Zone", zone), "Zone", zone);
    }
    if let Some(name) = services().next() {
        return Named::Stranger(entity("Workload", namespace, name));
    }
    if let Some(name) = given("node") {
        return Named::Stranger(Entity::of_cluster("Node", name));
    }
    // CoreDNSErrorsHigh, PostgresqlDown: an alert without labels may have its subject in its name.
    if let Some(component) = in_name(alert.name(), graph) {
        return Named::Known(component);
    }
    if let Some(instance) = given("instance") {
        return Named::Stranger(Entity::of_cluster("Instance", host(instance)));
    }
    let all = Entity::of_cluster("Namespace", namespace);
    match namespace {
        "" => Named::Stranger(Entity::of_cluster("Alert", alert.name())),
        _ => or_stranger(graph.component(&all), "Namespace", namespace),
    }
}

/// The component of the cluster itself whose name the alert's name begins with.
fn in_name(alert: &str, graph: &Graph) -> Option<Component> {
    const OF_CLUSTER: [(&str, &str, &str); 3] = [
        ("CoreDNS", "kube-system", "coredns"),
        ("KubeDNS", "kube-system", "kube-dns"),
        ("Etcd", "kube-system", "etcd"),
    ];
    let (_, namespace, name) = OF_CLUSTER.iter().find(|(prefix, ..)| alert.starts_with(prefix))?;
    graph.named(namespace, name)
}

/// Names of StatefulSets that a claim may belong to: `data-db-0` is a claim of `db` by the template `data`.
fn claimed_by(claim: &str) -> impl Iterator<Item = &str> {
    let set = claim
        .rsplit_once('-')
        .filter(|(_, ordinal)| ordinal.bytes().all(|b| b.is_ascii_digit()));
    let whole = set.map(|(set, _)| set).unwrap_or_default();
    whole.match_indices('-').map(move |(at, _)| &whole[at + 1..])
}

fn entity(kind: &str, namespace: &str, name: &str) -> Entity {
    match namespace {
        "" => Entity::of_cluster(kind, name),
        _ => Entity::in_namespace(kind, namespace, name),
    }
}

fn is_reporter(name: &str) -> bool {
    REPORTERS.iter().any(|reporter| name.contains(reporter))
}

/// Name and namespace of the Service of an address within the cluster: `https://cart.shop.svc:443/health`.
fn address(instance: &str) -> Option<(&str, &str)> {
    let after = instance.split_once("://").map_or(instance, |(_, rest)| rest);
    let host = after.split(['/', ':']).next()?;
    let mut parts = host.split('.');
    let (name, namespace, svc) = (parts.next()?, parts.next()?, parts.next()?);
    (svc == "svc").then_some((name, namespace))
}

/// `10.0.0.1:9100` -> `10.0.0.1`.
fn host(instance: &str) -> &str {
    instance.rsplit_once(':').map_or(instance, |(host, _)| host)
}

/// The workload that most likely made a pod of this name; `None` when nobody seems to have.
#[must_use]
pub fn maker(pod: &str) -> Option<&str> {
    generated(pod).first().copied()
}

/// Names of workloads that may have made a pod of this name: without the pod's own five characters and the ReplicaSet's hash
/// (Deployment), without the ordinal (StatefulSet) or the five characters (DaemonSet, Job).
fn generated(pod: &str) -> Vec<&str> {
    let Some((rest, own)) = pod.rsplit_once('-') else {
        return Vec::new();
    };
    let hash = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let ordinal = own.bytes().all(|b| b.is_ascii_digit());
    let drawn = own.len() == 5 && hash(own);
    if !ordinal && !drawn {
        return Vec::new();
    }
    match rest.rsplit_once('-') {
        Some((name, replica_set)) if !ordinal && (4..=10).contains(&replica_set.len()) && hash(replica_set) && !name.is_empty() => {
            vec![name, rest]
        }
        _ => vec![rest],
    }
}

#[cfg(test)]
mod tests {
    use paramedic_domain::alert::AlertStatus;

    use super::*;
    use crate::topology::{Edge, Relation, Topology};

    fn alert(labels: &[(&str, &str)]) -> Alert {
        Alert {
            fingerprint: "f".into(),
            status: AlertStatus::Firing,
            labels: labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            annotations: [].into(),
            starts_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            ends_at: None,
            generator_url: String::new(),
            group_key: String::new(),
        }
    }

    fn graph() -> Graph {
        let entity = |text: &str| text.parse::<Entity>().unwrap();
        let edge = |from: &str, to: &str, relation| Edge {
            from: entity(from),
            to: entity(to),
            relation,
        };
        let mut graph = Graph::default();
        graph.replace(&Topology {
            edges: vec![
                edge("Deployment/shop/cart", "Pod/shop/cart-7d9f4c5b6-x2x4q", Relation::Owns),
                edge("Service/shop/cart-svc", "Deployment/shop/cart", Relation::Selects),
                edge("Pod/shop/cart-7d9f4c5b6-x2x4q", "Node/n1", Relation::RunsOn),
                edge("Deployment/shop/cart", "Secret/shop/cart-tls", Relation::Uses),
            ],
            ..Topology::default()
        });
        graph
    }

    #[test]
    fn labels_of_one_workload_lead_to_one_component() {
        let mut graph = graph();
        let cart = locate(&alert(&[("namespace", "shop"), ("deployment", "cart")]), &mut graph);
        for labels in [
            &[("namespace", "shop"), ("pod", "cart-7d9f4c5b6-x2x4q")][..],
            // A pod that is gone already.
            &[("namespace", "shop"), ("pod", "cart-7d9f4c5b6-zzzzz")],
            &[("namespace", "shop"), ("service", "cart-svc")],
            &[("service", "cart-svc")],
            &[("namespace", "shop"), ("job", "cart")],
            &[("instance", "https://cart-svc.shop.svc:443/health"), ("job", "blackbox")],
            &[
                ("alertname", "CertManagerCertNotReady"),
                ("namespace", "cert-manager"),
                ("exported_namespace", "shop"),
                ("name", "cart-tls"),
            ],
            &[
                ("namespace", "shop"),
                ("pod", "cart-7d9f4c5b6-zzzzz"),
                ("service", "kube-state-metrics"),
            ],
        ] {
            assert_eq!(locate(&alert(labels), &mut graph), cart, "{labels:?}");
        }
        let node = locate(&alert(&[("instance", "n1:9100"), ("job", "node-exporter")]), &mut graph);
        assert_eq!(graph.entity(node).to_string(), "Node/n1");
    }

    #[test]
    fn strangers_about_the_same_thing_meet() {
        let mut graph = Graph::default();
        let one = locate(&alert(&[("namespace", "a"), ("pod", "web-5f6d8-abcde")]), &mut graph);
        assert_eq!(one, locate(&alert(&[("namespace", "a"), ("pod", "web-5f6d8-fghij")]), &mut graph));
        assert_ne!(one, locate(&alert(&[("namespace", "b"), ("pod", "web-5f6d8-abcde")]), &mut graph));
    }

    #[test]
    fn a_name_that_only_looks_generated_is_left_whole() {
        assert_eq!(generated("web"), Vec::<&str>::new());
        assert_eq!(generated("my-oldest-cache1"), Vec::<&str>::new());
        assert_eq!(generated("db-0"), ["db"]);
        assert_eq!(generated("agent-x2x4q"), ["agent"]);
    }
}
