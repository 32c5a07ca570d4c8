//! Jobs, CronJobs and volumes.

use paramedic_simulator::store::Gvr;
use serde_json::{Value, json};

use super::case::{Case, definition};

fn job(name: &str, suspended: bool, command: &[&str]) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": "production"},
        "spec": {"suspend": suspended, "backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never",
            "containers": [{"name": "c", "image": "registry.example.com/tools/import:1", "command": command}]}}}})
}

fn cron(name: &str, suspended: bool) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": name, "namespace": "production"},
        "spec": {"schedule": "0 3 1 1 *", "suspend": suspended, "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never",
            "containers": [{"name": "c", "image": "registry.example.com/tools/report:1"}]}}}}}})
}

fn claim(name: &str) -> Vec<Value> {
    vec![
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": "production"},
            "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "fast", "resources": {"requests": {"storage": "512Mi"}}}}),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("{name}-writer"), "namespace": "production"}, "spec": {
            "containers": [{"name": "writer", "image": "registry.example.com/tools/writer:1", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": name}}]}}),
    ]
}

fn named(kind: &str, name: &str) -> Value {
    json!({kind: name, "namespace": "production"})
}

pub(super) fn cases() -> Vec<Case> {
    let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "fast"},
        "provisioner": "csi.example.com", "allowVolumeExpansion": true, "volumeBindingMode": "Immediate"});
    let group = "snapshot.storage.k8s.io";
    vec![
        Case::of("suspend_cronjob", named("cronJob", "nightly"))
            .given([cron("nightly", false)])
            .seen(|seen| assert_eq!(seen.between[0]["spec"]["suspend"], true)),
        Case::of("resume_cronjob", named("cronJob", "weekly"))
            .given([cron("weekly", true)])
            .seen(|seen| assert_eq!(seen.between[0]["spec"]["suspend"], false)),
        Case::of("suspend_job", named("job", "long"))
            .given([job("long", false, &["sleep", "100000"])])
            .seen(|seen| assert_eq!(seen.between[0]["spec"]["suspend"], true)),
        Case::of("resume_job", named("job", "held"))
            .given([job("held", true, &["sleep", "100000"])])
            .seen(|seen| assert_eq!(seen.between[0]["spec"]["suspend"], false)),
        Case::of(
            "run_job",
            json!({"namespace": "production", "image": "registry.example.com/tools/vacuum:1.4", "command": ["sleep", "5"]}),
        )
        .seen(|seen| {
            assert!(seen.before[0].is_null());
            assert_eq!(seen.between[0]["status"]["succeeded"], 1);
            assert_eq!(
                seen.after[0]["metadata"]["uid"], seen.between[0]["metadata"]["uid"],
                "its record stays"
            );
        }),
        Case::of("rerun_job", named("job", "import"))
            .given([job("import", false, &["sleep", "1"])])
            .seen(|seen| assert_eq!(seen.between[0]["status"]["succeeded"], 1)),
        Case::of("cleanup_finished_jobs", json!({"namespace": "production", "olderThan": "1s"})).seen(|seen| {
            assert!(seen.before.len() >= 3, "those that ran before: {:?}", seen.before);
            assert!(seen.between.iter().all(Value::is_null));
        }),
        Case::of("delete_evicted", json!({"namespace": "production"}))
            .before(|stage| {
                // It was evicted before anybody looks: no scheduler and no kubelet writes over that.
                let evicted = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pushed-out", "namespace": "production"},
                    "spec": {"containers": [{"name": "c", "image": "registry.example.com/tools/report:1"}]},
                    "status": {"phase": "Failed", "reason": "Evicted", "message": "the node was low on memory"}});
                stage.store.create(&Gvr::new("", "v1", "pods"), evicted).unwrap();
            })
            .seen(|seen| assert!(seen.between[0].is_null())),
        Case::of("expand_pvc", json!({"pvc": "data", "namespace": "production", "size": "1Gi"}))
            .given([class].into_iter().chain(claim("data")))
            .seen(|seen| {
                assert_eq!(seen.between[0]["status"]["capacity"]["storage"], "1Gi");
                assert_eq!(seen.after[0]["spec"]["resources"]["requests"]["storage"], "1Gi");
            }),
        Case::of("snapshot_volume", named("pvc", "data"))
            .given(["VolumeSnapshot", "VolumeSnapshotContent"].map(|kind| definition(group, "v1", kind)))
            .seen(|seen| {
                assert_eq!(seen.between[0]["status"]["readyToUse"], true);
                assert!(seen.summary.contains("can be used"), "{}", seen.summary);
                assert_eq!(
                    seen.after[0]["metadata"]["uid"], seen.between[0]["metadata"]["uid"],
                    "a backup stays"
                );
            }),
        Case::of("backup_data", named("pvc", "data")).seen(|seen| assert_eq!(seen.between[0]["status"]["readyToUse"], true)),
    ]
}
