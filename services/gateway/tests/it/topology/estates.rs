//! The estates of the drills, as the watch sees them.

use std::collections::BTreeSet;

use paramedic_gateway::core::topology::{Relation, Snapshot};

use super::range::Range;

/// Who calls whom, by name.
fn calls(snapshot: &Snapshot) -> BTreeSet<String> {
    let calls = snapshot.topology.edges.iter().filter(|edge| edge.relation == Relation::Calls);
    calls.map(|edge| format!("{} -> {}", edge.from.name, edge.to.name)).collect()
}

async fn watched(scenario: &str) -> Snapshot {
    let range = Range::start(scenario, &[]).await;
    let _replica = range.replica("").await;
    range.until(|_| true).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_estate_is_seen_as_it_is_configured() {
    let table: [(&str, usize, &[&str]); 4] = [
        ("bad-release", 1, &[]),
        (
            "cascading-failure",
            7,
            &[
                "cart -> checkout-service",
                "checkout-service -> fraud-detection-service",
                "checkout-service -> payment-gateway",
                "fraud-detection-service -> fraud-detection-db",
                "order-api -> checkout-service",
                "payment-gateway -> fraud-detection-service",
            ],
        ),
        (
            "db-deadlock",
            4,
            &["order-api -> orders-db", "order-reconcile -> orders-db", "storefront -> order-api"],
        ),
        ("gateway-503", 1, &[]),
    ];
    for (scenario, services, expected) in table {
        let snapshot = watched(scenario).await;
        let expected: BTreeSet<String> = expected.iter().map(|call| (*call).to_owned()).collect();
        assert_eq!(calls(&snapshot), expected, "{scenario}");
        let selects = |edge: &&paramedic_gateway::core::topology::Edge| edge.relation == Relation::Selects && edge.from.kind == "Service";
        assert_eq!(snapshot.topology.edges.iter().filter(selects).count(), services, "{scenario}");
        let pods = snapshot.topology.entities.iter().filter(|entity| entity.kind == "Pod").count();
        let running = snapshot
            .topology
            .edges
            .iter()
            .filter(|edge| edge.relation == Relation::RunsOn)
            .count();
        assert!(pods > 0 && running <= pods, "{scenario}: {running} of {pods} pods run somewhere");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_whole_estate_of_a_storm_needs_its_cache() {
    let found = calls(&watched("redis-storm").await);
    let callers: Vec<&String> = found.iter().filter(|call| call.ends_with(" -> redis-cluster")).collect();
    assert_eq!(callers.len(), 14, "{found:#?}");
}
