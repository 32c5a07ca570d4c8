use serde_json::{Value, json};

use super::*;
use crate::core::topology::{
    Kind,
    measured::{Call, End},
    read::{FactKeys, read},
};

fn keys() -> FactKeys {
    FactKeys {
        enabled: "paramedic.io/enabled".into(),
        environment: vec!["environment".into()],
        team: vec!["team".into()],
    }
}

fn inventory(objects: Vec<(Kind, Value)>) -> Inventory {
    let mut inventory = Inventory::default();
    for (kind, object) in objects {
        inventory.put(read(kind, &object, &keys()).unwrap_or_else(|| panic!("{kind} {object}")));
    }
    inventory
}

fn named(name: &str) -> Value {
    json!({"name": name, "namespace": "shop"})
}

fn of(name: &str, kind: &str, owner: &str, labels: &Value) -> Value {
    json!({"name": name, "namespace": "shop", "labels": labels, "ownerReferences": [{"kind": kind, "name": owner, "controller": true}]})
}

/// A Deployment with one pod on a node.
fn deployment(name: &str, container: &Value) -> Vec<(Kind, Value)> {
    let labels = json!({"app": name});
    let set = format!("{name}-5d8f");
    vec![
        (
            Kind::Deployment,
            json!({"metadata": named(name), "spec": {"template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}}}}),
        ),
        (Kind::ReplicaSet, json!({"metadata": of(&set, "Deployment", name, &labels)})),
        (
            Kind::Pod,
            json!({"metadata": of(&format!("{set}-abcde"), "ReplicaSet", &set, &labels), "spec": {"nodeName": "n1"}}),
        ),
    ]
}

fn service(name: &str, app: &str) -> (Kind, Value) {
    (Kind::Service, json!({"metadata": named(name), "spec": {"selector": {"app": app}}}))
}

/// Edges as words, without those between Deployment, ReplicaSet, pod and node.
fn edges(inventory: &Inventory, measured: &Measured) -> Vec<String> {
    let passing = |entity: &Entity| ["Pod", "ReplicaSet", "Node"].contains(&entity.kind.as_str());
    let snapshot = build(inventory, measured);
    let lasting = snapshot
        .topology
        .edges
        .iter()
        .filter(|edge| !passing(&edge.from) && !passing(&edge.to));
    let mut words: Vec<String> = lasting
        .map(|edge| format!("{} {:?} {}", edge.from, edge.relation, edge.to))
        .collect();
    words.sort();
    words
}

#[test]
fn a_deployment_is_led_to_made_of_pods_and_runs_somewhere() {
    let mut objects = deployment("cart", &json!({}));
    objects.push(service("cart-svc", "cart"));
    objects.push((
        Kind::Node,
        json!({
            "metadata": {"name": "n1", "labels": {"topology.kubernetes.io/zone": "a"}},
            "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}, {"type": "Hostname", "address": "n1"}]},
        }),
    ));
    // History: no pods.
    objects.push((
        Kind::ReplicaSet,
        json!({"metadata": of("cart-0000", "Deployment", "cart", &json!({}))}),
    ));
    let snapshot = build(&inventory(objects), &Measured::default());
    let words: Vec<String> = snapshot
        .topology
        .edges
        .iter()
        .map(|edge| format!("{} {:?} {}", edge.from, edge.relation, edge.to))
        .collect();
    assert_eq!(
        words,
        [
            "Deployment/shop/cart Owns ReplicaSet/shop/cart-5d8f",
            "Instance/10.0.0.1 Selects Node/n1",
            "Node/n1 InZone Zone/a",
            "Pod/shop/cart-5d8f-abcde RunsOn Node/n1",
            "ReplicaSet/shop/cart-5d8f Owns Pod/shop/cart-5d8f-abcde",
            "Service/shop/cart-svc Selects Deployment/shop/cart",
        ]
    );
    assert!(!snapshot.topology.entities.iter().any(|entity| entity.name == "cart-0000"));
}

#[test]
fn without_replica_sets_their_names_lead_to_deployments() {
    let mut objects = deployment("cart", &json!({}));
    objects.retain(|(kind, _)| *kind != Kind::ReplicaSet);
    objects.push(service("cart", "cart"));
    assert_eq!(
        edges(&inventory(objects), &Measured::default()),
        ["Service/shop/cart Selects Deployment/shop/cart"]
    );
}

#[test]
fn calls_come_from_environment_arguments_and_the_config_maps_that_are_read() {
    let container = json!({
        "args": ["--backend=http://api"],
        "env": [
            {"name": "DB_HOST", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "db"}}},
            {"name": "SELF_URL", "value": "http://cart:80"},
            {"name": "NOBODY_HOST", "value": "nobody"},
        ],
        "envFrom": [{"secretRef": {"name": "login"}}],
    });
    let mut objects = deployment("cart", &container);
    for name in ["cart", "api", "db", "cache", "unread"] {
        objects.push(service(name, name));
    }
    objects.push((
        Kind::ConfigMap,
        json!({"metadata": named("settings"), "data": {"db": "db:5432", "other": "http://unread"}}),
    ));
    objects.push((Kind::ConfigMap, json!({"metadata": named("unused"), "data": {"x": "http://cache"}})));
    assert_eq!(
        edges(&inventory(objects), &Measured::default()),
        [
            "Deployment/shop/cart Calls Service/shop/api",
            "Deployment/shop/cart Calls Service/shop/db",
            "Deployment/shop/cart Uses ConfigMap/shop/settings",
            "Deployment/shop/cart Uses Secret/shop/login",
            "Service/shop/cart Selects Deployment/shop/cart",
        ]
    );
}

#[test]
fn people_may_declare_calls_at_a_workload_its_pods_or_its_service() {
    let mut objects = deployment("cart", &json!({}));
    objects[0].1["metadata"]["annotations"] = json!({"paramedic.io/calls": "db, worker"});
    objects[0].1["spec"]["template"]["metadata"]["annotations"] = json!({"paramedic.io/calls": "api"});
    let mut cart = service("cart", "cart");
    cart.1["metadata"]["annotations"] = json!({"paramedic.io/calls": "cache.shop,nobody.nowhere"});
    objects.push(cart);
    objects.extend(["db", "cache", "api"].map(|name| service(name, name)));
    // It has no Service.
    objects.push((Kind::StatefulSet, json!({"metadata": named("worker")})));
    assert_eq!(
        edges(&inventory(objects), &Measured::default()),
        [
            "Deployment/shop/cart Calls Service/shop/api",
            "Deployment/shop/cart Calls Service/shop/cache",
            "Deployment/shop/cart Calls Service/shop/db",
            "Deployment/shop/cart Calls StatefulSet/shop/worker",
            "Service/shop/cart Selects Deployment/shop/cart",
        ]
    );
}

#[test]
fn measured_calls_count_where_their_ends_are_known() {
    let end = |namespace: Option<&str>, name: &str| End {
        namespace: namespace.map(ToOwned::to_owned),
        name: name.into(),
    };
    let call = |from, to| Call { from, to };
    let mut objects = deployment("cart", &json!({}));
    objects.extend(deployment("web", &json!({})));
    objects.extend([service("cart", "cart"), service("front", "web")]);
    objects.push((
        Kind::Service,
        json!({"metadata": {"name": "twice", "namespace": "shop"}, "spec": {}}),
    ));
    objects.push((
        Kind::Service,
        json!({"metadata": {"name": "twice", "namespace": "other"}, "spec": {}}),
    ));
    let measured = Measured {
        calls: [
            call(end(Some("shop"), "web"), end(Some("shop"), "cart")),
            call(end(None, "cart"), end(None, "twice")),
            call(end(Some("shop"), "gone"), end(Some("shop"), "cart")),
            // Spans know the Service's name of what calls.
            call(end(None, "front"), end(None, "cart")),
        ]
        .into(),
        rules: Vec::new(),
    };
    let found = edges(&inventory(objects), &measured);
    let calls: Vec<&String> = found.iter().filter(|edge| edge.contains("Calls")).collect();
    assert_eq!(calls, ["Deployment/shop/web Calls Service/shop/cart"]);
}

#[test]
fn routes_autoscalers_budgets_policies_quotas_and_certificates_lead_somewhere() {
    let mut objects = deployment("cart", &json!({}));
    objects.extend([
        service("cart", "cart"),
        (
            Kind::Ingress,
            json!({"metadata": named("www"), "spec": {
                "tls": [{"secretName": "tls"}],
                "rules": [{"http": {"paths": [{"backend": {"service": {"name": "cart"}}}]}}],
            }}),
        ),
        (
            Kind::HorizontalPodAutoscaler,
            json!({"metadata": named("cart"), "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "cart"}}}),
        ),
        (
            Kind::PodDisruptionBudget,
            json!({"metadata": named("cart"), "spec": {"selector": {"matchLabels": {"app": "cart"}}}}),
        ),
        (
            Kind::NetworkPolicy,
            json!({"metadata": named("cart"), "spec": {"podSelector": {"matchLabels": {"app": "cart"}}}}),
        ),
        (
            Kind::NetworkPolicy,
            json!({"metadata": named("default-deny"), "spec": {"podSelector": {}}}),
        ),
        (Kind::ResourceQuota, json!({"metadata": named("compute")})),
        (Kind::Certificate, json!({"metadata": named("www"), "spec": {"secretName": "tls"}})),
        (
            Kind::Service,
            json!({"metadata": named("alias"), "spec": {"externalName": "cart.shop.svc.cluster.local"}}),
        ),
        (
            Kind::PersistentVolumeClaim,
            json!({"metadata": named("data"), "spec": {"volumeName": "pv-1"}}),
        ),
    ]);
    assert_eq!(
        edges(&inventory(objects), &Measured::default()),
        [
            "Deployment/shop/cart Uses NetworkPolicy/shop/cart",
            "HorizontalPodAutoscaler/shop/cart Selects Deployment/shop/cart",
            "Ingress/shop/www Calls Service/shop/cart",
            "Ingress/shop/www Uses Secret/shop/tls",
            "Namespace/shop Uses NetworkPolicy/shop/default-deny",
            "Namespace/shop Uses ResourceQuota/shop/compute",
            "PersistentVolumeClaim/shop/data Uses PersistentVolume/pv-1",
            "PodDisruptionBudget/shop/cart Selects Deployment/shop/cart",
            "Secret/shop/tls Uses Certificate/shop/www",
            "Service/shop/alias Calls Service/shop/cart",
            "Service/shop/cart Selects Deployment/shop/cart",
        ]
    );
}

#[test]
fn what_an_operator_makes_belongs_to_its_object() {
    let labels = json!({"app": "pg"});
    let objects = vec![
        (Kind::StatefulSet, json!({"metadata": of("pg", "Postgres", "main", &json!({}))})),
        (Kind::Pod, json!({"metadata": of("pg-0", "StatefulSet", "pg", &labels)})),
        (Kind::Deployment, json!({"metadata": of("query", "Jaeger", "traces", &json!({}))})),
        (
            Kind::Deployment,
            json!({"metadata": of("collector", "Jaeger", "traces", &json!({}))}),
        ),
        // An operator that makes pods by itself.
        (
            Kind::Pod,
            json!({"metadata": of("kafka-0", "StrimziPodSet", "kafka", &json!({"app": "kafka"}))}),
        ),
        service("pg", "pg"),
        service("kafka", "kafka"),
    ];
    assert_eq!(
        edges(&inventory(objects), &Measured::default()),
        [
            "Jaeger/shop/traces Selects Deployment/shop/collector",
            "Jaeger/shop/traces Selects Deployment/shop/query",
            "Postgres/shop/main Owns StatefulSet/shop/pg",
            "Service/shop/kafka Selects StrimziPodSet/shop/kafka",
            "Service/shop/pg Selects StatefulSet/shop/pg",
        ]
    );
}

#[test]
fn runs_of_a_cron_job_are_the_cron_job() {
    let spec = json!({"containers": [{"env": [{"name": "DB_HOST", "value": "db"}]}]});
    let objects = vec![
        (
            Kind::CronJob,
            json!({"metadata": named("backup"), "spec": {"jobTemplate": {"spec": {"template": {"spec": spec}}}}}),
        ),
        (
            Kind::Job,
            json!({"metadata": of("backup-1", "CronJob", "backup", &json!({"team": "data"})), "spec": {"template": {"spec": spec}}}),
        ),
        (Kind::Pod, json!({"metadata": of("backup-1-x", "Job", "backup-1", &json!({}))})),
        service("db", "db"),
    ];
    let inventory = inventory(objects);
    assert_eq!(
        edges(&inventory, &Measured::default()),
        [
            "CronJob/shop/backup Calls Service/shop/db",
            "CronJob/shop/backup Owns Job/shop/backup-1"
        ]
    );
    assert!(build(&inventory, &Measured::default()).facts.workloads.is_empty());
}

#[test]
fn a_service_without_a_selector_leads_where_its_endpoints_say() {
    let mut objects = deployment("cart", &json!({}));
    objects.push((Kind::Service, json!({"metadata": named("by-hand"), "spec": {}})));
    objects.push((
        Kind::EndpointSlice,
        json!({
            "metadata": {"name": "by-hand-1", "namespace": "shop", "labels": {"kubernetes.io/service-name": "by-hand"}},
            "endpoints": [{"targetRef": {"kind": "Pod", "name": "cart-5d8f-abcde"}}, {"addresses": ["10.1.1.1"]}],
        }),
    ));
    assert_eq!(
        edges(&inventory(objects), &Measured::default()),
        ["Service/shop/by-hand Selects Deployment/shop/cart"]
    );
}

#[test]
fn an_inventory_without_what_is_no_longer_listed_gives_another_snapshot() {
    let mut inventory = inventory(deployment("cart", &json!({})));
    let before = build(&inventory, &Measured::default());
    assert!(!inventory.retain(Kind::Pod, Some("other"), &BTreeSet::new()));
    assert!(inventory.retain(Kind::Pod, None, &BTreeSet::new()));
    assert_ne!(build(&inventory, &Measured::default()).digest(), before.digest());
    assert_eq!(inventory.count(Kind::Pod), 0);
}
