//! What the watch does when pods move, the API server is away, rights are missing and replicas die.

use paramedic_gateway::core::topology::{Relation, Snapshot};
use paramedic_testkit::eventually;

use super::range::{Mesh, Range, entity, has, nodes};

const SCENARIO: &str = "redis-storm";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pod_that_moves_to_another_node_changes_the_topology() {
    let range = Range::start(SCENARIO, &[]).await;
    let _replica = range.replica("").await;
    let first = range.until(|_| true).await;
    assert!(has(
        &first,
        "Deployment/shop/cart",
        Relation::Calls,
        "Service/infrastructure/redis-cluster"
    ));
    assert!(!first.topology.rules.is_empty(), "prometheus says how long rules wait");
    assert_eq!(first.facts.namespaces["shop"].environment.as_deref(), Some("production"));
    assert_eq!(first.facts.workloads[&entity("Deployment/shop/cart")].team.as_deref(), Some("shop"));
    let (before, left) = (nodes(&first, "shop", "cart"), range.move_pod("shop", "cart").await);
    assert!(before.contains(&left));
    let moved = range
        .until(|snapshot| {
            let now = nodes(snapshot, "shop", "cart");
            now.len() == before.len()
                && now.iter().filter(|node| **node == left).count() < before.iter().filter(|node| **node == left).count()
        })
        .await;
    assert_ne!(moved.digest(), first.digest());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_the_api_server_is_away_what_is_known_stays() {
    let range = Range::start(SCENARIO, &[]).await;
    let _replica = range.replica("").await;
    let first = range.until(|_| true).await;
    range.gate.set_closed(true);
    let left = range.move_pod("shop", "cart").await;
    let count = |all: &[String]| all.iter().filter(|node| **node == left).count();
    // In the cluster the pod has moved before anybody can see it.
    eventually!(pods_on(&range, &left).await < count(&nodes(&first, "shop", "cart")));
    let known = range.announced().await;
    range.gate.set_closed(false);
    range
        .until(|snapshot| count(&nodes(snapshot, "shop", "cart")) < count(&nodes(&first, "shop", "cart")))
        .await;
    for snapshot in range.announced().await.iter().skip(known.len().max(1)) {
        assert!(has(snapshot, "Service/shop/cart", Relation::Selects, "Deployment/shop/cart"));
        assert!(has(
            snapshot,
            "Deployment/shop/cart",
            Relation::Calls,
            "Service/infrastructure/redis-cluster"
        ));
    }
}

/// Pods of the cart on a node, as the cluster itself has it.
async fn pods_on(range: &Range, node: &str) -> usize {
    let (pods, _) = range
        .simulator
        .store()
        .list(&paramedic_simulator::store::Gvr::new("", "v1", "pods"), Some("shop"));
    let of_cart = pods.iter().filter(|pod| pod["metadata"]["labels"]["app"] == "cart");
    of_cart.filter(|pod| pod["spec"]["nodeName"] == node).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_second_replica_goes_on_when_the_first_dies() {
    let range = Range::start(SCENARIO, &[]).await;
    let first = range.replica("").await;
    let seen = range.until(|_| true).await;
    let _second = range.replica("").await;
    drop(first);
    let left = range.move_pod("shop", "cart").await;
    let count = |all: &[String]| all.iter().filter(|node| **node == left).count();
    range
        .until(|snapshot| count(&nodes(snapshot, "shop", "cart")) < count(&nodes(&seen, "shop", "cart")))
        .await;
    // Nothing was said twice in a row.
    let digests: Vec<_> = range.announced().await.iter().map(|snapshot| snapshot.digest()).collect();
    assert!(digests.windows(2).all(|pair| pair[0] != pair[1]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_measured_stays_when_prometheus_and_the_leader_are_gone() {
    let range = Range::start(SCENARIO, &[]).await;
    let mesh = Mesh::start().await;
    let first = range.replica_with("", &mesh.url).await;
    let measured = |snapshot: &Snapshot| {
        has(
            snapshot,
            "Deployment/shop/recommendations",
            Relation::Calls,
            "Service/fulfilment/shipping",
        )
    };
    let seen = range.until(measured).await;
    let url = mesh.url.clone();
    drop((first, mesh));
    let _second = range.replica_with("", &url).await;
    let left = range.move_pod("shop", "cart").await;
    let count = |snapshot: &Snapshot| nodes(snapshot, "shop", "cart").iter().filter(|node| **node == left).count();
    let moved = range.until(|snapshot| count(snapshot) < count(&seen)).await;
    assert!(measured(&moved));
    assert_eq!(moved.topology.rules, seen.topology.rules);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn kinds_that_may_not_be_read_are_done_without() {
    let range = Range::start("cascading-failure", &["/replicasets", "/configmaps", "/endpointslices"]).await;
    let _replica = range.replica("").await;
    let snapshot = range.until(|_| true).await;
    let service = "Service/production/fraud-detection-service";
    assert!(has(
        &snapshot,
        service,
        Relation::Selects,
        "Deployment/production/fraud-detection-service"
    ));
    assert!(has(
        &snapshot,
        "Deployment/production/fraud-detection-service",
        Relation::Uses,
        "ConfigMap/production/fraud-detection-config"
    ));
    // The host stands in the ConfigMap.
    assert!(!has(
        &snapshot,
        "Deployment/production/fraud-detection-service",
        Relation::Calls,
        "Service/production/fraud-detection-db"
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn where_rights_end_at_namespaces_only_those_are_read() {
    let range = Range::start(SCENARIO, &["/api/v1/pods", "/apis/apps/v1/deployments"]).await;
    let _replica = range.replica("namespaces = ['shop', 'infrastructure']").await;
    let snapshot = range.until(|_| true).await;
    assert!(has(
        &snapshot,
        "Deployment/shop/cart",
        Relation::Calls,
        "Service/infrastructure/redis-cluster"
    ));
    let accounts = snapshot
        .topology
        .entities
        .iter()
        .filter(|entity| entity.namespace.as_deref() == Some("accounts"));
    assert_eq!(accounts.count(), 0);
    // Namespaces themselves are outside of them.
    assert!(snapshot.facts.namespaces.contains_key("accounts"));
}
