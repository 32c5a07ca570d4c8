//! Actions on nodes, volumes, Jobs, network policies and GitOps objects: what they want and what they refuse.

use serde_json::{Value, json};

use paramedic_domain::{change::Wait, object::ObjectRef, plan::Lasts};

use super::workload_tests::{Stage, concerns, edit, requests, values};
use crate::{
    action::Request,
    world::{Kind, served},
};

fn node(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": spec,
        "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
}

fn nodes(stage: Stage) -> Stage {
    let mut stage = stage.with(node("one", json!({"taints": [{"key": "gpu", "effect": "NoSchedule"}]})));
    stage.0.nodes = vec![node("one", json!({})), node("two", json!({}))];
    stage
}

#[test]
fn a_node_is_cordoned_and_tainted_once_and_not_with_what_kubernetes_sets_itself() {
    let mut stage = nodes(Stage::default());
    let draft = stage.draft("cordon_node", json!({"node": "one"})).unwrap();
    assert_eq!(values(&draft), [("/spec/unschedulable".into(), Some(json!(true)))]);
    assert_eq!(concerns(&draft), "");
    assert!(stage.refusal("uncordon", json!({"node": "one"})).contains("is not cordoned"));
    let taint = stage
        .draft(
            "taint",
            json!({"node": "one", "key": "broken", "value": "disk", "effect": "NoExecute"}),
        )
        .unwrap();
    assert_eq!(
        values(&taint)[0].1.clone().unwrap()[1],
        json!({"key": "broken", "value": "disk", "effect": "NoExecute"})
    );
    assert!(concerns(&taint).contains("without asking a budget"));
    let own = json!({"node": "one", "key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"});
    assert!(stage.refusal("taint", own).contains("Kubernetes itself"));
    assert_eq!(
        values(&stage.draft("untaint", json!({"node": "one", "key": "gpu"})).unwrap()),
        [("/spec/taints".into(), None)]
    );
    assert!(
        stage
            .refusal("untaint", json!({"node": "one", "key": "none"}))
            .contains("no such taint")
    );
    stage.0.nodes.pop();
    let last = stage.draft("cordon", json!({"node": "one"})).unwrap();
    assert!(concerns(&last).contains("no other node"), "{}", concerns(&last));
}

fn busy(volumes: Value, alone: bool) -> Stage {
    let reference = ObjectRef::new("v1", "Node", None, "one");
    let mut stage = nodes(Stage::default())
        .pod(&reference, "important", true, json!({"priority": 1000}))
        .pod(&reference, "cache", true, json!({"volumes": volumes}))
        .pod(&reference, "agent", true, json!({}));
    let mut owner = |pod: &str, kind: &str| {
        let pod = ObjectRef::new("v1", "Pod", Some("shop"), pod);
        stage.0.owners.push((pod, ObjectRef::new("apps/v1", kind, Some("shop"), "owner")));
    };
    owner("important", "Deployment");
    owner("agent", "DaemonSet");
    if !alone {
        owner("cache", "Deployment");
    }
    stage
}

#[test]
fn a_drain_evicts_the_least_important_first_and_refuses_what_would_be_lost() {
    let stage = busy(json!([]), false);
    let draft = stage.draft("drain", json!({"node": "one"})).unwrap();
    let found: Vec<String> = requests(&draft)
        .iter()
        .map(|request| match request {
            Request::Edit(edit) => format!("edit {}", edit.target.name),
            Request::Evict { target, owner } => {
                assert!(owner.is_some() && target.uid.is_some());
                format!("evict {}", target.name)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(found, ["edit one", "evict cache", "evict important"]);
    assert!(
        draft.notes.iter().any(|note| note.contains("stay: shop/agent")),
        "{:?}",
        draft.notes
    );
    let local = busy(json!([{"name": "tmp", "emptyDir": {}}]), false);
    assert!(local.refusal("drain", json!({"node": "one"})).contains("shop/cache"));
    let meant = local.draft("drain", json!({"node": "one", "deleteEmptyDirData": true})).unwrap();
    assert!(concerns(&meant).contains("local data"), "{}", concerns(&meant));
    assert!(
        busy(json!([]), true)
            .refusal("drain_node", json!({"node": "one"}))
            .contains("no controller")
    );
    assert!(
        stage
            .refusal("drain", json!({"node": "one", "ignoreDaemonSets": false}))
            .contains("always stay")
    );
}

#[test]
fn a_pod_in_quarantine_loses_exactly_the_labels_that_select_it_and_is_cut_off_first() {
    let owner = ObjectRef::new("apps/v1", "Deployment", Some("shop"), "web");
    let service = |name: &str, selector: Value| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "shop"}, "spec": {"selector": selector}});
    let mut stage = Stage::default()
        .with(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1", "namespace": "shop",
            "labels": {"app": "web", "tier": "front", "team": "a", "pod-template-hash": "abc"}}}))
        .with(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {"matchLabels": {"app": "web"}}}}))
        .with(service("front", json!({"tier": "front"})))
        .with(service("other", json!({"team": "b"})))
        .listed(Kind::within("v1", "Service", "shop"));
    let pod = ObjectRef::new("v1", "Pod", Some("shop"), "web-1");
    stage.0.owners.push((pod.clone(), owner));
    let draft = stage.draft("quarantine_pod", json!({"pod": "web-1", "namespace": "shop"})).unwrap();
    let requests = requests(&draft);
    let Request::Create { object, .. } = &requests[0] else {
        panic!("{requests:?}")
    };
    assert_eq!(
        object["spec"]["podSelector"]["matchLabels"]["paramedic.dev/quarantined"],
        "0123abcd"
    );
    assert_eq!(object["spec"]["policyTypes"], json!(["Ingress", "Egress"]));
    let edits: Vec<(String, bool)> = edit(&requests[1])
        .edits
        .iter()
        .map(|edit| (edit.path.pointer(), edit.value.is_some()))
        .collect();
    let label = |name: &str| format!("/metadata/labels/{name}");
    assert_eq!(
        edits,
        [
            (label("app"), false),
            (label("pod-template-hash"), false),
            (label("tier"), false),
            (label("paramedic.dev~1quarantined"), true)
        ]
    );
    stage.0.owners = vec![(pod, ObjectRef::new("apps/v1", "StatefulSet", Some("shop"), "db"))];
    assert!(
        stage
            .refusal("isolate_pod", json!({"pod": "web-1", "namespace": "shop"}))
            .contains("same name")
    );
}

fn claim(expandable: bool) -> Stage {
    Stage::default()
        .with(
            json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "shop"},
            "spec": {"storageClassName": "fast", "resources": {"requests": {"storage": "512Mi"}}}, "status": {"phase": "Bound"}}),
        )
        .with(json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "fast"}, "allowVolumeExpansion": expandable}))
        .listed(Kind::everywhere("storage.k8s.io/v1", "StorageClass"))
}

#[test]
fn a_volume_grows_within_bounds_if_its_class_can_and_never_shrinks() {
    let with = |size: &str| json!({"pvc": "data", "namespace": "shop", "size": size});
    let stage = claim(true);
    let draft = stage.draft("expand_pvc", with("2Gi")).unwrap();
    let requests = requests(&draft);
    assert_eq!(edit(&requests[0]).wait, Wait::Resized);
    assert_eq!(edit(&requests[0]).irreversible.as_deref(), Some("a volume cannot shrink"));
    assert!(stage.refusal("expand_pvc", with("256Mi")).contains("cannot shrink"));
    assert!(stage.refusal("expand_pvc", with("6Gi")).contains("10 times"));
    assert!(stage.refusal("expand_pvc", with("0.5Gi")).contains("already"));
    assert!(claim(false).refusal("expand_volume", with("1Gi")).contains("does not allow"));
    let quota = claim(true)
        .with(
            json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "shop"},
            "status": {"hard": {"requests.storage": "1Gi"}, "used": {"requests.storage": "768Mi"}}}),
        )
        .listed(Kind::within("v1", "ResourceQuota", "shop"));
    let refused = quota.refusal("expand_pvc", with("1Gi"));
    assert!(refused.contains("768Mi used + 512Mi more = 1280Mi"), "{refused}");
}

#[test]
fn a_snapshot_needs_a_server_that_has_them_and_is_kept() {
    let mut stage = claim(true);
    let arguments = json!({"pvc": "data", "namespace": "shop"});
    assert!(stage.refusal("snapshot_volume", arguments.clone()).contains("no volume snapshots"));
    stage.0.served.push(served("snapshot.storage.k8s.io/v1", "volumesnapshots"));
    let draft = stage.draft("snapshot_volume", arguments).unwrap();
    let Request::Create { object, irreversible, .. } = &requests(&draft)[0] else {
        panic!("{draft:?}")
    };
    assert_eq!(object["spec"]["source"]["persistentVolumeClaimName"], "data");
    assert_eq!(object["metadata"]["name"], "data-0123abcd");
    assert!(irreversible.is_some());
}

#[test]
fn only_leftovers_are_cleaned_up_the_oldest_first_and_not_too_many() {
    let pod = |name: &str, reason: &str, created: &str| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "creationTimestamp": created}, "status": {"phase": "Failed", "reason": reason}});
    let job = |name: &str, kind: &str, at: &str| json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": "shop"}, "status": {"conditions": [{"type": kind, "status": "True", "lastTransitionTime": at}]}});
    let stage = Stage::default()
        .with(pod("new", "Evicted", "2026-11-22T09:00:00Z"))
        .with(pod("old", "Evicted", "2026-11-21T09:00:00Z"))
        .with(pod("crashed", "Error", "2026-11-21T09:00:00Z"))
        .with(job("done", "Complete", "2026-11-22T08:00:00Z"))
        .with(job("fresh", "Complete", "2026-11-22T09:59:00Z"))
        .with(job("failed", "Failed", "2026-11-22T08:00:00Z"))
        .listed(Kind::within("v1", "Pod", "shop"))
        .listed(Kind::within("batch/v1", "Job", "shop"));
    let names = |action: &str, arguments: Value| -> Vec<String> {
        let draft = stage.draft(action, arguments).unwrap();
        let name = |request: &Request| match request {
            Request::Delete {
                target,
                owner: None,
                restore: false,
            } => target.name.clone(),
            other => panic!("{other:?}"),
        };
        requests(&draft).iter().map(name).collect()
    };
    assert_eq!(names("delete_evicted", json!({"namespace": "shop"})), ["old", "new"]);
    assert_eq!(names("delete_evicted", json!({"namespace": "shop", "limit": 1})), ["old"]);
    assert_eq!(names("cleanup_finished_jobs", json!({"namespace": "shop"})), ["done"]);
    assert_eq!(
        names(
            "cleanup_finished_jobs",
            json!({"namespace": "shop", "failed": true, "olderThan": "30s"})
        ),
        ["done", "failed", "fresh"]
    );
    assert!(
        stage
            .refusal("cleanup_finished_jobs", json!({"namespace": "shop", "olderThan": "24h"}))
            .contains("no Jobs")
    );
    assert!(
        stage
            .refusal("delete_evicted", json!({"namespace": "shop", "limit": 101}))
            .contains("100")
    );
}

fn jobs() -> Stage {
    Stage::default()
        .with(json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly", "namespace": "shop"}, "spec": {"suspend": false}, "status": {"active": [{"name": "nightly-1"}]}}))
        .with(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "running", "namespace": "shop"}, "spec": {}, "status": {"active": 1}}))
        .with(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "failed", "namespace": "shop",
                "labels": {"app": "report", "batch.kubernetes.io/job-name": "failed"}},
            "spec": {"backoffLimit": 2, "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "x"}}, "ttlSecondsAfterFinished": 60,
                "template": {"metadata": {"labels": {"app": "report", "controller-uid": "x", "batch.kubernetes.io/controller-uid": "x", "job-name": "failed", "batch.kubernetes.io/job-name": "failed"}},
                    "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "report:1"}]}}},
            "status": {"conditions": [{"type": "Failed", "status": "True"}]}}))
        .with(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}))
}

#[test]
fn jobs_are_suspended_and_resumed_once() {
    let stage = jobs();
    let draft = stage
        .draft("suspend_cronjob", json!({"cronJob": "nightly", "namespace": "shop"}))
        .unwrap();
    assert_eq!(values(&draft), [("/spec/suspend".into(), Some(json!(true)))]);
    assert!(draft.notes[0].contains("run now and go on"));
    assert!(
        stage
            .refusal("resume_cronjob", json!({"cronjob": "nightly", "namespace": "shop"}))
            .contains("not suspended")
    );
    let job = stage.draft("suspend_job", json!({"job": "running", "namespace": "shop"})).unwrap();
    assert!(concerns(&job).contains("1 running pod"), "{}", concerns(&job));
    assert!(
        stage
            .refusal("suspend_job", json!({"job": "failed", "namespace": "shop"}))
            .contains("has ended")
    );
}

#[test]
fn a_job_runs_again_without_what_its_controller_wrote() {
    let stage = jobs();
    let draft = stage.draft("rerun_job", json!({"job": "failed", "namespace": "shop"})).unwrap();
    let Request::Create {
        object,
        wait,
        irreversible,
    } = &requests(&draft)[0]
    else {
        panic!("{draft:?}")
    };
    assert_eq!((*wait, irreversible.is_some()), (Wait::JobComplete, true));
    assert_eq!(object["metadata"]["name"], "failed-0123abcd");
    assert_eq!(object["metadata"]["labels"], json!({"app": "report"}));
    assert_eq!(object["spec"]["template"]["metadata"]["labels"], json!({"app": "report"}));
    assert_eq!(object["spec"].get("selector"), None);
    assert_eq!(
        (&object["spec"]["backoffLimit"], &object["spec"]["ttlSecondsAfterFinished"]),
        (&json!(2), &json!(86400))
    );
    assert!(
        stage
            .refusal("rerun_job", json!({"job": "running", "namespace": "shop"}))
            .contains("has not ended")
    );
}

#[test]
fn a_job_of_ones_own_has_few_rights_and_no_secrets_in_the_plan() {
    let stage = jobs();
    let with = |more: Value| {
        let mut params = json!({"namespace": "shop", "image": "tools/psql:16", "command": ["psql"], "args": ["-c", "select 1"]});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    let draft = stage
        .draft(
            "run_job",
            with(json!({"env": {"LEVEL": 3}, "secretEnv": {"PGPASSWORD": "db/password"}, "timeout": "5m"})),
        )
        .unwrap();
    let Request::Create { object, wait, .. } = &requests(&draft)[0] else {
        panic!("{draft:?}")
    };
    assert_eq!(*wait, Wait::JobComplete);
    let spec = &object["spec"];
    assert_eq!(
        (
            &spec["backoffLimit"],
            &spec["activeDeadlineSeconds"],
            &spec["ttlSecondsAfterFinished"]
        ),
        (&json!(0), &json!(300), &json!(86400))
    );
    let pod = &spec["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], json!(false));
    assert_eq!(pod["securityContext"]["runAsNonRoot"], json!(true));
    let container = &pod["containers"][0];
    assert_eq!(
        container["securityContext"],
        json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}})
    );
    assert_eq!(
        container["env"],
        json!([{"name": "LEVEL", "value": "3"}, {"name": "PGPASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}])
    );
    assert!(
        stage
            .refusal("run_job", with(json!({"env": {"PGPASSWORD": "x"}})))
            .contains("looks like a secret")
    );
    assert!(stage.refusal("run_job", with(json!({"image": "tools/psql"}))).contains("no tag"));
    assert!(stage.refusal("run_job", with(json!({"timeout": "2h"}))).contains("longer than 1 h"));
    assert!(stage.refusal("run_job", with(json!({"name": "A_B"}))).contains("lower-case"));
    let account = stage.draft("run_job", with(json!({"serviceAccount": "admin"}))).unwrap();
    assert!(concerns(&account).contains("High: "), "{}", concerns(&account));
}

fn policy() -> Stage {
    Stage::default().with(
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "deny", "namespace": "shop"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"ports": [{"protocol": "TCP", "port": 80}]}]}}),
    )
}

#[test]
fn traffic_is_allowed_narrowly_and_a_policy_can_be_deleted_and_brought_back() {
    let stage = policy();
    let with = |more: Value| {
        let mut params = json!({"policy": "deny", "namespace": "shop", "direction": "ingress"});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    let draft = stage
        .draft(
            "add_network_policy_rule",
            with(json!({"podLabels": {"app": "front"}, "ports": [8080]})),
        )
        .unwrap();
    assert_eq!(
        values(&draft)[0].1.clone().unwrap()[1],
        json!({"from": [{"podSelector": {"matchLabels": {"app": "front"}}}], "ports": [{"protocol": "TCP", "port": 8080}]})
    );
    let everybody = stage.draft("add_network_policy_rule", with(json!({"cidr": "0.0.0.0/0"}))).unwrap();
    assert!(concerns(&everybody).contains("High: "), "{}", concerns(&everybody));
    assert!(
        stage
            .refusal("add_network_policy_rule", with(json!({})))
            .contains("allow everything")
    );
    assert!(
        stage
            .refusal("add_network_policy_rule", with(json!({"cidr": "10.0.0.0/33"})))
            .contains("not a range")
    );
    let egress = json!({"policy": "deny", "namespace": "shop", "direction": "egress", "ports": [53]});
    assert!(
        stage
            .refusal("add_network_policy_rule", egress)
            .contains("does not restrict egress")
    );
    let removed = stage.draft("remove_network_policy_rule", with(json!({"index": 0}))).unwrap();
    assert_eq!(values(&removed), [("/spec/ingress".into(), None)]);
    assert!(concerns(&removed).contains("nothing is allowed"), "{}", concerns(&removed));
    assert!(
        stage
            .refusal("remove_network_policy_rule", with(json!({"index": 1})))
            .contains("no rule 1")
    );
    let deleted = stage
        .draft("delete_network_policy", json!({"policy": "deny", "namespace": "shop"}))
        .unwrap();
    assert!(matches!(&requests(&deleted)[0], Request::Delete { restore: true, .. }));
}

#[test]
fn an_object_is_put_back_as_it_was_recorded_and_secrets_never() {
    let map = |data: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "shop"}, "data": data});
    let stage = Stage::default().with(map(json!({"a": "2", "b": "new"})));
    let with = |object: Value, exact: bool| json!({"object": object, "exact": exact});
    let draft = stage.draft("restore_object", with(map(json!({"a": "1"})), false)).unwrap();
    assert_eq!(values(&draft), [("/data/a".into(), Some(json!("1")))]);
    let exact = stage.draft("restore_object", with(map(json!({"a": "1"})), true)).unwrap();
    assert_eq!(values(&exact)[1], ("/data/b".into(), None));
    assert!(
        stage
            .refusal("restore_object", with(map(json!({"a": "2"})), false))
            .contains("as it was recorded")
    );
    let mut gone = map(json!({"a": "1"}));
    gone["metadata"]["name"] = json!("gone");
    gone["metadata"]["resourceVersion"] = json!("7");
    let created = stage.draft("restore_object", with(gone, false)).unwrap();
    let Request::Create { object, .. } = &requests(&created)[0] else {
        panic!("{created:?}")
    };
    assert_eq!(object["metadata"].get("resourceVersion"), None);
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"}, "data": {}});
    assert!(
        stage
            .refusal("restore_object", with(secret, false))
            .contains("Secret is not restored")
    );
}

fn application(automated: bool) -> Stage {
    let policy = if automated {
        json!({"automated": {"selfHeal": true}, "syncOptions": ["CreateNamespace=true"]})
    } else {
        json!({})
    };
    Stage::default().with(
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "shop", "namespace": "argocd"},
        "spec": {"syncPolicy": policy}, "status": {"sync": {"status": "OutOfSync"}, "history": [
            {"id": 3, "revision": "aaa", "deployedAt": "2026-11-20T10:00:00Z", "source": {"repoURL": "https://git.example.com/shop"}},
            {"id": 4, "revision": "bbb", "deployedAt": "2026-11-21T10:00:00Z"}]}}),
    )
}

#[test]
fn argo_syncs_goes_back_and_is_paused() {
    let stage = application(true);
    let sync = stage.draft("argo_sync", json!({"application": "shop"})).unwrap();
    let wanted = values(&sync)[0].1.clone().unwrap();
    assert_eq!(wanted["sync"], json!({"prune": false, "syncOptions": ["CreateNamespace=true"]}));
    assert_eq!(edit(&requests(&sync)[0]).wait, Wait::Synced);
    assert!(
        stage
            .refusal("argo_rollback", json!({"application": "shop"}))
            .contains("argo_pause_auto_sync")
    );
    let pause = stage
        .draft("argo_pause_auto_sync", json!({"application": "shop", "duration": "2h"}))
        .unwrap();
    assert_eq!(values(&pause), [("/spec/syncPolicy/automated".into(), None)]);
    assert!(matches!(pause.lasts, Some(Lasts::For { duration }) if duration.as_secs() == 7200));
    let manual = application(false);
    let back = manual.draft("argo_rollback", json!({"application": "shop"})).unwrap();
    let wanted = values(&back)[0].1.clone().unwrap();
    assert_eq!(
        (&wanted["sync"]["revision"], &wanted["sync"]["source"]["repoURL"]),
        (&json!("aaa"), &json!("https://git.example.com/shop"))
    );
    assert!(
        manual
            .refusal("argo_rollback", json!({"application": "shop", "id": 9}))
            .contains("[3, 4]")
    );
    assert!(
        manual
            .refusal("argo_pause_auto_sync", json!({"application": "shop"}))
            .contains("not synced automatically")
    );
}

#[test]
fn flux_is_suspended_resumed_and_asked_to_look_again() {
    let object = |suspended: bool| {
        Stage::default().with(json!({"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
            "metadata": {"name": "apps", "namespace": "flux-system"}, "spec": {"suspend": suspended}}))
    };
    let arguments = json!({"kustomization": "apps"});
    let asked = object(false).draft("flux_reconcile", arguments.clone()).unwrap();
    assert_eq!(
        values(&asked),
        [(
            "/metadata/annotations/reconcile.fluxcd.io~1requestedAt".into(),
            Some(json!("2026-11-22T10:00:00Z"))
        )]
    );
    assert_eq!(edit(&requests(&asked)[0]).wait, Wait::Reconciled);
    assert!(object(true).refusal("flux_reconcile", arguments.clone()).contains("flux_resume"));
    assert!(object(false).draft("flux_suspend", arguments.clone()).is_ok());
    assert!(object(true).refusal("flux_suspend", arguments.clone()).contains("already"));
    assert!(object(true).draft("flux_resume", arguments.clone()).is_ok());
    assert!(object(false).refusal("flux_resume", arguments).contains("not suspended"));
    assert!(object(false).refusal("flux_resume", json!({})).contains("exactly one"));
}
