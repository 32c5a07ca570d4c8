//! In-place resize, as a client sees it.

use super::{
    rest::{Cluster, deployment, true_conditions},
    *,
};

const PODS: &str = "/api/v1/namespaces/shop/pods";

fn wish(resources: Value) -> Value {
    json!({"spec": {"containers": [{"name": "app", "resources": resources}]}})
}

async fn resize(cluster: &Cluster, name: &str, resources: Value) -> rest::Answer {
    let kind = "application/strategic-merge-patch+json";
    cluster
        .send("PATCH", &format!("{PODS}/{name}/resize"), kind, &wish(resources))
        .await
}

async fn pod_of(cluster: &Cluster) -> Value {
    cluster.items(PODS).await.remove(0)
}

#[tokio::test]
async fn a_running_pod_gets_other_resources_without_a_restart() {
    let cluster = Cluster::new(&[deployment("web", 1)], "");
    cluster.live(10);
    let name = obj::name(&pod_of(&cluster).await).to_owned();
    let resources = cluster.get("/api/v1").await["resources"].clone();
    assert!(resources.as_array().unwrap().iter().any(|r| r["name"] == "pods/resize"));
    let answer = resize(&cluster, &name, json!({"requests": {"memory": "256Mi"}})).await;
    assert_eq!(answer.code, 200, "{}", answer.body);
    cluster.live(1);
    let pod = pod_of(&cluster).await;
    assert!(true_conditions(&pod).contains(&"PodResizeInProgress"));
    assert_eq!(status_of(&pod)["allocatedResources"]["memory"], "256Mi");
    assert_eq!(status_of(&pod)["resources"]["requests"]["memory"], "64Mi");
    cluster.live(10);
    let pod = pod_of(&cluster).await;
    assert!(!true_conditions(&pod).contains(&"PodResizeInProgress"));
    assert_eq!(status_of(&pod)["resources"]["requests"]["memory"], "256Mi");
    assert_eq!(
        (status_of(&pod)["restartCount"].as_i64(), obj::name(&pod)),
        (Some(0), name.as_str())
    );
}

#[tokio::test]
async fn a_resize_that_does_not_fit_is_infeasible_or_deferred() {
    let cluster = Cluster::new(&[deployment("web", 1)], "");
    cluster.live(10);
    let name = obj::name(&pod_of(&cluster).await).to_owned();
    for (memory, reason) in [("64Gi", "Infeasible"), ("256Mi", "")] {
        assert_eq!(resize(&cluster, &name, json!({"requests": {"memory": memory}})).await.code, 200);
        cluster.live(10);
        let pod = pod_of(&cluster).await;
        let pending = obj::condition(&pod, "PodResizePending").map_or("", |c| obj::text(c, "/reason"));
        assert_eq!(pending, reason, "{memory}");
    }
    let node = obj::text(&pod_of(&cluster).await, "/spec/nodeName").to_owned();
    let big = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "big"}, "spec": {"nodeName": node,
        "containers": [{"name": "big", "image": "example/big:1", "resources": {"requests": {"memory": "7Gi"}}}]}});
    cluster.post(PODS, &big).await;
    cluster.live(5);
    resize(&cluster, &name, json!({"requests": {"memory": "2Gi"}})).await;
    cluster.live(5);
    let pod = cluster.get(&format!("{PODS}/{name}")).await;
    assert_eq!(obj::condition(&pod, "PodResizePending").unwrap()["reason"], "Deferred");
    cluster.delete(&format!("{PODS}/big?gracePeriodSeconds=0")).await;
    cluster.live(10);
    let pod = cluster.get(&format!("{PODS}/{name}")).await;
    assert_eq!(status_of(&pod)["resources"]["requests"]["memory"], "2Gi", "there is room now");
}

#[tokio::test]
async fn a_resize_never_changes_the_quality_of_service_or_other_fields() {
    let cluster = Cluster::new(&[deployment("web", 1)], "");
    cluster.live(10);
    let name = obj::name(&pod_of(&cluster).await).to_owned();
    let same = json!({"cpu": "100m", "memory": "64Mi"});
    let refused = resize(&cluster, &name, json!({"limits": same, "requests": same})).await;
    assert_eq!(refused.code, 422);
    let message = refused.body["message"].as_str().unwrap();
    assert!(
        message.contains("Pod QOS Class may not change as a result of resizing"),
        "{message}"
    );
    let plain = cluster
        .send(
            "PATCH",
            &format!("{PODS}/{name}"),
            "application/strategic-merge-patch+json",
            &wish(json!({"requests": {"memory": "1Gi"}})),
        )
        .await;
    assert_eq!(plain.code, 422, "outside the subresource resources are fixed");
}

#[tokio::test]
async fn a_container_that_asks_for_it_is_restarted() {
    let mut web = deployment("web", 1);
    web["spec"]["template"]["spec"]["containers"][0]["resizePolicy"] =
        json!([{"resourceName": "memory", "restartPolicy": "RestartContainer"}]);
    let cluster = Cluster::new(&[web], "");
    cluster.live(10);
    let name = obj::name(&pod_of(&cluster).await).to_owned();
    resize(&cluster, &name, json!({"requests": {"cpu": "200m"}})).await;
    cluster.live(10);
    assert_eq!(status_of(&pod_of(&cluster).await)["restartCount"], 0);
    resize(&cluster, &name, json!({"requests": {"memory": "128Mi"}})).await;
    cluster.live(10);
    let pod = pod_of(&cluster).await;
    assert_eq!(status_of(&pod)["restartCount"], 1);
    assert!(obj::is_true(&pod, "Ready"));
}
