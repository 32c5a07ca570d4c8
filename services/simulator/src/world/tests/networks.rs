//! NetworkPolicies between services, as a client sees them.

use super::{
    rest::{Cluster, deployment},
    *,
};

const WEB: &str = "/apis/apps/v1/namespaces/shop/deployments/web";
const POLICIES: &str = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies";

fn service(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"selector": {"app": name}, "ports": [{"port": 5432}]}})
}

fn cluster() -> Cluster {
    let mut web = deployment("web", 2);
    web["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] = json!({"httpGet": {"path": "/", "port": 80}});
    let rest = "workloads:\n  - {namespace: shop, name: web, needs: [db]}\n";
    Cluster::new(&[deployment("db", 1), service("db"), service("web"), web], rest)
}

fn policy(ingress: Value) -> Value {
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "db"},
        "spec": {"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Ingress"], "ingress": ingress}})
}

async fn ready_pods(cluster: &Cluster) -> i64 {
    cluster.get(WEB).await["status"]["readyReplicas"].as_i64().unwrap_or(0)
}

#[tokio::test]
async fn a_policy_that_denies_makes_the_callers_unready_until_it_is_mended() {
    let cluster = cluster();
    cluster.live(30);
    assert_eq!(ready_pods(&cluster).await, 2);
    assert_eq!(
        cluster
            .post(
                POLICIES,
                &policy(json!([{"from": [{"podSelector": {"matchLabels": {"app": "admin"}}}]}]))
            )
            .await
            .code,
        201
    );
    cluster.live(20);
    assert_eq!(ready_pods(&cluster).await, 2, "three probes have to fail");
    cluster.live(20);
    assert_eq!(ready_pods(&cluster).await, 0);
    let endpoints = cluster.get("/api/v1/namespaces/shop/endpoints/web").await;
    assert!(endpoints["subsets"][0].get("addresses").is_none());
    let pods = cluster.items("/api/v1/namespaces/shop/pods?labelSelector=app=web").await;
    let events = cluster.events(obj::name(&pods[0])).await;
    assert!(
        events
            .iter()
            .any(|(reason, why)| reason == "Unhealthy" && why.ends_with("5432: i/o timeout")),
        "{events:?}"
    );
    let open = json!({"spec": {"ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": 5432}]}]}});
    cluster.merge(&format!("{POLICIES}/db"), &open).await;
    cluster.live(5);
    assert_eq!(ready_pods(&cluster).await, 2);
}

#[tokio::test]
async fn a_service_without_ready_pods_takes_its_callers_along() {
    let cluster = cluster();
    cluster.live(30);
    cluster
        .merge("/apis/apps/v1/namespaces/shop/deployments/db", &json!({"spec": {"replicas": 0}}))
        .await;
    cluster.live(60);
    assert_eq!(ready_pods(&cluster).await, 0);
    cluster
        .merge("/apis/apps/v1/namespaces/shop/deployments/db", &json!({"spec": {"replicas": 1}}))
        .await;
    cluster.live(30);
    assert_eq!(ready_pods(&cluster).await, 2);
}
