//! Claims, volumes and their growth, as a client sees them.

use super::{
    rest::{Cluster, true_conditions},
    *,
};

const CLAIM: &str = "/api/v1/namespaces/shop/persistentvolumeclaims/data";

fn class(name: &str, grows: bool, mode: &str) -> Value {
    json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}, "provisioner": "csi.example.com",
        "allowVolumeExpansion": grows, "volumeBindingMode": mode, "reclaimPolicy": "Delete"})
}

fn claim(class: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "shop"},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": class, "resources": {"requests": {"storage": "10Gi"}}}})
}

fn user() -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "db"}, "spec": {
        "containers": [{"name": "db", "image": "example/db:1"}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}})
}

fn size(text: &str) -> Value {
    json!({"spec": {"resources": {"requests": {"storage": text}}}})
}

#[tokio::test]
async fn a_claim_waits_for_its_first_pod_when_its_class_says_so() {
    let cluster = Cluster::new(&[class("fast", true, "WaitForFirstConsumer"), claim("fast")], "");
    cluster.live(5);
    assert_eq!(cluster.get(CLAIM).await["status"]["phase"], "Pending");
    assert_eq!(cluster.events("data").await[0].0, "WaitForFirstConsumer");
    cluster.post("/api/v1/namespaces/shop/pods", &user()).await;
    cluster.live(5);
    let bound = cluster.get(CLAIM).await;
    assert_eq!(
        (&bound["status"]["phase"], &bound["status"]["capacity"]["storage"]),
        (&json!("Bound"), &json!("10Gi"))
    );
    let volume = cluster
        .get(&format!(
            "/api/v1/persistentvolumes/{}",
            bound["spec"]["volumeName"].as_str().unwrap()
        ))
        .await;
    assert_eq!(volume["spec"]["claimRef"]["name"], "data");
    assert_eq!(cluster.get("/api/v1/namespaces/shop/pods/db").await["status"]["phase"], "Running");
}

#[tokio::test]
async fn a_pod_without_its_claim_is_not_scheduled() {
    let cluster = Cluster::new(&[], "");
    cluster.post("/api/v1/namespaces/shop/pods", &user()).await;
    cluster.live(2);
    let pod = cluster.get("/api/v1/namespaces/shop/pods/db").await;
    let why = obj::condition(&pod, "PodScheduled").unwrap()["message"].as_str().unwrap();
    assert_eq!(why, "0/3 nodes are available: persistentvolumeclaim \"data\" not found.");
}

#[tokio::test]
async fn a_claim_grows_in_two_steps_and_never_shrinks() {
    let volumes = "volumes:\n  - {namespace: shop, claim: data, used_mib: 9000, fills_bytes_per_minute: 1048576}\n";
    let cluster = Cluster::new(&[class("fast", true, "Immediate"), claim("fast")], volumes);
    cluster.post("/api/v1/namespaces/shop/pods", &user()).await;
    cluster.live(10);
    let accepted = cluster.merge(CLAIM, &size("20Gi")).await;
    assert_eq!(accepted.code, 200, "{}", accepted.body);
    let mut seen = Vec::new();
    cluster.watch(20, |world| {
        let claim = world.store().get(&Gvr::persistent_volume_claims(), Some("shop"), "data").unwrap();
        let now: Vec<String> = true_conditions(&claim).into_iter().map(str::to_owned).collect();
        if seen.last() != Some(&now) {
            seen.push(now);
        }
    });
    assert_eq!(
        seen,
        [vec!["Resizing".to_owned()], vec!["FileSystemResizePending".to_owned()], vec![]]
    );
    assert_eq!(cluster.get(CLAIM).await["status"]["capacity"]["storage"], "20Gi");
    let events = cluster.events("db").await;
    assert!(
        events.iter().any(|(reason, _)| reason == "FileSystemResizeSuccessful"),
        "{events:?}"
    );
    let less = cluster.merge(CLAIM, &size("5Gi")).await;
    assert_eq!(less.code, 422);
    assert_eq!(
        less.body["message"],
        "PersistentVolumeClaim \"data\" is invalid: spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"
    );
    let other = cluster.merge(CLAIM, &json!({"spec": {"accessModes": ["ReadWriteMany"]}})).await;
    assert!(
        other.body["message"].as_str().unwrap().contains("spec is immutable after creation"),
        "{}",
        other.body
    );
    // What the kubelet measures follows.
    let view = crate::telemetry::source::View::of(&cluster.world);
    let all = crate::telemetry::source::Source::series(&view, &|name| name.starts_with("kubelet_volume_stats"));
    let now = obj::secs(cluster.world.clock().now());
    let value = |name: &str, t: f64| {
        all.iter()
            .find(|s| s.labels.get("__name__") == name)
            .and_then(|s| (s.sample)(t))
            .unwrap()
    };
    let gib = 1_073_741_824.0;
    assert_eq!(value("kubelet_volume_stats_capacity_bytes", now), 20.0 * gib);
    assert_eq!(value("kubelet_volume_stats_capacity_bytes", now - 18.0), 10.0 * gib);
    let used = value("kubelet_volume_stats_used_bytes", now + 600.0);
    assert_eq!(
        used.round(),
        (9000.0 * 1_048_576.0 + (600.0 + now - obj::secs(cluster.world.origin())) / 60.0 * 1_048_576.0).round()
    );
}

#[tokio::test]
async fn a_claim_of_a_class_that_does_not_grow_is_refused() {
    let cluster = Cluster::new(&[class("slow", false, "Immediate"), claim("slow")], "");
    cluster.live(5);
    let refused = cluster.merge(CLAIM, &size("20Gi")).await;
    assert_eq!(refused.code, 403);
    assert_eq!(
        refused.body["message"],
        "persistentvolumeclaims \"data\" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that \
         provisions the pvc must support resize"
    );
    cluster.delete(CLAIM).await;
    cluster.live(2);
    assert!(
        cluster.items("/api/v1/persistentvolumes").await.is_empty(),
        "the volume goes with its claim"
    );
}

#[tokio::test]
async fn a_pod_goes_where_its_local_volume_is_or_nowhere() {
    let disk = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "disk"}, "status": {"phase": "Available"}, "spec": {
        "capacity": {"storage": "10Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "local", "local": {"path": "/mnt/disk"},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
            {"key": "kubernetes.io/hostname", "operator": "In", "values": ["node-1"]}]}]}}}});
    let cluster = Cluster::new(&[class("local", false, "WaitForFirstConsumer"), disk, claim("local")], "");
    cluster
        .merge("/api/v1/nodes/node-1", &json!({"spec": {"unschedulable": true}}))
        .await;
    cluster.post("/api/v1/namespaces/shop/pods", &user()).await;
    cluster.live(5);
    let pod = cluster.get("/api/v1/namespaces/shop/pods/db").await;
    let why = obj::condition(&pod, "PodScheduled").unwrap()["message"].as_str().unwrap();
    assert_eq!(
        why,
        "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) had volume node affinity conflict."
    );
    cluster
        .merge("/api/v1/nodes/node-1", &json!({"spec": {"unschedulable": null}}))
        .await;
    cluster.live(5);
    assert_eq!(cluster.get("/api/v1/namespaces/shop/pods/db").await["spec"]["nodeName"], "node-1");
}
