//! Literal secrets in objects stay out of plans.

use paramedic_domain::change::Change;
use paramedic_simulator::store::Gvr;
use serde_json::{Value, json};

use crate::{recommended::prepare, stage::Stage};

const PASSWORD: &str = "hunter2-hunter2";

fn with(more: Value) -> Value {
    let mut params = json!({"deployment": "ledger-api", "namespace": "production"});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    params
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_in_a_variable_or_a_config_map_is_in_no_prepared_change() {
    let stage = Stage::start().await;
    let deployments = Gvr::new("apps", "v1", "deployments");
    stage.somebody_changes(&deployments, "ledger-api", "/spec/template/spec/containers/0", {
        let deployment = stage.store.get(&deployments, Some("production"), "ledger-api").unwrap();
        let mut container = deployment["spec"]["template"]["spec"]["containers"][0].clone();
        container["env"] = json!([{"name": "DB_PASSWORD", "value": PASSWORD}, {"name": "LEVEL", "value": "info"}]);
        container
    });
    stage.somebody_changes(
        &Gvr::new("", "v1", "configmaps"),
        "payment-service-config",
        "/data",
        json!({"db.password": PASSWORD, "LEVEL": "info"}),
    );
    let config = |patch: Value| json!({"configMap": "payment-service-config", "namespace": "production", "patch": patch});
    let harmless = [
        ("a", "patch_env", with(json!({"set": {"LEVEL": "debug"}}))),
        ("b", "patch_env", with(json!({"set": {"NEW": "1"}}))),
        ("c", "patch_env", with(json!({"unset": ["LEVEL"]}))),
        ("d", "enable_debug_mode", with(json!({"debug_flags": ["--debug"]}))),
        (
            "e",
            "set_image",
            with(json!({"image": "registry.example.com/finance/ledger-api:1.44.2"})),
        ),
        ("f", "patch_config_map", config(json!({"NEW": "1"}))),
    ];
    for (step, action, params) in harmless {
        let prepared = prepare(&stage, &[(step, action, params, &[])]).await;
        assert_eq!(prepared.steps[0].refusal, "", "{action}");
        let change: Change = paramedic_wire::Wire::from_proto(prepared.steps[0].change.clone().unwrap()).unwrap();
        assert_eq!(change.rejected(), None, "{action}");
        assert!(!format!("{prepared:?}").contains(PASSWORD), "{action}: {prepared:?}");
    }
    let secrets = [
        ("a", "patch_env", with(json!({"unset": ["DB_PASSWORD"]}))),
        ("b", "patch_env", with(json!({"set": {"DB_PASSWORD": "other"}}))),
        ("c", "patch_config_map", config(json!({"db.password": "other"}))),
    ];
    for (step, action, params) in secrets {
        let prepared = prepare(&stage, &[(step, action, params, &[])]).await;
        assert!(prepared.steps[0].refusal.contains("secret"), "{action}: {prepared:?}");
        assert!(!format!("{prepared:?}").contains(PASSWORD), "{action}: {prepared:?}");
    }
    stage.end().await;
}
