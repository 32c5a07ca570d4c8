//! `metadata.managedFields` as a real server 1.36 writes them.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use serde_json::{Value, json};
use support::{Cluster, TOKEN, deployment};

async fn send(cluster: &Cluster, method: reqwest::Method, path: &str, content_type: &str, body: &Value) -> Value {
    let url = format!("{}/apis/apps/v1/namespaces/golden/deployments{path}", cluster.url);
    let request = reqwest::Client::new()
        .request(method, url)
        .bearer_auth(TOKEN)
        .header("user-agent", "Python-urllib/3.11");
    let response = request
        .header("content-type", content_type)
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    response.json().await.unwrap()
}

fn entry(object: &Value, manager: &str) -> Value {
    let entries = object["metadata"]["managedFields"].as_array().unwrap();
    entries
        .iter()
        .find(|entry| entry["manager"] == manager)
        .unwrap_or(&Value::Null)
        .clone()
}

/// What the creator owns; `limits` varies with what others took over.
fn created(replicas: bool, limits: Value) -> Value {
    let mut out = json!({"f:spec": {"f:progressDeadlineSeconds": {}, "f:revisionHistoryLimit": {}, "f:selector": {},
        "f:strategy": {"f:rollingUpdate": {".": {}, "f:maxSurge": {}, "f:maxUnavailable": {}}, "f:type": {}},
        "f:template": {"f:metadata": {"f:labels": {".": {}, "f:app": {}}}, "f:spec": {
            "f:containers": {"k:{\"name\":\"app\"}": {".": {}, "f:image": {}, "f:imagePullPolicy": {}, "f:name": {},
                "f:resources": {".": {}, "f:limits": limits, "f:requests": {".": {}, "f:memory": {}}},
                "f:terminationMessagePath": {}, "f:terminationMessagePolicy": {}}},
            "f:dnsPolicy": {}, "f:restartPolicy": {}, "f:schedulerName": {}, "f:securityContext": {},
            "f:terminationGracePeriodSeconds": {}}}}});
    if replicas {
        out["f:spec"]["f:replicas"] = json!({});
    }
    out
}

#[tokio::test]
async fn ownership_moves_as_on_a_real_server() {
    let cluster = Cluster::start().await;
    let made = send(&cluster, reqwest::Method::POST, "", "application/json", &deployment("web")).await;
    let mine = entry(&made, "Python-urllib");
    assert_eq!(mine["fieldsV1"], created(true, json!({".": {}, "f:memory": {}})));
    assert_eq!(
        (&mine["operation"], &mine["apiVersion"], &mine["fieldsType"]),
        (&json!("Update"), &json!("apps/v1"), &json!("FieldsV1"))
    );

    let memory = json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "resources": {"limits": {"memory": "256Mi"}}}]}}}});
    let patched = send(
        &cluster,
        reqwest::Method::PATCH,
        "/web?fieldManager=paramedic",
        "application/strategic-merge-patch+json",
        &memory,
    )
    .await;
    assert_eq!(entry(&patched, "Python-urllib")["fieldsV1"], created(true, json!({})));
    let taken = json!({"f:spec": {"f:template": {"f:spec": {"f:containers":
        {"k:{\"name\":\"app\"}": {"f:resources": {"f:limits": {"f:memory": {}}}}}}}}});
    assert_eq!(entry(&patched, "paramedic")["fieldsV1"], taken);

    let mut config = deployment("web");
    config["metadata"]["annotations"] = json!({});
    config["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] = json!("300Mi");
    let path = "/web?fieldManager=other&force=true&dryRun=All";
    let forced = send(&cluster, reqwest::Method::PATCH, path, "application/apply-patch+yaml", &config).await;
    assert_eq!(entry(&forced, "paramedic"), Value::Null);
    let claimed = json!({"f:metadata": {"f:annotations": {}}, "f:spec": {"f:replicas": {}, "f:selector": {}, "f:template": {
        "f:metadata": {"f:labels": {"f:app": {}}}, "f:spec": {"f:containers": {"k:{\"name\":\"app\"}": {".": {}, "f:image": {},
        "f:name": {}, "f:resources": {"f:limits": {"f:memory": {}}, "f:requests": {"f:memory": {}}}}}}}}});
    let other = entry(&forced, "other");
    assert_eq!((&other["operation"], &other["fieldsV1"]), (&json!("Apply"), &claimed));

    let scale = json!({"spec": {"replicas": 2}});
    send(
        &cluster,
        reqwest::Method::PATCH,
        "/web/scale",
        "application/merge-patch+json",
        &scale,
    )
    .await;
    let scaled = send(&cluster, reqwest::Method::GET, "/web", "application/json", &Value::Null).await;
    let entries = scaled["metadata"]["managedFields"].as_array().unwrap();
    let through_scale = entries.iter().find(|entry| entry["subresource"] == "scale").unwrap();
    assert_eq!(through_scale["fieldsV1"], json!({"f:spec": {"f:replicas": {}}}));
}
