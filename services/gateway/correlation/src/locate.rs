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

/// The component that an alert is about; strangers get one of their own.
pub fn locate(alert: &Alert, graph: &mut Graph) -> Component {
    known(alert, graph).unwrap_or_else(|| {
        let entity = stranger(alert);
        graph.stranger(entity)
    })
}

fn known(alert: &Alert, graph: &Graph) -> Option<Component> {
    let namespace = alert.label("namespace");
    let of = |kind: &str, name: &str| graph.component(&entity(kind, namespace, name));
    let named = |name: &str| match namespace {
        "" => graph.named_anywhere(name),
        _ => graph.named(namespace, name),
    };
    let given = |label: &'static str| Some(alert.label(label)).filter(|name| !name.is_empty());
    let workload = WORKLOADS.iter().find_map(|(label, kind)| {
        let name = given(label)?;
        of(kind, name).or_else(|| named(name))
    });
    let pod = || {
        let name = given("pod").filter(|name| !is_reporter(name))?;
        of("Pod", name)
            .or_else(|| named(name))
            .or_else(|| generated(name).into_iter().find_map(named))
    };
    let object = || OBJECTS.iter().find_map(|(label, kind)| of(kind, given(label)?));
    let service = || {
        SERVICES
            .iter()
            .filter_map(|label| given(label))
            .filter(|name| !is_reporter(name))
            .find_map(|name| of("Service", name).or_else(|| named(name)))
    };
    let node = || {
        let node = given("node").and_then(|name| graph.component(&Entity::of_cluster("Node", name)));
        node.or_else(|| graph.component(&Entity::of_cluster("Node", host(given("instance")?))))
    };
    let zone = || {
        let name = given("zone").or_else(|| given("topology_kubernetes_io_zone"))?;
        graph.component(&Entity::of_cluster("Zone", name))
    };
    let job = || given("job").filter(|name| !is_reporter(name)).and_then(named);
    let all = || graph.component(&Entity::of_cluster("Namespace", given("namespace")?));
    workload
        .or_else(pod)
        .or_else(object)
        .or_else(service)
        .or_else(node)
        .or_else(zone)
        .or_else(job)
        .or_else(all)
}

/// A name for what no topology knows, so that at least alerts about the same thing meet.
fn stranger(alert: &Alert) -> Entity {
    let namespace = alert.label("namespace");
    let given = |label: &str| Some(alert.label(label)).filter(|name| !name.is_empty()).map(ToOwned::to_owned);
    let workload = WORKLOADS
        .iter()
        .find_map(|(label, kind)| Some(entity(kind, namespace, &given(label)?)));
    let pod = || {
        let name = given("pod").filter(|name| !is_reporter(name))?;
        let workload = generated(&name).into_iter().next().unwrap_or(&name).to_owned();
        Some(entity("Workload", namespace, &workload))
    };
    let service = || {
        let name = SERVICES.iter().filter_map(|label| given(label)).find(|name| !is_reporter(name))?;
        Some(entity("Workload", namespace, &name))
    };
    let node = || given("node").map(|name| Entity::of_cluster("Node", &name));
    let instance = || given("instance").map(|name| Entity::of_cluster("Instance", host(&name)));
    let all = || given("namespace").map(|name| Entity::of_cluster("Namespace", &name));
    workload
        .or_else(pod)
        .or_else(service)
        .or_else(node)
        .or_else(instance)
        .or_else(all)
        .unwrap_or_else(|| Entity::of_cluster("Alert", alert.name()))
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

/// `10.0.0.1:9100` -> `10.0.0.1`.
fn host(instance: &str) -> &str {
    instance.rsplit_once(':').map_or(instance, |(host, _)| host)
}

/// Names of workloads that may have made a pod of this name: without the pod's own five characters and the ReplicaSet's hash
/// (Deployment), without the ordinal (StatefulSet) or the five characters (DaemonSet, Job).
fn generated(pod: &str) -> Vec<&str> {
    let Some((rest, own)) = pod.rsplit_once('-') else {
        return Vec::new();
    };
    let hash = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let ordinal = own.bytes().all(|b| b.is_ascii_digit());
    if !ordinal && !(own.len() == 5 && hash(own)) {
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
