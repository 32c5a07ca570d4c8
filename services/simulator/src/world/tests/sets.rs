//! StatefulSets and DaemonSets, as a client sees them.

use super::{
    rest::{Cluster, template},
    *,
};

const PODS: &str = "/api/v1/namespaces/shop/pods";
const AGENT: &str = "/apis/apps/v1/namespaces/shop/daemonsets/agent";
const DB: &str = "/apis/apps/v1/namespaces/shop/statefulsets/db";

fn daemon_set() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "agent"}}, "template": template("agent")}})
}

fn stateful_set(rest: Value) -> Value {
    let mut spec = json!({"replicas": 3, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}}, "template": template("db")});
    json_patch::merge(&mut spec, &rest);
    json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "shop"}, "spec": spec})
}

fn image(tag: &str) -> Value {
    json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": format!("example/app:{tag}")}]}}}})
}

fn images(pods: &[Value]) -> Vec<&str> {
    pods.iter()
        .map(|pod| obj::text(pod, "/spec/containers/0/image").rsplit(':').next().unwrap())
        .collect()
}

#[tokio::test]
async fn a_daemon_set_runs_on_every_node_even_a_cordoned_one() {
    let cluster = Cluster::new(&[], "");
    cluster
        .merge("/api/v1/nodes/node-2", &json!({"spec": {"unschedulable": true}}))
        .await;
    cluster.post("/apis/apps/v1/namespaces/shop/daemonsets", &daemon_set()).await;
    cluster.live(10);
    let status = cluster.get(AGENT).await["status"].clone();
    let numbers = [
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "numberAvailable",
        "updatedNumberScheduled",
    ];
    assert_eq!(numbers.map(|key| status[key].as_i64()), [Some(3); 5], "{status}");
    let taint = json!({"spec": {"unschedulable": null, "taints": [{"key": "gpu", "effect": "NoExecute"}]}});
    cluster.merge("/api/v1/nodes/node-2", &taint).await;
    cluster.live(10);
    assert_eq!(cluster.get(AGENT).await["status"]["desiredNumberScheduled"], 2);
    assert_eq!(cluster.items(PODS).await.len(), 2);
}

#[tokio::test]
async fn a_daemon_set_is_rolled_node_by_node() {
    let cluster = Cluster::new(&[daemon_set()], "");
    cluster.live(10);
    cluster.merge(AGENT, &image("2")).await;
    let mut fewest = 3;
    cluster.watch(60, |world| fewest = fewest.min(ready(&pods(world, "agent"))));
    assert_eq!(fewest, 2, "maxUnavailable is 1");
    assert_eq!(images(&cluster.items(PODS).await), ["2", "2", "2"]);
    let revisions = cluster.items("/apis/apps/v1/namespaces/shop/controllerrevisions").await;
    assert_eq!(revisions.len(), 2);
}

#[tokio::test]
async fn a_stateful_set_rolls_from_its_last_pod_down_to_its_partition() {
    let partition = json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}});
    let cluster = Cluster::new(&[stateful_set(partition)], "");
    cluster.live(60);
    cluster.merge(DB, &image("2")).await;
    let mut order = Vec::new();
    cluster.watch(60, |world| {
        let new: Vec<String> = pods(world, "db")
            .iter()
            .filter(|pod| obj::text(pod, "/spec/containers/0/image").ends_with(":2"))
            .map(|pod| obj::name(pod).to_owned())
            .collect();
        if order.last() != Some(&new) {
            order.push(new);
        }
    });
    let names = |list: &[&str]| list.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    assert_eq!(order, [names(&[]), names(&["db-2"]), names(&["db-1", "db-2"])]);
    // A pod below the partition comes back as it was, with another uid.
    let before = cluster.get(&format!("{PODS}/db-0")).await;
    cluster.delete(&format!("{PODS}/db-0")).await;
    cluster.live(20);
    let after = cluster.get(&format!("{PODS}/db-0")).await;
    assert_ne!(before["metadata"]["uid"], after["metadata"]["uid"]);
    assert_eq!(images(&[after]), ["1"]);
    assert_eq!(cluster.get(DB).await["status"]["updatedReplicas"], 2);
}

#[tokio::test]
async fn on_delete_waits_for_somebody_to_delete_the_pods() {
    let cluster = Cluster::new(
        &[stateful_set(
            json!({"updateStrategy": {"type": "OnDelete"}, "podManagementPolicy": "Parallel"}),
        )],
        "",
    );
    cluster.live(10);
    assert_eq!(cluster.items(PODS).await.len(), 3, "in parallel there is no waiting");
    cluster.merge(DB, &image("2")).await;
    cluster.live(60);
    assert_eq!(images(&cluster.items(PODS).await), ["1", "1", "1"]);
    cluster.delete(&format!("{PODS}/db-1")).await;
    cluster.live(20);
    assert_eq!(images(&cluster.items(PODS).await), ["1", "2", "1"]);
}

#[tokio::test]
async fn every_pod_of_a_stateful_set_has_claims_that_outlive_it() {
    let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "fast"},
        "provisioner": "csi.example.com", "volumeBindingMode": "WaitForFirstConsumer"});
    let claims = json!({"volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
        "storageClassName": "fast", "resources": {"requests": {"storage": "1Gi"}}}}]});
    let cluster = Cluster::new(&[class, stateful_set(claims)], "");
    cluster.live(60);
    let names = async || {
        let all = cluster.items("/api/v1/namespaces/shop/persistentvolumeclaims").await;
        assert!(all.iter().all(|claim| claim["status"]["phase"] == "Bound"));
        all.iter().map(|claim| obj::name(claim).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["data-db-0", "data-db-1", "data-db-2"]);
    cluster.merge(DB, &json!({"spec": {"replicas": 1}})).await;
    cluster.live(60);
    assert_eq!((cluster.items(PODS).await.len(), names().await.len()), (1, 3));
}
