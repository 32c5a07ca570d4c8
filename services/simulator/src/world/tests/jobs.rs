//! Jobs and CronJobs, as a client sees them.

use super::{
    rest::{Cluster, true_conditions},
    *,
};

const JOBS: &str = "/apis/batch/v1/namespaces/shop/jobs";
const CRON_JOBS: &str = "/apis/batch/v1/namespaces/shop/cronjobs";
const PODS: &str = "/api/v1/namespaces/shop/pods";

fn job(name: &str, command: &[&str], rest: Value) -> Value {
    let mut spec = json!({"template": {"spec": {"restartPolicy": "Never",
        "containers": [{"name": "work", "image": "example/work:1", "command": command}]}}});
    json_patch::merge(&mut spec, &rest);
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec})
}

#[tokio::test]
async fn a_job_runs_its_pods_until_enough_have_succeeded() {
    let cluster = Cluster::new(&[], "");
    let made = cluster
        .post(JOBS, &job("migrate", &["sleep", "20"], json!({"completions": 3, "parallelism": 2})))
        .await;
    assert_eq!(made.code, 201, "{}", made.body);
    let uid = made.body["metadata"]["uid"].as_str().unwrap().to_owned();
    assert_eq!(
        made.body["spec"]["selector"]["matchLabels"]["batch.kubernetes.io/controller-uid"],
        uid.as_str()
    );
    cluster.live(5);
    let now = cluster.get(&format!("{JOBS}/migrate")).await;
    assert_eq!(
        (&now["status"]["active"], &now["status"]["ready"]),
        (&json!(2), &json!(2)),
        "{}",
        now["status"]
    );
    assert!(now["status"]["startTime"].is_string());
    let pods = cluster
        .items(&format!("{PODS}?labelSelector=batch.kubernetes.io/job-name=migrate"))
        .await;
    assert_eq!(pods.len(), 2);
    assert_eq!(pods[0]["metadata"]["labels"]["controller-uid"], uid.as_str());
    cluster.live(60);
    let now = cluster.get(&format!("{JOBS}/migrate")).await;
    assert_eq!(now["status"]["succeeded"], 3);
    assert_eq!(true_conditions(&now), ["SuccessCriteriaMet", "Complete"]);
    assert!(now["status"]["completionTime"].is_string());
    let pods = cluster.items(PODS).await;
    assert_eq!(pods.len(), 3);
    for pod in &pods {
        assert_eq!(pod["status"]["phase"], "Succeeded");
        assert_eq!(pod["status"]["containerStatuses"][0]["state"]["terminated"]["reason"], "Completed");
        assert!(pod["metadata"].get("finalizers").is_none(), "a counted pod is let go");
    }
    assert!(
        cluster
            .events("migrate")
            .await
            .contains(&("Completed".to_owned(), "Job completed".to_owned()))
    );
}

#[tokio::test]
async fn a_failing_job_backs_off_and_gives_up_at_its_limit() {
    let cluster = Cluster::new(&[], "");
    cluster
        .post(JOBS, &job("broken", &["sh", "-c", "exit 7"], json!({"backoffLimit": 2})))
        .await;
    let mut born = Vec::new();
    cluster.watch(120, |world| {
        for pod in world.store().list(&Gvr::pods(), NS_SHOP).0 {
            let at = obj::time(&pod, "/metadata/creationTimestamp").unwrap();
            if !born.contains(&at) {
                born.push(at);
            }
        }
    });
    let gaps: Vec<i64> = born.windows(2).map(|w| w[1].duration_since(w[0]).as_secs()).collect();
    assert_eq!(gaps.len(), 2, "three pods: {born:?}");
    assert!((10..=14).contains(&gaps[0]) && (20..=24).contains(&gaps[1]), "{gaps:?}");
    let now = cluster.get(&format!("{JOBS}/broken")).await;
    assert_eq!(now["status"]["failed"], 3);
    assert_eq!(true_conditions(&now), ["FailureTarget", "Failed"]);
    assert_eq!(obj::condition(&now, "Failed").unwrap()["reason"], "BackoffLimitExceeded");
    let pods = cluster.items(PODS).await;
    assert_eq!(pods[0]["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"], 7);
}

const NS_SHOP: Option<&str> = Some("shop");

#[tokio::test]
async fn a_job_that_takes_too_long_is_stopped() {
    let cluster = Cluster::new(&[], "");
    cluster
        .post(
            JOBS,
            &job(
                "slow",
                &["sleep", "9000"],
                json!({"activeDeadlineSeconds": 60, "ttlSecondsAfterFinished": 100}),
            ),
        )
        .await;
    cluster.live(70);
    let now = cluster.get(&format!("{JOBS}/slow")).await;
    assert_eq!(obj::condition(&now, "Failed").unwrap()["reason"], "DeadlineExceeded");
    assert_eq!(now["status"].get("active"), None);
    cluster.live(110);
    assert_eq!(
        cluster.send("GET", &format!("{JOBS}/slow"), "", &Value::Null).await.code,
        404,
        "its time to live is over"
    );
    assert!(cluster.items(PODS).await.is_empty());
}

#[tokio::test]
async fn a_suspended_job_loses_its_pods_and_starts_again_when_resumed() {
    let cluster = Cluster::new(&[], "");
    cluster.post(JOBS, &job("batch", &["sleep", "30"], json!({}))).await;
    cluster.live(5);
    cluster.merge(&format!("{JOBS}/batch"), &json!({"spec": {"suspend": true}})).await;
    cluster.live(10);
    let now = cluster.get(&format!("{JOBS}/batch")).await;
    assert_eq!(true_conditions(&now), ["Suspended"]);
    assert_eq!((now["status"].get("active"), now["status"].get("failed")), (None, None));
    assert!(cluster.items(PODS).await.is_empty());
    cluster.merge(&format!("{JOBS}/batch"), &json!({"spec": {"suspend": false}})).await;
    cluster.live(60);
    let now = cluster.get(&format!("{JOBS}/batch")).await;
    assert_eq!(true_conditions(&now), ["SuccessCriteriaMet", "Complete"]);
    assert_eq!(obj::condition(&now, "Suspended").unwrap()["reason"], "JobResumed");
}

#[tokio::test]
async fn a_scenario_says_how_the_containers_of_jobs_end() {
    let rest = r#"
workloads:
  - namespace: shop
    name: import
    exits: {after: 90s, exit_code: 2, log: ["cannot reach the ledger"]}
"#;
    let cluster = Cluster::new(&[], rest);
    cluster
        .post(JOBS, &job("import-7", &["./import"], json!({"backoffLimit": 0})))
        .await;
    cluster.live(60);
    assert_eq!(cluster.get(&format!("{JOBS}/import-7")).await["status"]["active"], 1);
    cluster.live(60);
    let now = cluster.get(&format!("{JOBS}/import-7")).await;
    assert_eq!(obj::condition(&now, "Failed").unwrap()["reason"], "BackoffLimitExceeded");
}

#[tokio::test]
async fn a_job_deleted_without_a_policy_leaves_its_pods_behind() {
    let cluster = Cluster::new(&[], "");
    cluster.post(JOBS, &job("once", &["true"], json!({}))).await;
    cluster.live(10);
    let answer = cluster.delete(&format!("{JOBS}/once")).await;
    assert!(
        answer.headers["warning"].contains("child pods are preserved by default"),
        "{answer:?}"
    );
    cluster.live(5);
    assert_eq!(cluster.items(PODS).await.len(), 1);
    cluster.post(JOBS, &job("twice", &["true"], json!({}))).await;
    cluster.live(10);
    cluster.delete(&format!("{JOBS}/twice?propagationPolicy=Background")).await;
    cluster.live(5);
    assert_eq!(cluster.items(PODS).await.len(), 1, "only the orphan is left");
}

fn cron_job(policy: &str, command: &[&str]) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly"}, "spec": {
        "schedule": "*/10 * * * *", "concurrencyPolicy": policy, "successfulJobsHistoryLimit": 2,
        "jobTemplate": {"spec": job("x", command, json!({}))["spec"]}}})
}

#[tokio::test]
async fn a_cron_job_keeps_its_schedule_and_a_few_jobs() {
    let cluster = Cluster::new(&[], "");
    let made = cluster.post(CRON_JOBS, &cron_job("Allow", &["sleep", "60"])).await;
    assert_eq!(made.code, 201, "{}", made.body);
    cluster.live(630);
    let now = cluster.get(&format!("{CRON_JOBS}/nightly")).await;
    assert_eq!(now["status"]["lastScheduleTime"], "2026-03-10T12:10:00Z");
    let name = format!("nightly-{}", ORIGIN.parse::<Timestamp>().unwrap().as_second() / 60 + 10);
    assert_eq!(now["status"]["active"][0]["name"], name.as_str());
    cluster.live(3600);
    let jobs = cluster.items(JOBS).await;
    assert_eq!(jobs.iter().filter(|job| true_conditions(job).contains(&"Complete")).count(), 2);
    let events = cluster.events("nightly").await;
    assert!(events.contains(&("SuccessfulCreate".to_owned(), format!("Created job {name}"))));
    assert!(events.contains(&(
        "SawCompletedJob".to_owned(),
        format!("Saw completed job: {name}, condition: Complete")
    )));
    cluster
        .merge(&format!("{CRON_JOBS}/nightly"), &json!({"spec": {"suspend": true}}))
        .await;
    let before = cluster.items(JOBS).await.len();
    cluster.live(1800);
    assert!(cluster.items(JOBS).await.len() <= before, "a suspended CronJob starts nothing");
    let bad = cluster
        .merge(&format!("{CRON_JOBS}/nightly"), &json!({"spec": {"schedule": "often"}}))
        .await;
    assert_eq!(bad.code, 422);
    assert!(
        bad.body["message"]
            .as_str()
            .unwrap()
            .contains("expected exactly 5 fields, found 1: [often]"),
        "{}",
        bad.body
    );
}

#[tokio::test]
async fn the_concurrency_policy_decides_when_a_job_is_still_running() {
    for (policy, running, reason) in [
        ("Allow", 3, "SuccessfulCreate"),
        ("Forbid", 1, "JobAlreadyActive"),
        ("Replace", 1, "SuccessfulDelete"),
    ] {
        let cluster = Cluster::new(&[], "");
        cluster.post(CRON_JOBS, &cron_job(policy, &["sleep", "90000"])).await;
        cluster.live(1860);
        assert_eq!(cluster.items(JOBS).await.len(), running, "{policy}");
        assert!(cluster.events("nightly").await.iter().any(|(r, _)| r == reason), "{policy}");
    }
}
