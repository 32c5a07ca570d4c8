//! Nodes, volumes, Jobs, network policies and Argo CD.

use paramedic_bus::consume::{Handler, Verdict};
use paramedic_domain::{
    event::{Direction, Event},
    workflow::StepState,
};
use paramedic_simulator::store::Gvr;
use paramedic_testkit::eventually;
use serde_json::{Value, json};

use super::{given, object, run, there_and_back};
use crate::{recommended::propose, stage::Stage};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_cordoned_and_emptied_once_and_takes_pods_again() {
    let params = json!({"node": "worker-3", "deleteEmptyDirData": true});
    let seen = there_and_back(&[], ("drain", "drain", params, &[]), |stage| {
        let node = stage.store.get(&Gvr::new("", "v1", "nodes"), None, "worker-3").unwrap();
        let (pods, _) = stage.store.list(&Gvr::new("", "v1", "pods"), None);
        let there = pods.iter().filter(|pod| pod["spec"]["nodeName"] == "worker-3").count();
        json!({"cordoned": node["spec"]["unschedulable"], "pods": there})
    })
    .await;
    assert_eq!(seen.between, json!({"cordoned": true, "pods": 0}));
    assert_eq!(seen.after["cordoned"], seen.before["cordoned"]);
    let evictions = seen.mutated.iter().filter(|entry| entry.ends_with("eviction")).count();
    assert!(evictions as u64 >= seen.before["pods"].as_u64().unwrap(), "{:?}", seen.mutated);
    let patches: Vec<&String> = seen.mutated.iter().filter(|entry| entry.starts_with("patch")).collect();
    assert_eq!(patches, ["patch worker-3", "patch worker-3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_grows_once_and_stays() {
    let stage = Stage::start().await;
    let objects = [
        json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "fast"},
            "provisioner": "csi.example.com", "allowVolumeExpansion": true, "volumeBindingMode": "Immediate"}),
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "production"},
            "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "fast", "resources": {"requests": {"storage": "512Mi"}}}}),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "writer", "namespace": "production"}, "spec": {
            "containers": [{"name": "writer", "image": "registry.example.com/tools/writer:1", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}}),
    ];
    given(&stage, &objects).await;
    let claims = Gvr::new("", "v1", "persistentvolumeclaims");
    eventually!(object(&stage, &claims, "data")["status"]["phase"] == "Bound");
    eventually!(object(&stage, &Gvr::new("", "v1", "pods"), "writer")["status"]["phase"] == "Running");
    let earlier = stage.mutated().len();
    let params = json!({"pvc": "data", "namespace": "production", "size": "1Gi"});
    let plan = propose(&stage, &[("grow", "expand_pvc", params, &[])]).await;
    stage.approve().await;
    run(&stage, &plan, Direction::Forward).await;
    assert_eq!(object(&stage, &claims, "data")["status"]["capacity"]["storage"], "1Gi");
    run(&stage, &plan, Direction::Undo).await;
    assert_eq!(object(&stage, &claims, "data")["spec"]["resources"]["requests"]["storage"], "1Gi");
    assert_eq!(stage.mutated().split_off(earlier), ["patch data"]);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_once_however_often_it_is_delivered_and_its_record_stays() {
    let params = json!({"namespace": "production", "image": "registry.example.com/tools/vacuum:1.4", "command": ["sleep", "5"]});
    let seen = there_and_back(&[], ("job", "run_job", params, &[]), |stage| {
        let (jobs, _) = stage.store.list(&Gvr::new("batch", "v1", "jobs"), Some("production"));
        let ours: Vec<&Value> = jobs
            .iter()
            .filter(|job| job["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "paramedic")
            .collect();
        json!({"jobs": ours.len(), "succeeded": ours.first().map(|job| job["status"]["succeeded"].clone())})
    })
    .await;
    assert_eq!(seen.before["jobs"], 0);
    assert_eq!(seen.between, json!({"jobs": 1, "succeeded": 1}));
    assert_eq!(seen.after, seen.between);
    assert_eq!(seen.mutated, ["create jobs"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cronjob_is_suspended_once_and_resumed() {
    let cron = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly", "namespace": "production"},
        "spec": {"schedule": "0 3 1 1 *", "suspend": false, "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never",
            "containers": [{"name": "c", "image": "registry.example.com/tools/report:1"}]}}}}}});
    let params = json!({"cronJob": "nightly", "namespace": "production"});
    let seen = there_and_back(&[cron], ("pause", "suspend_cronjob", params, &[]), |stage| {
        object(stage, &Gvr::new("batch", "v1", "cronjobs"), "nightly")["spec"]["suspend"].clone()
    })
    .await;
    assert_eq!((seen.before, seen.between, seen.after), (json!(false), json!(true), json!(false)));
    assert_eq!(seen.mutated, ["patch nightly", "patch nightly"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_policy_is_deleted_once_and_created_again_as_it_was() {
    let policy = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": "default-deny", "namespace": "production", "labels": {"by": "hand"}},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}});
    let params = json!({"policy": "default-deny", "namespace": "production"});
    let seen = there_and_back(&[policy], ("allow", "delete_network_policy", params, &[]), |stage| {
        let policy = object(stage, &Gvr::new("networking.k8s.io", "v1", "networkpolicies"), "default-deny");
        json!({"spec": policy["spec"], "labels": policy["metadata"]["labels"]})
    })
    .await;
    assert_eq!(seen.between, json!({"spec": null, "labels": null}));
    assert_eq!(seen.after, seen.before);
    assert_eq!(seen.mutated, ["delete default-deny", "create networkpolicies"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn argo_is_asked_once_to_apply_what_git_says() {
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "applications.argoproj.io"},
        "spec": {"group": "argoproj.io", "scope": "Namespaced",
            "names": {"plural": "applications", "singular": "application", "kind": "Application", "listKind": "ApplicationList"},
            "versions": [{"name": "v1alpha1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}});
    let application = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "checkout", "namespace": "production"},
        "spec": {"project": "default", "source": {"repoURL": "https://git.example.com/checkout", "targetRevision": "main", "path": "."},
            "destination": {"namespace": "production", "server": "https://kubernetes.default.svc"}}});
    let params = json!({"application": "checkout", "namespace": "production"});
    let seen = there_and_back(&[definition, application], ("sync", "argo_sync", params, &[]), |stage| {
        object(stage, &Gvr::new("argoproj.io", "v1alpha1", "applications"), "checkout")["status"]["operationState"]["phase"].clone()
    })
    .await;
    assert_eq!((seen.between, seen.after), (json!("Succeeded"), json!("Succeeded")));
    assert_eq!(seen.mutated, ["patch checkout"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_failed_runs_again_under_another_name_and_fails_the_step_when_it_fails_again() {
    let stage = Stage::start().await;
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "import", "namespace": "production"},
        "spec": {"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never",
            "containers": [{"name": "c", "image": "registry.example.com/tools/import:1", "command": ["false"]}]}}}});
    given(&stage, &[job]).await;
    let jobs = Gvr::new("batch", "v1", "jobs");
    let failed = |job: &Value| {
        job["status"]["conditions"]
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one["type"] == "Failed"))
    };
    eventually!(failed(&object(&stage, &jobs, "import")));
    let earlier = stage.mutated().len();
    let params = json!({"job": "import", "namespace": "production"});
    let plan = propose(&stage, &[("again", "rerun_job", params, &[])]).await;
    stage.approve().await;
    let event = Event::StepScheduled {
        plan: plan.id.clone(),
        step: plan.steps[0].id.clone(),
        direction: Direction::Forward,
        attempt: 1,
    };
    let work = stage.append(vec![event]).await.remove(0);
    let worker = stage.worker(&stage.kit, "one").await;
    assert_eq!(worker.handle(&work, 1).await, Verdict::Done);
    let incident = stage.incident().await;
    let Some(StepState::Failed { message, .. }) = incident.step_state(&plan.steps[0].id) else {
        panic!("{}", stage.transcript().await)
    };
    assert!(message.contains("BackoffLimitExceeded"), "{message}");
    assert_eq!(stage.mutated().split_off(earlier), ["create jobs"]);
    stage.end().await;
}
