//! The whole simulator through the doors its users take.

#![allow(clippy::unwrap_used, missing_docs)]

use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{
    Api, Client, Config,
    api::{AttachParams, ListParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use paramedic_simulator::{AuditEntry, Options, Scenario, Simulator};
use serde_json::Value;
use tokio::io::AsyncReadExt;

async fn start(options: Options) -> Simulator {
    rustls::crypto::ring::default_provider().install_default().ok();
    Simulator::start(options).await.unwrap()
}

fn payment_oom() -> Options {
    Options::new(Scenario::builtin("payment-oom").unwrap())
}

#[tokio::test]
async fn a_kubeconfig_is_all_a_client_needs() {
    let simulator = start(payment_oom()).await;
    let kubeconfig = Kubeconfig::from_yaml(&simulator.kubeconfig()).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap();
    let client = Client::try_from(config).unwrap();
    assert_eq!(client.apiserver_version().await.unwrap().minor, "36");
    let pods: Api<Pod> = Api::namespaced(client.clone(), "production");
    let found = pods.list(&ListParams::default().labels("app=payment-service")).await.unwrap();
    let name = found.items[0].metadata.name.clone().unwrap();
    let mut process = pods.exec(&name, ["hostname"], &AttachParams::default()).await.unwrap();
    let mut out = String::new();
    process.stdout().unwrap().read_to_string(&mut out).await.unwrap();
    assert_eq!(out.trim(), name);
    let scale = Api::<Deployment>::namespaced(client, "production")
        .get_scale("payment-service")
        .await
        .unwrap();
    assert_eq!(scale.spec.unwrap().replicas, Some(4));
    simulator.shutdown().await;
}

#[tokio::test]
async fn telemetry_stands_behind_the_same_listener() {
    let simulator = start(payment_oom()).await;
    let read = |url: String| async move { reqwest::get(url).await.unwrap().json::<Value>().await.unwrap() };
    let query = "container_memory_working_set_bytes{namespace=\"production\"}";
    let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let metrics = read(format!("{}/api/v1/query?query={query}", simulator.prometheus_url())).await;
    assert!(metrics["data"]["result"].as_array().unwrap().len() >= 4, "{metrics}");
    assert_eq!(
        read(format!("{}/loki/api/v1/labels", simulator.loki_url())).await["status"],
        "success"
    );
    assert!(read(format!("{}/api/services", simulator.jaeger_url())).await["data"].is_array());
    simulator.shutdown().await;
}

#[tokio::test]
async fn every_request_is_written_down() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("audit.jsonl");
    let simulator = start(Options {
        audit_file: Some(file.clone()),
        ..payment_oom()
    })
    .await;
    let url = format!("{}/apis/apps/v1/namespaces/production/deployments/payment-service", simulator.url());
    let patch = |query: &str| {
        let request = reqwest::Client::new()
            .patch(format!("{url}?fieldManager=me{query}"))
            .bearer_auth(simulator.token());
        request
            .header("content-type", "application/merge-patch+json")
            .body("{\"spec\":{\"replicas\":5}}")
            .send()
    };
    assert_eq!(patch("&dryRun=All").await.unwrap().status(), 200);
    assert_eq!(patch("").await.unwrap().status(), 200);
    let entries = simulator.audit();
    let mutations: Vec<&AuditEntry> = entries.iter().filter(|entry| entry.is_mutation()).collect();
    assert_eq!((entries.len(), mutations.len()), (2, 1));
    assert_eq!(
        (mutations[0].verb.as_str(), mutations[0].field_manager.as_str(), mutations[0].code),
        ("patch", "me", 200)
    );
    assert_eq!(mutations[0].body["spec"]["replicas"], 5);
    let lines = std::fs::read_to_string(&file).unwrap();
    assert_eq!(
        lines
            .lines()
            .map(|line| serde_json::from_str::<AuditEntry>(line).unwrap())
            .collect::<Vec<_>>(),
        entries
    );
    let served = reqwest::Client::new()
        .get(format!("{}/simulator/audit", simulator.url()))
        .bearer_auth(simulator.token());
    assert_eq!(served.send().await.unwrap().text().await.unwrap(), lines);
    simulator.shutdown().await;
}
