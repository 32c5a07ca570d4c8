//! Templates, replicas and pods.

use paramedic_simulator::store::Gvr;
use serde_json::{Value, json};

use super::case::Case;
use crate::stage::Stage;

fn of(deployment: &str, more: Value) -> Value {
    let mut params = json!({"deployment": deployment, "namespace": "production"});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    params
}

fn checkout(more: Value) -> Value {
    of("checkout-api", more)
}

fn ledger(more: Value) -> Value {
    of("ledger-api", more)
}

/// The first pod of a workload, by name.
fn pod(stage: &Stage, app: &str) -> String {
    let (pods, _) = stage.store.list(&Gvr::new("", "v1", "pods"), Some("production"));
    let mut names: Vec<String> = pods
        .iter()
        .filter(|pod| pod["metadata"]["labels"]["app"] == app && pod["metadata"]["deletionTimestamp"].is_null())
        .map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names.remove(0)
}

fn container(object: &Value) -> &Value {
    &object["spec"]["template"]["spec"]["containers"][0]
}

pub(super) fn templates() -> Vec<Case> {
    vec![
        Case::of("scale", checkout(json!({"replicas": 4}))).seen(|seen| {
            assert_eq!(seen.between[0]["spec"]["replicas"], 4);
        }),
        Case::of("set_image", ledger(json!({"image": "registry.example.com/finance/ledger-api:1.44.2"}))).seen(|seen| {
            assert_eq!(container(&seen.between[0])["image"], "registry.example.com/finance/ledger-api:1.44.2");
        }),
        Case::of("increase_resources", ledger(json!({"memory": "640Mi"}))).seen(|seen| {
            assert_eq!(container(&seen.between[0])["resources"]["limits"]["memory"], "640Mi");
        }),
        Case::of("set_resources", ledger(json!({"memory": "448Mi"}))).seen(|seen| {
            assert_eq!(container(&seen.between[0])["resources"]["limits"]["memory"], "448Mi");
        }),
        Case::of("patch_env", ledger(json!({"set": {"LOG_LEVEL": "debug"}}))).seen(|seen| {
            assert_eq!(container(&seen.between[0])["env"], json!([{"name": "LOG_LEVEL", "value": "debug"}]));
        }),
        Case::of("enable_debug_mode", ledger(json!({"debug_flags": ["--memory-profile=true"]}))).seen(|seen| {
            assert_eq!(container(&seen.between[0])["args"], json!(["--memory-profile=true"]));
        }),
        Case::of("rolling_restart", ledger(json!({}))).seen(|seen| {
            assert_ne!(seen.between[0]["spec"]["template"], seen.before[0]["spec"]["template"]);
        }),
        Case::of("rollback_deployment", of("payment-service", json!({}))).seen(|seen| {
            assert_eq!(
                container(&seen.between[0])["image"],
                "registry.example.com/payments/payment-service:3.16.4"
            );
        }),
        Case::of(
            "patch_config_map",
            json!({"configMap": "payment-service-config", "namespace": "production", "restart": true,
                "patch": {"PAYMENT_PROVIDER_TIMEOUT_MS": "4000", "LOG_LEVEL": null}}),
        )
        .seen(|seen| {
            // The workload is held while its values change, so that its pods see all of them.
            let [deployment, config] = &seen.between[..] else { panic!("{:?}", seen.between) };
            assert_eq!(config["data"]["PAYMENT_PROVIDER_TIMEOUT_MS"], "4000");
            assert_eq!(config["data"].get("LOG_LEVEL"), None);
            assert_ne!(deployment["spec"]["template"], seen.before[0]["spec"]["template"]);
            assert_eq!(deployment["spec"]["paused"], seen.before[0]["spec"]["paused"]);
        }),
        Case::of("rotate_pods", json!({"secret": "api-key", "namespace": "production"}))
            .given([
                json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "api-key", "namespace": "production"}, "data": {"KEY": "eA=="}}),
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "reader", "namespace": "production"}, "spec": {
                    "replicas": 1, "selector": {"matchLabels": {"app": "reader"}}, "template": {"metadata": {"labels": {"app": "reader"}},
                        "spec": {"containers": [{"name": "reader", "image": "registry.example.com/tools/reader:1",
                            "envFrom": [{"secretRef": {"name": "api-key"}}]}]}}}}),
            ])
            .seen(|seen| assert_ne!(seen.between[0]["spec"]["template"], seen.before[0]["spec"]["template"])),
    ]
}

pub(super) fn pods() -> Vec<Case> {
    vec![
        Case::with(
            "restart_pod",
            |stage| json!({"pod": pod(stage, "checkout-api"), "namespace": "production"}),
        )
        .seen(|seen| assert!(seen.between[0].is_null(), "another one has another name")),
        Case::of(
            "rolling_restart",
            checkout(json!({"strategy": "one-at-a-time", "waitForReady": true})),
        )
        .seen(|seen| assert_eq!(seen.between, [Value::Null, Value::Null, Value::Null])),
        Case::of("resize_pods_in_place", checkout(json!({"memory": "1Gi"}))).seen(|seen| {
            for (before, between) in seen.before.iter().zip(&seen.between) {
                assert_eq!(between["spec"]["containers"][0]["resources"]["limits"]["memory"], "1Gi");
                let restarts = |pod: &Value| pod["status"]["containerStatuses"][0]["restartCount"].clone();
                assert_eq!(restarts(between), restarts(before));
            }
        }),
        Case::with(
            "quarantine_pod",
            |stage| json!({"pod": pod(stage, "ledger-api"), "namespace": "production"}),
        )
        .seen(|seen| {
            let isolated = seen.between.iter().find(|object| object["kind"] == "Pod").unwrap();
            assert_eq!(isolated["metadata"]["labels"].get("app"), None);
            assert!(isolated["metadata"]["labels"].get("paramedic.dev/quarantined").is_some());
        }),
        Case::of(
            "restart_statefulset",
            json!({"statefulset": "payments-db", "namespace": "production", "strategy": "one-at-a-time"}),
        )
        .seen(|seen| {
            let names: Vec<&Value> = seen.before.iter().map(|pod| &pod["metadata"]["name"]).collect();
            assert_eq!(names, ["payments-db-1", "payments-db-0"], "the highest ordinal first");
            for (before, between) in seen.before.iter().zip(&seen.between) {
                assert_ne!(between["metadata"]["uid"], before["metadata"]["uid"]);
                assert!(between["metadata"]["uid"].is_string(), "{between}");
            }
        }),
    ]
}
