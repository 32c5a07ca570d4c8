//! A Helm release: its objects and its records.

use paramedic_catalogue::helm::record::{TYPE, packed, secret_name};
use serde_json::{Value, json};

use super::{case::Case, given};
use crate::{
    recommended::{Wanted, prepare},
    stage::Stage,
};

const VALUE: &str = "hunter2-of-the-values";

fn config(name: &str, level: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"LOG_LEVEL": level}})
}

fn deployment(image: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "desk"}, "spec": {
        "replicas": 1, "selector": {"matchLabels": {"app": "desk"}}, "template": {"metadata": {"labels": {"app": "desk"}},
            "spec": {"containers": [{"name": "desk", "image": image, "resources": {"limits": {"memory": "0.25Gi"}}}]}}}})
}

fn service() -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "desk-new"},
        "spec": {"selector": {"app": "desk"}, "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}})
}

/// What every revision has and nobody may see.
fn secret() -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "desk"}, "stringData": {"token": VALUE}})
}

fn record(revision: u64, status: &str, objects: &[Value]) -> Value {
    let manifest: String = objects.iter().map(|object| format!("---\n{object}\n")).collect();
    let content = json!({"name": "desk", "namespace": "production", "version": revision, "config": {"token": VALUE}, "manifest": manifest,
        "info": {"status": status, "first_deployed": "2026-11-01T10:00:00Z", "last_deployed": "2026-11-20T10:00:00Z", "description": "Upgrade complete"},
        "chart": {"metadata": {"name": "desk", "version": format!("1.{revision}.0")}}, "hooks": []});
    let name = secret_name("desk", revision);
    json!({"apiVersion": "v1", "kind": "Secret", "type": TYPE, "metadata": {"name": name, "namespace": "production",
        "labels": {"owner": "helm", "name": "desk", "status": status, "version": revision.to_string()}}, "data": {"release": packed(&content)}})
}

fn live(mut object: Value) -> Value {
    object["metadata"]["namespace"] = json!("production");
    object["metadata"]["labels"] = json!({"app.kubernetes.io/managed-by": "Helm", "by": "hand"});
    object["metadata"]["annotations"] = json!({"meta.helm.sh/release-name": "desk", "meta.helm.sh/release-namespace": "production"});
    object
}

fn release() -> Vec<Value> {
    let first = [
        secret(),
        config("desk-first", "info"),
        config("desk", "info"),
        deployment("registry.example.com/desk/desk:1"),
    ];
    let second = [
        secret(),
        config("desk", "debug"),
        deployment("registry.example.com/desk/desk:2"),
        service(),
    ];
    let mut objects: Vec<Value> = second[1..].iter().cloned().map(live).collect();
    objects.extend([record(1, "superseded", &first), record(2, "deployed", &second)]);
    objects
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::of("helm_rollback", json!({"release": "desk", "namespace": "production"}))
            .given(release())
            .seen(|seen| {
                let [first, config, deployment, service, old, new] = &seen.between[..] else {
                    panic!("{:?}", seen.between)
                };
                assert_eq!(
                    (&first["data"]["LOG_LEVEL"], &config["data"]["LOG_LEVEL"]),
                    (&json!("info"), &json!("info"))
                );
                assert_eq!(first["metadata"]["labels"]["app.kubernetes.io/managed-by"], "Helm");
                let image = "/spec/template/spec/containers/0/image";
                assert_eq!(deployment.pointer(image), Some(&json!("registry.example.com/desk/desk:1")));
                assert_eq!(deployment["metadata"]["labels"]["by"], "hand", "what others added stays");
                assert!(service.is_null());
                let status = |secret: &Value| secret["metadata"]["labels"]["status"].clone();
                assert_eq!((status(old), status(new)), (json!("superseded"), json!("deployed")));
                let told = paramedic_catalogue::helm::Release::read(new).unwrap();
                assert_eq!((told.revision(), told.status(), told.chart()), (3, "deployed", "desk 1.1.0".into()));
                assert_eq!(paramedic_catalogue::helm::Release::read(old).unwrap().status(), "superseded");
            }),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_shows_nothing_of_a_releases_values_and_what_cannot_be_exact_is_refused() {
    let stage = Stage::start().await;
    given(&stage, &release()).await;
    let wanted = |release: &'static str, revision: u64| -> [Wanted; 1] {
        let params = json!({"release": release, "namespace": "production", "revision": revision});
        [("back", "helm_rollback", params, &[])]
    };
    let answer = prepare(&stage, &wanted("desk", 1)).await;
    assert_eq!(answer.steps[0].refusal, "");
    let told = format!("{answer:?}");
    let content = record(1, "superseded", &[])["data"]["release"].as_str().unwrap()[..16].to_owned();
    assert!(!told.contains(VALUE) && !told.contains(&content), "{told}");
    assert!(
        answer
            .notes
            .iter()
            .any(|note| note.contains("left as they are") && note.contains("Secret production/desk")),
        "{:?}",
        answer.notes
    );
    for (release, revision, why) in [
        ("desk", 9, "no revision 9"),
        ("none", 1, "no Helm release"),
        ("desk", 2, "is the present one"),
    ] {
        let refusal = prepare(&stage, &wanted(release, revision)).await.steps.remove(0).refusal;
        assert!(refusal.contains(why), "{refusal}");
    }
    let mut other = secret();
    other["stringData"]["token"] = json!("another");
    given(&stage, &[record(3, "failed", &[other])]).await;
    let refusal = prepare(&stage, &wanted("desk", 1)).await.steps.remove(0).refusal;
    assert!(
        refusal.contains("Secret production/desk differs") && !refusal.contains("another"),
        "{refusal}"
    );
    stage.end().await;
}
