//! Workloads, their pods and what belongs to them.

use paramedic_domain::event::Direction;
use paramedic_simulator::store::Gvr;
use serde_json::{Value, json};

use super::{checkout, deployments, given, object, run, there_and_back};
use crate::{
    recommended::{Wanted, propose},
    stage::Stage,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_is_scaled_once_and_back() {
    let seen = there_and_back(&[], ("scale", "scale_deployment", checkout(json!({"replicas": 5})), &[]), |stage| {
        object(stage, &deployments(), "checkout-api")["spec"]["replicas"].clone()
    })
    .await;
    assert_eq!((seen.before, seen.between, seen.after), (json!(3), json!(5), json!(3)));
    assert_eq!(seen.mutated, ["patch checkout-api", "patch checkout-api"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_image_is_rolled_out_once_and_back() {
    let image = "registry.example.com/checkout/checkout-api:5.2.1";
    let seen = there_and_back(&[], ("image", "set_image", checkout(json!({"image": image})), &[]), |stage| {
        object(stage, &deployments(), "checkout-api")["spec"]["template"].clone()
    })
    .await;
    assert_eq!(seen.between["spec"]["containers"][0]["image"], image);
    assert_eq!(seen.after, seen.before);
    assert_eq!(seen.mutated, ["patch checkout-api", "patch checkout-api"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_a_config_map_and_the_restart_of_its_reader_happen_once_and_are_undone_in_the_right_order() {
    let params = json!({"configMap": "payment-service-config", "namespace": "production", "restart": true,
        "patch": {"PAYMENT_PROVIDER_TIMEOUT_MS": "4000", "LOG_LEVEL": null}});
    let seen = there_and_back(&[], ("config", "patch_config_map", params, &[]), |stage| {
        let config = object(stage, &Gvr::new("", "v1", "configmaps"), "payment-service-config");
        let deployment = stage.deployment();
        json!({"data": config["data"], "template": deployment["spec"]["template"], "paused": deployment["spec"]["paused"],
            "ready": deployment["status"]["readyReplicas"]})
    })
    .await;
    assert_eq!(seen.between["data"]["PAYMENT_PROVIDER_TIMEOUT_MS"], "4000");
    assert_eq!(seen.between["data"].get("LOG_LEVEL"), None);
    assert_ne!(seen.between["template"], seen.before["template"]);
    assert_eq!(seen.between["paused"], seen.before["paused"]);
    assert_eq!(
        (&seen.after["data"], &seen.after["template"]),
        (&seen.before["data"], &seen.before["template"])
    );
    assert_eq!(
        seen.mutated,
        [
            "patch payment-service",
            "patch payment-service-config",
            "patch payment-service",
            "patch payment-service",
            "patch payment-service-config",
            "patch payment-service"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_goes_into_quarantine_once_and_comes_back() {
    let stage = Stage::start().await;
    let pods = Gvr::new("", "v1", "pods");
    let ours = |stage: &Stage| -> Vec<Value> {
        let (all, _) = stage.store.list(&pods, Some("production"));
        all.into_iter()
            .filter(|pod| pod["metadata"]["labels"]["app"] == "checkout-api")
            .collect()
    };
    let victim = ours(&stage)[0]["metadata"]["name"].as_str().unwrap().to_owned();
    let labels = |stage: &Stage| object(stage, &pods, &victim)["metadata"]["labels"].clone();
    let before = labels(&stage);
    let params = json!({"pod": victim, "namespace": "production"});
    let plan = propose(&stage, &[("isolate", "quarantine_pod", params, &[])]).await;
    stage.approve().await;
    run(&stage, &plan, Direction::Forward).await;
    let between = labels(&stage);
    assert_eq!(between.get("app"), None);
    assert!(between.get("paramedic.dev/quarantined").is_some());
    let policies = Gvr::new("networking.k8s.io", "v1", "networkpolicies");
    assert_eq!(stage.store.list(&policies, Some("production")).0.len(), 1);
    run(&stage, &plan, Direction::Undo).await;
    assert!(stage.store.list(&policies, Some("production")).0.is_empty());
    // A controller that has made another pod meanwhile has one too many now and stops one, perhaps this one.
    let after = object(&stage, &pods, &victim);
    assert!(after.is_null() || after["metadata"]["labels"] == before, "{after}");
    assert_eq!(stage.mutated().len(), 4, "{:?}", stage.mutated());
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_is_relaxed_once_and_put_back() {
    let params = json!({"pdb": "payment-service", "namespace": "production", "maxUnavailable": 2});
    let seen = there_and_back(&[], ("relax", "update_pdb", params, &[]), |stage| {
        object(stage, &Gvr::new("policy", "v1", "poddisruptionbudgets"), "payment-service")["spec"].clone()
    })
    .await;
    assert_eq!(seen.between["maxUnavailable"], 2);
    assert_eq!(seen.between.get("minAvailable"), None);
    assert_eq!(seen.after, seen.before);
    assert_eq!(seen.mutated, ["patch payment-service", "patch payment-service"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn running_pods_are_resized_once_without_a_restart_and_back() {
    let params = checkout(json!({"memory": "1Gi"}));
    let seen = there_and_back(&[], ("resize", "resize_pods_in_place", params, &[]), |stage| {
        let (pods, _) = stage.store.list(&Gvr::new("", "v1", "pods"), Some("production"));
        let mut ours: Vec<Value> = pods
            .iter()
            .filter(|pod| pod["metadata"]["labels"]["app"] == "checkout-api")
            .map(|pod| {
                json!([
                    pod["metadata"]["name"],
                    pod["spec"]["containers"][0]["resources"]["limits"]["memory"],
                    pod["status"]["containerStatuses"][0]["restartCount"]
                ])
            })
            .collect();
        ours.sort_by_key(ToString::to_string);
        json!(ours)
    })
    .await;
    let limits = |seen: &Value| -> Vec<Value> { seen.as_array().unwrap().iter().map(|pod| pod[1].clone()).collect() };
    assert_eq!(limits(&seen.between), ["1Gi", "1Gi", "1Gi"]);
    assert_eq!(seen.after, seen.before, "the same pods, none restarted");
    assert_eq!(seen.mutated, ["patch resize"; 6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_are_restarted_one_at_a_time_each_when_the_others_are_ready() {
    let stage = Stage::start().await;
    let params = checkout(json!({"strategy": "one-at-a-time", "waitForReady": true}));
    let plan = propose(&stage, &[("restart", "rolling_restart_pods", params, &[])]).await;
    stage.approve().await;
    let names = |stage: &Stage| -> Vec<String> {
        let (pods, _) = stage.store.list(&Gvr::new("", "v1", "pods"), Some("production"));
        let ours = pods.iter().filter(|pod| pod["metadata"]["labels"]["app"] == "checkout-api");
        ours.map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let before = names(&stage);
    run(&stage, &plan, Direction::Forward).await;
    let after = names(&stage);
    assert!(
        after.len() == 3 && after.iter().all(|name| !before.contains(name)),
        "{before:?} {after:?}"
    );
    let mut deleted: Vec<String> = before.iter().map(|name| format!("delete {name}")).collect();
    let mut mutated = stage.mutated();
    deleted.sort();
    mutated.sort();
    assert_eq!(mutated, deleted);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_that_do_not_say_a_namespace_find_their_objects_and_their_arithmetic_is_shown() {
    let stage = Stage::start().await;
    let objects = [
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "checkout-config", "namespace": "production"},
        "data": {"DATABASE_POOL_SIZE": "100"}}),
    ];
    given(&stage, &objects).await;
    stage.somebody_changes(
        &deployments(),
        "checkout-api",
        "/spec/template/spec/containers/0",
        json!({"name": "checkout-api", "image": "registry.example.com/checkout/checkout-api:5.2.0",
            "envFrom": [{"configMapRef": {"name": "checkout-config"}}],
            "resources": {"requests": {"cpu": "200m", "memory": "384Mi"}, "limits": {"memory": "768Mi"}}}),
    );
    let pool = json!({"configMap": "checkout-config", "namespace": "production", "patch": {"DATABASE_POOL_SIZE": "200"}});
    let mut enough = pool.clone();
    enough["maxConnections"] = json!(2000);
    let mut little = pool;
    little["maxConnections"] = json!(1500);
    let steps = |pool: Value| -> Vec<Wanted> {
        vec![
            ("pool", "patch_config_map", pool, &[]),
            (
                "restart",
                "rolling_restart_pods",
                json!({"deployment": "checkout-api", "strategy": "rolling"}),
                &["pool"],
            ),
            (
                "scale",
                "scale_deployment",
                json!({"deployment": "checkout-api", "replicas": 8}),
                &["restart"],
            ),
        ]
    };
    let prepared = crate::recommended::prepare(&stage, &steps(enough)).await;
    let refusals: Vec<&str> = prepared.steps.iter().map(|step| step.refusal.as_str()).collect();
    assert_eq!(refusals, ["", "", ""]);
    assert!(
        prepared.notes.iter().any(|note| note.contains("8 x 200 = 1600")),
        "{:?}",
        prepared.notes
    );
    let refused = crate::recommended::prepare(&stage, &steps(little)).await;
    assert!(
        refused.steps[2].refusal.contains("8 x 200 = 1600"),
        "{:?}",
        refused.steps[2].refusal
    );
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_of_a_statefulset_are_restarted_from_the_highest_ordinal() {
    let stage = Stage::start().await;
    let pods = Gvr::new("", "v1", "pods");
    let uids = |stage: &Stage| ["payments-db-0", "payments-db-1"].map(|name| object(stage, &pods, name)["metadata"]["uid"].clone());
    let before = uids(&stage);
    let params = json!({"statefulset": "payments-db", "namespace": "production", "strategy": "one-at-a-time"});
    let plan = propose(&stage, &[("restart", "restart_statefulset", params, &[])]).await;
    stage.approve().await;
    run(&stage, &plan, Direction::Forward).await;
    assert_eq!(stage.mutated(), ["delete payments-db-1", "delete payments-db-0"]);
    let after = uids(&stage);
    assert!(
        before.iter().zip(&after).all(|(old, new)| old != new && new.is_string()),
        "{before:?} {after:?}"
    );
    stage.end().await;
}
