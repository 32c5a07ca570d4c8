//! Controllers: rollouts, scaling, quotas, garbage.

use super::*;

#[test]
fn a_template_patch_rolls_out_within_surge_and_availability() {
    let world = payment();
    live(&world, 30);
    edit(&world, "production", "payment-service", |d| {
        container(d)["resources"]["limits"]["memory"] = json!("3Gi");
    });
    let (mut fewest, mut most) = (usize::MAX, 0);
    live_watching(&world, 90, |world| {
        let all = pods(world, "payment-service");
        fewest = fewest.min(ready(&all));
        most = most.max(all.iter().filter(|pod| !obj::deleting(pod)).count());
    });
    assert!(fewest >= 3, "maxUnavailable 25% of 4 was broken: {fewest} ready");
    assert!(most <= 5, "maxSurge 25% of 4 was broken: {most} pods");
    let now = deployment(&world, "production", "payment-service");
    assert_eq!(now["status"]["updatedReplicas"], 4);
    assert_eq!(now["status"]["availableReplicas"], 4);
    assert_eq!(now["status"]["observedGeneration"], now["metadata"]["generation"]);
    assert_eq!(now["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "3");
    let all = pods(&world, "payment-service");
    assert_eq!((all.len(), ready(&all)), (4, 4));
    assert!(
        all.iter()
            .all(|pod| pod["spec"]["containers"][0]["resources"]["limits"]["memory"] == "3Gi")
    );
    // The leak goes on: (3072 - 540) MiB at 50 MiB/h are 50.64 h.
    world.clock().advance(Duration::from_secs(50 * 3600));
    live(&world, 60);
    assert!(
        pods(&world, "payment-service")
            .iter()
            .all(|pod| status_of(pod)["restartCount"] == 0)
    );
    live(&world, 3600);
    assert!(
        pods(&world, "payment-service")
            .iter()
            .all(|pod| status_of(pod)["restartCount"] == 1)
    );
}

#[test]
fn a_paused_deployment_does_not_roll_until_it_is_resumed() {
    let world = payment();
    edit(&world, "production", "payment-service", |d| {
        d["spec"]["paused"] = json!(true);
        container(d)["resources"]["limits"]["memory"] = json!("3Gi");
    });
    live(&world, 60);
    let now = deployment(&world, "production", "payment-service");
    assert_eq!(now["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "2");
    assert_eq!(obj::condition(&now, "Progressing").unwrap()["reason"], "DeploymentPaused");
    edit(&world, "production", "payment-service", |d| {
        d["spec"].as_object_mut().unwrap().remove("paused");
    });
    live(&world, 90);
    let now = deployment(&world, "production", "payment-service");
    assert_eq!(now["status"]["updatedReplicas"], 4);
    assert_eq!(obj::condition(&now, "Progressing").unwrap()["reason"], "NewReplicaSetAvailable");
}

#[test]
fn a_bad_release_crash_loops_and_a_rollback_cures_it() {
    let world = boot(&Scenario::builtin("bad-release").unwrap());
    let broken: Vec<Value> = pods(&world, "cart-api")
        .into_iter()
        .filter(|pod| !obj::is_true(pod, "Ready"))
        .collect();
    assert_eq!(broken.len(), 2, "one surge pod and one that replaces a good one");
    for pod in &broken {
        let status = status_of(pod);
        assert!(status["restartCount"].as_i64().unwrap() >= 5, "{status}");
        assert_eq!(status["lastState"]["terminated"]["exitCode"], 1);
    }
    let before = deployment(&world, "shop", "cart-api");
    assert_eq!(before["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "3");
    assert_eq!(before["metadata"]["annotations"]["kubernetes.io/change-cause"], "release 2.8.0");
    assert_eq!(before["status"]["availableReplicas"], 3, "the good revision still serves");
    edit(&world, "shop", "cart-api", |d| {
        container(d)["image"] = json!("registry.example.com/shop/cart-api:2.7.4");
    });
    live(&world, 60);
    let now = deployment(&world, "shop", "cart-api");
    assert_eq!(now["status"]["availableReplicas"], 4);
    assert_eq!(
        now["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "4",
        "an old template is a new revision"
    );
    let sets = world.store().list(&Gvr::replica_sets(), Some("shop")).0;
    assert_eq!(sets.len(), 3, "the old ReplicaSet came back, no new one");
    let all = pods(&world, "cart-api");
    assert_eq!((all.len(), ready(&all)), (4, 4));
}

#[test]
fn the_missing_setting_cures_the_bad_release_too() {
    let world = boot(&Scenario::builtin("bad-release").unwrap());
    edit(&world, "shop", "cart-api", |d| {
        container(d)["env"]
            .as_array_mut()
            .unwrap()
            .push(json!({"name": "CART_CURRENCY_SOURCE", "value": "ecb"}));
    });
    live(&world, 60);
    assert_eq!(deployment(&world, "shop", "cart-api")["status"]["updatedReplicas"], 4);
    assert_eq!(deployment(&world, "shop", "cart-api")["status"]["availableReplicas"], 4);
}

#[test]
fn an_unknown_tag_ends_in_image_pull_back_off_and_a_missed_deadline() {
    let world = payment();
    edit(&world, "production", "payment-service", |d| {
        container(d)["image"] = json!("registry.example.com/payments/payment-service:99.99.99");
        d["spec"]["progressDeadlineSeconds"] = json!(60);
    });
    live(&world, 30);
    let all = pods(&world, "payment-service");
    let waiting: Vec<&str> = all
        .iter()
        .map(|pod| obj::text(status_of(pod), "/state/waiting/reason"))
        .filter(|r| !r.is_empty())
        .collect();
    assert_eq!(waiting, ["ImagePullBackOff"; 2]);
    live(&world, 60);
    let now = deployment(&world, "production", "payment-service");
    assert_eq!(obj::condition(&now, "Progressing").unwrap()["reason"], "ProgressDeadlineExceeded");
    assert_eq!(now["status"]["availableReplicas"], 3);
}

#[test]
fn a_stateful_set_replaces_its_pods_from_the_highest_number_down() {
    let world = payment();
    world
        .store()
        .update(&Gvr::stateful_sets(), NS, "payments-db", &mut |set| {
            set["spec"]["template"]["metadata"]["annotations"] = json!({"restartedAt": "now"});
            Ok(())
        })
        .unwrap();
    let mut order = Vec::new();
    live_watching(&world, 60, |world| {
        for pod in pods(world, "payments-db").iter().filter(|pod| obj::deleting(pod)) {
            if order.last().map(String::as_str) != Some(obj::name(pod)) {
                order.push(obj::name(pod).to_owned());
            }
        }
    });
    assert_eq!(order, ["payments-db-1", "payments-db-0"]);
    let set = world.store().get(&Gvr::stateful_sets(), NS, "payments-db").unwrap();
    assert_eq!(set["status"]["updatedReplicas"], 2);
    assert_eq!(set["status"]["currentRevision"], set["status"]["updateRevision"]);
}

#[test]
fn an_autoscaler_keeps_between_its_limits_and_follows_the_load() {
    let mut scenario = Scenario::builtin("payment-oom").unwrap();
    let scaler = |world: &World| {
        world
            .store()
            .get(&Gvr::horizontal_pod_autoscalers(), NS, "payment-service-hpa")
            .unwrap()
    };
    let world = boot(&scenario);
    live(&world, 60);
    assert_eq!(scaler(&world)["status"]["desiredReplicas"], 4);
    let mut traffic = scenario.workloads[0].traffic.clone().unwrap();
    traffic.rps = 20_000.0;
    scenario.workloads[0].traffic = Some(traffic);
    let world = boot(&scenario);
    live(&world, 120);
    let status = scaler(&world)["status"].clone();
    assert_eq!(status["desiredReplicas"], 12, "{status}");
    assert_eq!(deployment(&world, "production", "payment-service")["spec"]["replicas"], 12);
    let limited = status["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["type"] == "ScalingLimited")
        .unwrap()
        .clone();
    assert_eq!(limited["reason"], "TooManyReplicas");
    world
        .store()
        .update(&Gvr::horizontal_pod_autoscalers(), NS, "payment-service-hpa", &mut |scaler| {
            scaler["spec"]["maxReplicas"] = json!(8);
            Ok(())
        })
        .unwrap();
    live(&world, 60);
    assert_eq!(deployment(&world, "production", "payment-service")["spec"]["replicas"], 8);
    assert_eq!(ready(&pods(&world, "payment-service")), 8);
}

#[test]
fn a_quota_refuses_pods_in_the_words_of_the_api_server() {
    let world = payment();
    world
        .store()
        .update(&Gvr::resource_quotas(), NS, "production", &mut |quota| {
            quota["spec"]["hard"]["pods"] = json!("13");
            Ok(())
        })
        .unwrap();
    edit(&world, "production", "receipt-worker", |d| d["spec"]["replicas"] = json!(6));
    live(&world, 10);
    let now = deployment(&world, "production", "receipt-worker");
    let failure = obj::condition(&now, "ReplicaFailure").unwrap();
    let message = obj::text(failure, "/message");
    assert!(
        message.contains("is forbidden: exceeded quota: production, requested: pods=1, used: pods=13, limited: pods=13"),
        "{message}"
    );
}

#[test]
fn a_limit_range_gives_resources_to_containers_that_ask_for_none() {
    let world = payment();
    edit(&world, "production", "receipt-worker", |d| {
        container(d)["resources"] = json!({});
    });
    live(&world, 60);
    let all = pods(&world, "receipt-worker");
    assert_eq!((all.len(), ready(&all)), (2, 2), "the quota asks for limits, the range gives them");
    assert!(
        all.iter()
            .all(|pod| pod["spec"]["containers"][0]["resources"]["limits"]["memory"] == "128Mi")
    );
}

#[test]
fn a_deployment_that_is_gone_takes_its_sets_and_pods_along() {
    let world = payment();
    world.store().delete(&Gvr::deployments(), NS, "receipt-worker").unwrap();
    live(&world, 40);
    assert!(pods(&world, "receipt-worker").is_empty());
    let sets = world.store().list(&Gvr::replica_sets(), NS).0;
    assert!(sets.iter().all(|set| obj::labels(set).get("app") != Some(&"receipt-worker")));
}
