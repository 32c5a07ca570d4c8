//! A small cluster on a manual clock, used through its REST API as a client would.

use std::{collections::BTreeMap, sync::Arc};

use axum::body::{Body, to_bytes};
use http::{Request, StatusCode};
use serde_json::{Value, json};

use super::{boot, live, live_watching};
use crate::{api::Api, audit::Audit, scenario::Scenario, world::World};

const TOKEN: &str = "test-token";

/// Three nodes with four cores and 8 GiB, a namespace `shop`, and what a test adds.
const BASE: &str = r#"
name: bench
description: three nodes and whatever a test needs
objects:
  - object: &node
      apiVersion: v1
      kind: Node
      metadata: {name: node-1, labels: {kubernetes.io/hostname: node-1}}
      status: &status
        capacity: {cpu: "4", memory: 8Gi, pods: "110"}
        allocatable: {cpu: "4", memory: 8Gi, pods: "110"}
        addresses: [{type: InternalIP, address: 10.0.0.1}]
  - object: {apiVersion: v1, kind: Node, metadata: {name: node-2}, status: *status}
  - object: {apiVersion: v1, kind: Node, metadata: {name: node-3}, status: *status}
  - object: {apiVersion: v1, kind: Namespace, metadata: {name: shop}}
"#;

/// A cluster and its API server.
pub(crate) struct Cluster {
    pub(crate) world: Arc<World>,
    api: Arc<Api>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: StatusCode,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Value,
}

impl Cluster {
    /// The base cluster with further objects (JSON) and further parts of the scenario (YAML).
    pub(crate) fn new(objects: &[Value], rest: &str) -> Self {
        let mut text = BASE.to_owned();
        for object in objects {
            text.push_str(&format!("  - object: {object}\n"));
        }
        text.push_str(rest);
        Self::of(&text)
    }

    /// The same, a day old at the end of its warm-up.
    pub(crate) fn old(objects: &[Value], rest: &str) -> Self {
        let mut text = BASE.to_owned();
        for object in objects {
            text.push_str(&format!("  - object: {object}\n"));
        }
        let text = text.replace("\n  - object: ", "\n  - age: 1d\n    object: ");
        Self::of(&(text + rest))
    }

    fn of(text: &str) -> Self {
        let scenario = Scenario::parse("bench.yaml", text).unwrap();
        let world = boot(&scenario);
        let api = Arc::new(Api {
            store: world.store().clone(),
            kubelets: world.clone(),
            usage: world.clone(),
            audit: Audit::default(),
            token: TOKEN.to_owned(),
            admission: scenario.admission,
        });
        Self { world, api }
    }

    /// Lives for some simulated seconds.
    pub(crate) fn live(&self, seconds: u64) {
        live(&self.world, seconds);
    }

    /// Lives and looks after every step.
    pub(crate) fn watch(&self, seconds: u64, mut look: impl FnMut(&World)) {
        live_watching(&self.world, seconds, &mut look);
    }

    pub(crate) async fn send(&self, method: &str, path: &str, content_type: &str, body: &Value) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", content_type)
            .body(if body.is_null() {
                Body::empty()
            } else {
                Body::from(body.to_string())
            })
            .unwrap();
        let response = self.api.clone().handle(request).await;
        let code = response.status();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
            .collect();
        let bytes = to_bytes(response.into_body(), 16 << 20).await.unwrap();
        Answer {
            code,
            headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.send("GET", path, "application/json", &Value::Null).await.body
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, "application/json", body).await
    }

    /// A JSON merge patch.
    pub(crate) async fn merge(&self, path: &str, body: &Value) -> Answer {
        self.send("PATCH", path, "application/merge-patch+json", body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, "application/json", &Value::Null).await
    }

    /// The items of a collection.
    pub(crate) async fn items(&self, path: &str) -> Vec<Value> {
        self.get(path).await["items"].as_array().cloned().unwrap_or_default()
    }

    /// Reason and message of the events about an object, oldest first.
    pub(crate) async fn events(&self, name: &str) -> Vec<(String, String)> {
        let mut all = self.items("/api/v1/events").await;
        all.retain(|event| event["involvedObject"]["name"] == name);
        all.sort_by_key(|event| event["metadata"]["resourceVersion"].as_str().and_then(|rv| rv.parse::<u64>().ok()));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        all.iter().map(|event| (text(&event["reason"]), text(&event["message"]))).collect()
    }
}

/// Types of the conditions that are true.
pub(crate) fn true_conditions(object: &Value) -> Vec<&str> {
    let all = object["status"]["conditions"].as_array().into_iter().flatten();
    all.filter(|c| c["status"] == "True").filter_map(|c| c["type"].as_str()).collect()
}

/// A Deployment of `replicas` pods labelled `app: name`.
pub(crate) fn deployment(name: &str, replicas: i64) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template(name)}})
}

/// A pod template labelled `app: name` with one small container.
pub(crate) fn template(name: &str) -> Value {
    json!({"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "app", "image": "example/app:1",
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}}]}})
}
