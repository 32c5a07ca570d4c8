//! The workflows people know from their runbooks, from the first alert to the measured end, each in a simulated cluster.

use crate::cast::{actions, drill, mutations};

#[test]
fn a_cascade_is_ended_at_its_root_and_then_its_callers_are_restarted() {
    let report = drill("cascading-failure");
    assert_eq!(report["diagnosis"]["category"], "db_pool_exhaustion");
    let actions = actions(&report);
    for action in ["patch_config_map", "rolling_restart", "scale", "health_check", "verify_recovery"] {
        assert!(actions.contains(&action), "{action}: {actions:?}");
    }
    let mutations = mutations(&report);
    let at = |part: &str| mutations.iter().position(|(_, path)| path.contains(part)).unwrap();
    assert!(
        at("configmaps/fraud-detection-config") < at("pods/fraud-detection-service"),
        "{mutations:?}"
    );
    assert!(
        at("pods/fraud-detection-service") < at("pods/checkout-service"),
        "the root first: {mutations:?}"
    );
    assert!(
        mutations.iter().all(|(_, path)| !path.contains("fraud-detection-db")),
        "the database is left alone"
    );
    assert!(
        mutations.iter().all(|(_, path)| !path.contains("product-catalog")),
        "neighbours are left alone"
    );
}

#[test]
fn a_storm_ends_with_the_two_pods_that_caused_it_and_nothing_else_is_touched() {
    let report = drill("redis-storm");
    assert_eq!(report["diagnosis"]["category"], "dependency_failure");
    let actions = actions(&report);
    assert_eq!(actions[0], "correlate_alerts");
    assert!(
        actions.contains(&"silence_alerts") && actions.contains(&"restart_statefulset"),
        "{actions:?}"
    );
    let mutations = mutations(&report);
    assert_eq!(
        mutations,
        [
            ("delete", "/api/v1/namespaces/infrastructure/pods/redis-cluster-1"),
            ("delete", "/api/v1/namespaces/infrastructure/pods/redis-cluster-4")
        ]
    );
}

#[test]
fn deadlocks_end_with_the_job_that_held_the_locks() {
    let report = drill("db-deadlock");
    assert_eq!(report["diagnosis"]["category"], "db_deadlock");
    assert_eq!(
        actions(&report),
        [
            "collect_diagnostics",
            "suspend_cronjob",
            "suspend_job",
            "verify_recovery",
            "notify_only",
            "notify_only"
        ]
    );
    let mutations = mutations(&report);
    assert_eq!(mutations.len(), 2, "{mutations:?}");
    assert!(
        mutations
            .iter()
            .all(|(verb, path)| *verb == "patch" && path.contains("/order-reconcile")),
        "{mutations:?}"
    );
}
