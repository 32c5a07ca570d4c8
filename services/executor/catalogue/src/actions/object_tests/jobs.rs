//! Leftovers, Jobs and CronJobs.

use paramedic_domain::change::Wait;
use serde_json::{Value, json};

use super::{Stage, concerns, requests, values};
use crate::{action::Request, world::Kind};

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
                ended: Some(_),
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
