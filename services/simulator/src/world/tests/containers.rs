//! Containers: kills, restarts, logs, files.

use super::*;
use crate::api::{
    backend::{Kubelets, LogQuery},
    metrics::UsageSource,
};

#[test]
fn the_payment_scenario_begins_as_its_description_says() {
    let world = payment();
    assert_eq!(world.clock().now(), ORIGIN.parse().unwrap());
    let all = pods(&world, "payment-service");
    assert_eq!((all.len(), ready(&all)), (4, 4));
    let sets = world.store().list(&Gvr::replica_sets(), NS).0;
    let mine = sets.iter().filter(|set| obj::labels(set).get("app") == Some(&"payment-service"));
    let mut ages: Vec<_> = mine.map(|set| obj::text(set, "/metadata/creationTimestamp")).collect();
    ages.sort_unstable();
    assert_eq!(
        ages,
        ["2026-02-01T12:00:00Z", "2026-03-01T12:00:00Z"],
        "the last rollout is nine days old"
    );
    let status = deployment(&world, "production", "payment-service")["status"].clone();
    assert_eq!(status["availableReplicas"], 4);
    for condition in status["conditions"].as_array().unwrap() {
        assert_eq!(condition["lastTransitionTime"], "2026-03-01T12:00:00Z", "{condition}");
    }
    assert_eq!(status_of(&victim(&world))["restartCount"], 2);
    assert_eq!(status_of(&victim(&world))["lastState"]["terminated"]["reason"], "OOMKilled");
}

#[test]
fn the_leaking_container_is_killed_when_the_model_says_and_comes_back() {
    let world = payment();
    let name = obj::name(&victim(&world)).to_owned();
    let leaking = || {
        let usage = world.pod_usage("production", &name)?;
        Some(usage[0].memory_bytes as f64 / 1_048_576.0)
    };
    assert!(leaking().unwrap() > 2047.5, "about to reach 2 GiB");
    // (2048 - 2047.88) MiB at 50 MiB/h are 8.64 s.
    live(&world, 8);
    assert_eq!(status_of(&victim(&world))["restartCount"], 2);
    live(&world, 1);
    assert_eq!(leaking(), None, "between two runs there is nothing to measure");
    live(&world, 1);
    let pod = victim(&world);
    let status = status_of(&pod);
    assert_eq!(status["restartCount"], 3);
    assert_eq!(status["lastState"]["terminated"]["reason"], "OOMKilled");
    assert_eq!(status["lastState"]["terminated"]["exitCode"], 137);
    assert_eq!(status["lastState"]["terminated"]["finishedAt"], "2026-03-10T12:00:08Z");
    assert_eq!(status["ready"], false);
    live(&world, 15);
    assert_eq!(
        status_of(&victim(&world))["ready"],
        true,
        "ready again fifteen seconds after its start"
    );
    let after_restart = leaking().unwrap();
    assert!((539.0..542.0).contains(&after_restart), "{after_restart} MiB");
}

#[test]
fn a_deleted_pod_stops_gracefully_and_is_replaced() {
    let world = payment();
    let name = obj::name(&victim(&world)).to_owned();
    obj::delete_pod(world.store(), &victim(&world), world.clock().now());
    live(&world, 1);
    let there = world.store().get(&Gvr::pods(), NS, &name).unwrap();
    assert!(
        obj::deleting(&there) && !obj::is_true(&there, "Ready"),
        "it drains for four seconds"
    );
    live(&world, 4);
    assert!(world.store().get(&Gvr::pods(), NS, &name).is_none());
    live(&world, 20);
    let all = pods(&world, "payment-service");
    assert_eq!((all.len(), ready(&all)), (4, 4));
    let slices = world.store().list(&Gvr::endpoint_slices(), NS).0;
    let slice = slices
        .iter()
        .find(|slice| obj::labels(slice).get("kubernetes.io/service-name") == Some(&"payment-service"));
    assert_eq!(slice.unwrap()["endpoints"].as_array().unwrap().len(), 4);
}

#[test]
fn logs_show_the_pool_growing_and_the_profile_only_when_asked_for() {
    let world = payment();
    let name = obj::name(&victim(&world)).to_owned();
    let query = LogQuery {
        namespace: "production",
        pod: &name,
        container: "payment-service",
        previous: false,
        since: None,
        tail: Some(20),
    };
    let lines = world.logs(&query).unwrap();
    assert_eq!(lines.len(), 20);
    assert!(lines.is_sorted_by_key(|line| line.at));
    let pool = lines
        .iter()
        .find(|line| line.text.contains("coroutine pool size 181"))
        .expect("the pool is about full");
    assert!(pool.at <= world.clock().now());
    assert!(lines.iter().all(|line| !line.text.contains("memory profile")));
    assert!(
        world
            .logs(&LogQuery {
                previous: true,
                ..query.clone()
            })
            .is_some()
    );
    edit(&world, "production", "payment-service", |d| {
        container(d)["args"].as_array_mut().unwrap().push(json!("--memory-profile=true"));
    });
    live(&world, 180);
    let name = obj::name(&pods(&world, "payment-service")[0]).to_owned();
    let all = world
        .logs(&LogQuery {
            pod: &name,
            tail: None,
            ..query
        })
        .unwrap();
    assert!(all[0].text.contains("--memory-profile=true"));
    assert!(all.iter().any(|line| line.text.contains("memory profile")));
    assert!(
        world
            .logs(&LogQuery {
                namespace: "production",
                pod: &name,
                container: "payment-service",
                previous: true,
                since: None,
                tail: None
            })
            .is_none()
    );
}

#[test]
fn diagnostics_can_be_read_from_inside_a_container() {
    let world = payment();
    let name = obj::name(&victim(&world)).to_owned();
    let exec = |argv: &[&str]| {
        let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        world.exec("production", &name, "payment-service", &argv, &[]).unwrap()
    };
    let listing = String::from_utf8(exec(&["ls", "/var/log/payments"]).stdout).unwrap();
    assert_eq!(listing, "audit\ntransactions.log\ntransactions.log.1\n");
    let tar = exec(&["tar", "cf", "-", "-C", "/var/log", "payments"]);
    assert_eq!(tar.code, 0);
    assert_eq!(&tar.stdout[257..262], b"ustar");
    let zipped = exec(&["sh", "-c", "tar czf - /var/log/payments"]);
    assert_eq!(&zipped.stdout[..2], &[0x1f, 0x8b]);
    let relative = exec(&["tar", "cf", "-", "-C", "/", "var/log/payments"]);
    assert!(relative.stdout.starts_with(b"var/"));
    let dump = String::from_utf8(exec(&["payment-debug", "heap-dump", "--stdout"]).stdout).unwrap();
    assert!(dump.contains("settlementTask   181"), "{dump}");
    let missing = exec(&["tar", "cf", "-", "/nowhere"]);
    assert_eq!(missing.code, 2);
    assert_eq!(exec(&["rm", "-rf", "/"]).code, 127);
    assert_eq!(exec(&["cat", "/sys/fs/cgroup/memory.max"]).stdout, b"2147483648\n");
}

#[test]
fn the_same_seed_gives_the_same_cluster() {
    let names = |world: &World| {
        pods(world, "payment-service")
            .iter()
            .map(|pod| obj::uid(pod).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&payment()), names(&payment()));
}

#[test]
fn the_last_words_of_a_crashed_container_are_kept() {
    let world = boot(&Scenario::builtin("bad-release").unwrap());
    let all = pods(&world, "cart-api");
    let broken = all.iter().find(|pod| !obj::is_true(pod, "Ready")).unwrap();
    let query = LogQuery {
        namespace: "shop",
        pod: obj::name(broken),
        container: "cart-api",
        previous: true,
        since: None,
        tail: None,
    };
    let lines = world.logs(&query).unwrap();
    assert!(lines.last().unwrap().text.contains("CART_CURRENCY_SOURCE is required"), "{lines:?}");
    let exec = world.exec("shop", obj::name(broken), "cart-api", &["date".to_owned()], &[]);
    assert!(exec.is_err(), "nothing runs in a container that waits");
}

#[test]
fn a_limit_below_the_working_set_kills_again_and_again() {
    let world = payment();
    world
        .store()
        .update(&Gvr::deployments(), NS, "ledger-api", &mut |d| {
            d["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] = json!("128Mi");
            Ok(())
        })
        .unwrap();
    live(&world, 120);
    let all = pods(&world, "ledger-api");
    let killed = all
        .iter()
        .find(|pod| status_of(pod)["lastState"]["terminated"]["reason"] == "OOMKilled");
    let status = status_of(killed.expect("160 MiB do not fit into 128Mi"));
    assert!(status["restartCount"].as_i64().unwrap() >= 3, "{status}");
    assert_eq!(status["state"]["waiting"]["reason"], "CrashLoopBackOff");
}

/// A deployment whose limit is 256 MiB, and what is wrong with it.
fn limited(faults: &str) -> (Value, String) {
    let mut web = super::rest::deployment("web", 2);
    web["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({"limits": {"memory": "256Mi"}});
    (
        web,
        format!("workloads:\n  - {{namespace: shop, name: web, startup: 5s, memory: {{base_mib: 200}}, faults: [{faults}]}}\n"),
    )
}

#[tokio::test]
async fn memory_that_is_needed_now_and_then_kills_only_below_a_limit_that_is_large_enough() {
    let (web, rest) = limited("{memory_peaks: {every: 3m, lasts: 40s, mib: 300}}");
    let cluster = super::rest::Cluster::new(&[web], &rest);
    let restarts = async || {
        let pods = cluster.items("/api/v1/namespaces/shop/pods").await;
        pods.iter().map(|pod| status_of(pod)["restartCount"].as_i64().unwrap()).sum::<i64>()
    };
    cluster.live(180);
    assert_eq!(restarts().await, 0);
    cluster.live(20);
    assert_eq!(restarts().await, 2, "56 of 100 MiB of the rise fit: the kernel kills at 11 of 20 s");
    let killed = cluster.items("/api/v1/namespaces/shop/pods").await;
    assert_eq!(status_of(&killed[0])["lastState"]["terminated"]["reason"], "OOMKilled");
    let larger = json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "resources": {"limits": {"memory": "512Mi"}}}]}}}});
    let path = "/apis/apps/v1/namespaces/shop/deployments/web";
    cluster.send("PATCH", path, "application/strategic-merge-patch+json", &larger).await;
    let mut most = 0;
    cluster.watch(600, |world| {
        let usage = pods(world, "web")
            .iter()
            .filter_map(|pod| world.pod_usage("shop", obj::name(pod)))
            .flatten()
            .map(|usage| usage.memory_bytes)
            .max();
        most = most.max(usage.unwrap_or(0) / 1_048_576);
    });
    assert_eq!(restarts().await, 0);
    assert!((200..=300).contains(&most), "{most}");
}

#[tokio::test]
async fn a_fault_of_the_first_pods_ends_with_them() {
    let (web, rest) = limited("{when: {first_pods: true}, memory_base_mib: 400}");
    let cluster = super::rest::Cluster::old(&[web], &format!("warmup: 2m\n{rest}"));
    let all = cluster.items("/api/v1/namespaces/shop/pods").await;
    assert!(all.iter().all(|pod| status_of(pod)["restartCount"].as_i64().unwrap() > 1));
    for pod in &all {
        cluster.delete(&format!("/api/v1/namespaces/shop/pods/{}", obj::name(pod))).await;
    }
    cluster.live(60);
    let all = cluster.items("/api/v1/namespaces/shop/pods").await;
    assert_eq!((all.len(), ready(&all)), (2, 2));
}
