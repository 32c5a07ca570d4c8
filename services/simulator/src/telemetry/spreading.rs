//! Faults that spread: what breaks at the root shows everywhere, and ends everywhere when the root is mended.

use std::sync::Arc;

use serde_json::json;

use super::{
    promql::{self, Value},
    source::View,
};
use crate::{
    scenario::Scenario,
    store::Gvr,
    world::{World, obj, tests as world},
};

fn boot(name: &str) -> Arc<World> {
    world::boot(&Scenario::builtin(name).unwrap())
}

/// The samples of an instant query, now.
fn ask(world: &World, query: &str) -> Vec<f64> {
    let expr = promql::parse(query).unwrap();
    match promql::instant(&View::of(world), &expr, obj::secs(world.clock().now())).unwrap() {
        Value::Vector(samples) => samples.into_iter().map(|(_, value)| value).collect(),
        other => panic!("{query} gives a {}", other.kind()),
    }
}

fn number(world: &World, query: &str) -> f64 {
    let found = ask(world, query);
    assert_eq!(found.len(), 1, "{query}: {found:?}");
    found[0]
}

/// How many samples each rule of the scenario matches now.
fn matching(world: &World) -> Vec<(String, usize)> {
    let rules = &world.scenario().rules;
    rules
        .iter()
        .map(|rule| (rule.alert.clone(), ask(world, &rule.expr).len()))
        .collect()
}

fn errors(service: &str) -> String {
    format!(
        "sum(rate(http_requests_total{{service=\"{service}\",code=~\"5..\"}}[1m])) / sum(rate(http_requests_total{{service=\"{service}\"}}[1m]))"
    )
}

fn restart(world: &World, namespace: &str, deployment: &str) {
    obj::change(world.store(), &Gvr::deployments(), namespace, deployment, |object| {
        object["spec"]["template"]["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/restartedAt": "2026-03-10T12:05:00Z"});
    });
}

#[test]
fn a_pool_that_is_too_small_breaks_its_callers_until_it_is_raised_and_read() {
    let world = boot("cascading-failure");
    world::live(&world, 60);
    assert!(matching(&world).iter().all(|(_, count)| *count > 0), "{:?}", matching(&world));
    assert!((0.65..0.75).contains(&number(&world, &errors("checkout-service"))));
    assert!(number(&world, "sum(db_pool_waiting_requests offset 3m)") < 1.0, "it began");
    assert_eq!(
        number(&world, "pg_stat_activity_count{application_name=\"fraud-detection-service\"}"),
        500.0
    );

    restart(&world, "production", "checkout-service");
    world::live(&world, 180);
    assert!(
        number(&world, &errors("checkout-service")) > 0.6,
        "a restart of a caller cures nothing"
    );

    obj::change(world.store(), &Gvr::config_maps(), "production", "fraud-detection-config", |map| {
        map["data"]["DATABASE_POOL_SIZE"] = json!("200");
    });
    world::live(&world, 120);
    assert!(
        number(&world, &errors("checkout-service")) > 0.6,
        "a value that nobody has read cures nothing"
    );
    restart(&world, "production", "fraud-detection-service");
    world::live(&world, 300);
    assert!(number(&world, &errors("checkout-service")) < 0.01);
    assert_eq!(
        matching(&world).iter().map(|(_, count)| count).sum::<usize>(),
        0,
        "{:?}",
        matching(&world)
    );
}

#[test]
fn two_broken_pods_of_a_shared_cache_storm_and_their_restart_ends_it() {
    let world = boot("redis-storm");
    world::live(&world, 90);
    let count = |names: &[&str]| -> usize {
        let all = matching(&world);
        all.iter().filter(|(name, _)| names.contains(&name.as_str())).map(|(_, n)| n).sum()
    };
    let background = [
        "Watchdog",
        "CPUThrottlingHigh",
        "KubeJobFailed",
        "CertificateExpiresSoon",
        "InfoInhibitor",
    ];
    let all: usize = matching(&world).iter().map(|(_, n)| n).sum();
    assert_eq!(count(&background), 6, "{:?}", matching(&world));
    assert_eq!(all - count(&background), 50, "{:?}", matching(&world));
    assert_eq!(number(&world, "min(redis_cluster_state)"), 0.0);
    assert_eq!(number(&world, "kube_statefulset_status_replicas_ready"), 4.0);

    for pod in ["redis-cluster-1", "redis-cluster-4"] {
        let object = world.store().get_shared(&Gvr::pods(), Some("infrastructure"), pod).unwrap();
        obj::delete_pod(world.store(), &object, world.clock().now());
        world::live(&world, 60);
    }
    world::live(&world, 180);
    assert_eq!(number(&world, "min(redis_cluster_state)"), 1.0);
    assert_eq!(number(&world, "kube_statefulset_status_replicas_ready"), 6.0);
    let left: Vec<_> = matching(&world)
        .into_iter()
        .filter(|(name, n)| *n > 0 && !background.contains(&name.as_str()))
        .collect();
    assert_eq!(left, [], "the storm is over");
}

#[test]
fn deadlocks_last_as_long_as_the_job_that_takes_its_locks_the_other_way_round() {
    let world = boot("db-deadlock");
    world::live(&world, 30);
    let rate = "sum(rate(pg_stat_database_deadlocks[5m]))";
    assert!((0.5..0.7).contains(&number(&world, rate)), "{}", number(&world, rate));
    assert!(number(&world, "pg_stat_activity_max_tx_duration") > 500.0);
    assert!(matching(&world).iter().all(|(_, n)| *n == 1), "{:?}", matching(&world));
    let jobs = world.store().list_shared(&Gvr::jobs(), Some("production")).0;
    let running: Vec<_> = jobs.iter().filter(|job| job["status"]["active"] == 1).collect();
    assert_eq!(running.len(), 1);
    let name = obj::name(running[0]).to_owned();
    obj::change(world.store(), &Gvr::jobs(), "production", &name, |job| {
        job["spec"]["suspend"] = json!(true)
    });
    world::live(&world, 400);
    assert_eq!(number(&world, rate), 0.0);
    assert_eq!(ask(&world, "pg_stat_activity_max_tx_duration"), Vec::<f64>::new());
    assert!(matching(&world).iter().all(|(_, n)| *n == 0), "{:?}", matching(&world));
}
