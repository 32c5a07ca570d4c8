//! Custom resources, and the controllers of Argo CD, Flux and snapshots, as a client sees them.

use super::{
    rest::{Cluster, deployment},
    *,
};

const APP: &str = "/apis/argoproj.io/v1alpha1/namespaces/shop/applications/web";
const WEB: &str = "/apis/apps/v1/namespaces/shop/deployments/web";

fn application(policy: Value) -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "web", "namespace": "shop"}, "spec": {
        "source": {"repoURL": "https://git.example.com/shop.git", "path": "web", "targetRevision": "main"},
        "destination": {"namespace": "shop"}, "syncPolicy": policy},
        "status": {"sync": {"revision": "aaa111"}, "history": [{"id": 0, "revision": "aaa111"}]}})
}

fn labelled(label: &str) -> Value {
    let mut web = deployment("web", 2);
    web["metadata"]["labels"] = json!({label: "web"});
    web
}

fn replicas(count: i64) -> Value {
    json!({"spec": {"replicas": count}})
}

#[tokio::test]
async fn a_definition_makes_a_kind_that_is_served_like_any_other() {
    let cluster = Cluster::new(&[], "");
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "shards.db.example.com"},
        "spec": {"group": "db.example.com", "scope": "Namespaced", "names": {"kind": "Shard", "plural": "shards", "singular": "shard", "shortNames": ["sh"]},
            "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}});
    let path = "/apis/db.example.com/v1/namespaces/shop/shards";
    assert_eq!(cluster.send("GET", path, "", &Value::Null).await.code, 404);
    let made = cluster
        .post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition)
        .await;
    assert_eq!(made.code, 201, "{}", made.body);
    cluster.live(1);
    let stored = cluster
        .get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/shards.db.example.com")
        .await;
    assert!(obj::is_true(&stored, "Established"));
    let groups = cluster.get("/apis").await["groups"].clone();
    assert!(groups.as_array().unwrap().iter().any(|group| group["name"] == "db.example.com"));
    let listed = cluster.get("/apis/db.example.com/v1").await;
    assert_eq!(listed["resources"][0]["shortNames"][0], "sh");
    let shard = json!({"apiVersion": "db.example.com/v1", "kind": "Shard", "metadata": {"name": "one"}, "spec": {"size": 3, "deep": {"a": [1]}}, "status": {"x": 1}});
    let made = cluster.post(path, &shard).await.body;
    assert_eq!(
        (&made["spec"]["deep"]["a"][0], &made["metadata"]["generation"]),
        (&json!(1), &json!(1)),
        "{made}"
    );
    let one = format!("{path}/one");
    let dry = cluster
        .merge(&format!("{one}?dryRun=All"), &json!({"spec": {"size": 9}}))
        .await
        .body;
    assert_eq!(dry["spec"]["size"], 9);
    let operations = json!([{"op": "test", "path": "/spec/size", "value": 3}, {"op": "replace", "path": "/spec/size", "value": 4}]);
    let patched = cluster.send("PATCH", &one, "application/json-patch+json", &operations).await.body;
    assert_eq!(
        (&patched["spec"]["size"], &patched["metadata"]["generation"]),
        (&json!(4), &json!(2))
    );
    let status = cluster
        .merge(&format!("{one}/status"), &json!({"status": {"ready": true}, "spec": {"size": 7}}))
        .await
        .body;
    assert_eq!((&status["spec"]["size"], &status["status"]["ready"]), (&json!(4), &json!(true)));
    let strategic = cluster
        .send("PATCH", &one, "application/strategic-merge-patch+json", &json!({"spec": {}}))
        .await;
    assert_eq!(strategic.code, 415);
    let applied = cluster
        .send(
            "PATCH",
            &format!("{one}?fieldManager=me&force=true"),
            "application/apply-patch+yaml",
            &json!({"apiVersion": "db.example.com/v1", "kind": "Shard", "metadata": {"name": "one"}, "spec": {"size": 11}}),
        )
        .await;
    assert_eq!(
        (applied.code.as_u16(), &applied.body["spec"]["size"]),
        (200, &json!(11)),
        "{}",
        applied.body
    );
}

#[tokio::test]
async fn argo_puts_drift_back_where_it_heals() {
    let heal = json!({"automated": {"selfHeal": true}});
    let cluster = Cluster::new(&[labelled("app.kubernetes.io/instance"), application(heal)], "");
    cluster.live(10);
    let app = cluster.get(APP).await;
    assert_eq!(
        (&app["status"]["sync"]["status"], &app["status"]["health"]["status"]),
        (&json!("Synced"), &json!("Healthy")),
        "{app}"
    );
    cluster.merge(WEB, &replicas(5)).await;
    cluster.live(2);
    assert_eq!(cluster.get(APP).await["status"]["sync"]["status"], "OutOfSync");
    assert_eq!(cluster.get(WEB).await["spec"]["replicas"], 5);
    cluster.live(12);
    assert_eq!(cluster.get(WEB).await["spec"]["replicas"], 2, "a direct edit does not last");
    assert_eq!(cluster.get(APP).await["status"]["sync"]["status"], "Synced");
}

#[tokio::test]
async fn argo_syncs_and_rolls_back_when_it_is_asked() {
    let git = "git:\n  - {revision: bbb222, objects: [{kind: Deployment, metadata: {name: web}, spec: {replicas: 4}}]}\n  \
               - {revision: aaa111, objects: [{kind: Deployment, metadata: {name: web}, spec: {replicas: 2}}]}\n";
    let cluster = Cluster::new(&[labelled("app.kubernetes.io/instance"), application(json!({}))], git);
    cluster.live(10);
    cluster.merge(WEB, &replicas(5)).await;
    cluster.live(30);
    assert_eq!(cluster.get(WEB).await["spec"]["replicas"], 5, "nobody heals");
    for (revision, count, phase) in [("bbb222", 4, "Succeeded"), ("aaa111", 2, "Succeeded"), ("nonsense", 2, "Failed")] {
        let sync = json!({"operation": {"initiatedBy": {"username": "me"}, "sync": {"revision": revision}}});
        assert_eq!(cluster.merge(APP, &sync).await.code, 200);
        cluster.live(1);
        let app = cluster.get(APP).await;
        assert_eq!(app["status"]["operationState"]["phase"], "Running", "{revision}");
        assert!(app.get("operation").is_none());
        cluster.live(10);
        let app = cluster.get(APP).await;
        assert_eq!(app["status"]["operationState"]["phase"], phase, "{revision}");
        assert_eq!(cluster.get(WEB).await["spec"]["replicas"], count, "{revision}");
    }
    let app = cluster.get(APP).await;
    let history: Vec<&str> = app["status"]["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|h| obj::text(h, "/revision"))
        .collect();
    assert_eq!(history, ["aaa111", "bbb222", "aaa111"]);
    assert_eq!(app["status"]["sync"]["revision"], "aaa111");
}

#[tokio::test]
async fn flux_reconciles_on_request_unless_it_is_suspended() {
    let path = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/shop/kustomizations/web";
    let kustomization = json!({"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": {"name": "web", "namespace": "shop"}, "spec": {"interval": "10m", "path": "./web"}});
    let cluster = Cluster::new(&[labelled("kustomize.toolkit.fluxcd.io/name"), kustomization], "");
    cluster.live(10);
    assert!(obj::is_true(&cluster.get(path).await, "Ready"));
    let request = |at: &str| json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": at}}});
    cluster.merge(path, &json!({"spec": {"suspend": true}})).await;
    cluster.merge(WEB, &replicas(5)).await;
    cluster.merge(path, &request("one")).await;
    cluster.live(1200);
    assert_eq!(cluster.get(WEB).await["spec"]["replicas"], 5);
    assert!(cluster.get(path).await["status"].get("lastHandledReconcileAt").is_none());
    cluster.merge(path, &json!({"spec": {"suspend": false}})).await;
    cluster.live(10);
    let now = cluster.get(path).await;
    assert_eq!(
        (&now["status"]["lastHandledReconcileAt"], &now["status"]["observedGeneration"]),
        (&json!("one"), &now["metadata"]["generation"])
    );
    assert_eq!(cluster.get(WEB).await["spec"]["replicas"], 2);
    cluster.merge(WEB, &replicas(6)).await;
    cluster.live(700);
    assert_eq!(cluster.get(WEB).await["spec"]["replicas"], 2, "the interval is over");
    let release = json!({"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": "x", "namespace": "shop"}, "spec": {}});
    let other = Cluster::new(&[release], "");
    other.live(10);
    let now = other.get("/apis/helm.toolkit.fluxcd.io/v2/namespaces/shop/helmreleases/x").await;
    assert_eq!(obj::condition(&now, "Ready").unwrap()["reason"], "UpgradeSucceeded");
}

#[tokio::test]
async fn a_snapshot_of_a_bound_claim_becomes_ready() {
    let objects = [
        json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "fast"}, "provisioner": "csi.example.com"}),
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "shop"},
            "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "fast", "resources": {"requests": {"storage": "3Gi"}}}}),
        json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotClass", "metadata": {"name": "csi"},
            "driver": "csi.example.com", "deletionPolicy": "Delete"}),
    ];
    let cluster = Cluster::new(&objects, "");
    cluster.live(2);
    let path = "/apis/snapshot.storage.k8s.io/v1/namespaces/shop/volumesnapshots";
    for (name, claim) in [("good", "data"), ("bad", "nothing")] {
        let snapshot = json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "metadata": {"name": name},
            "spec": {"volumeSnapshotClassName": "csi", "source": {"persistentVolumeClaimName": claim}}});
        assert_eq!(cluster.post(path, &snapshot).await.code, 201);
    }
    cluster.live(1);
    assert_eq!(cluster.get(&format!("{path}/good")).await["status"]["readyToUse"], false);
    cluster.live(5);
    let good = cluster.get(&format!("{path}/good")).await;
    assert_eq!(
        (&good["status"]["readyToUse"], &good["status"]["restoreSize"]),
        (&json!(true), &json!("3Gi"))
    );
    let bad = cluster.get(&format!("{path}/bad")).await;
    assert!(obj::text(&bad, "/status/error/message").contains("cannot get claim from snapshot"));
}
