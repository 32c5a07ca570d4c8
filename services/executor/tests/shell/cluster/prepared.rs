//! What is found, counted and told around a change.

use paramedic_bus::consume::Verdict;
use paramedic_domain::{event::Direction, workflow::StepState};
use paramedic_simulator::store::Gvr;
use paramedic_testkit::eventually;
use serde_json::{Value, json};

use crate::{
    cluster::every::given,
    recommended::{Wanted, prepare, propose},
    stage::Stage,
    story::Story,
};

#[tokio::test(flavor = "multi_thread")]
async fn steps_that_do_not_say_a_namespace_find_their_objects_and_their_arithmetic_is_shown() {
    let stage = Stage::start().await;
    let objects = [
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "checkout-config", "namespace": "production"},
        "data": {"DATABASE_POOL_SIZE": "100"}}),
    ];
    given(&stage, &objects).await;
    stage.somebody_changes(
        &Gvr::new("apps", "v1", "deployments"),
        "checkout-api",
        "/spec/template/spec/containers/0",
        json!({"name": "checkout-api", "image": "registry.example.com/checkout/checkout-api:5.2.0",
            "envFrom": [{"configMapRef": {"name": "checkout-config"}}],
            "resources": {"requests": {"cpu": "200m", "memory": "384Mi"}, "limits": {"memory": "768Mi"}}}),
    );
    let pool = json!({"configMap": "checkout-config", "namespace": "production", "patch": {"DATABASE_POOL_SIZE": "200"}});
    let mut enough = pool.clone();
    enough["maxConnections"] = json!(2000);
    let mut little = pool;
    little["maxConnections"] = json!(1500);
    let steps = |pool: Value| -> Vec<Wanted> {
        vec![
            ("pool", "patch_config_map", pool, &[]),
            (
                "restart",
                "rolling_restart_pods",
                json!({"deployment": "checkout-api", "strategy": "rolling"}),
                &["pool"],
            ),
            (
                "scale",
                "scale_deployment",
                json!({"deployment": "checkout-api", "replicas": 8}),
                &["restart"],
            ),
        ]
    };
    let prepared = prepare(&stage, &steps(enough)).await;
    let refusals: Vec<&str> = prepared.steps.iter().map(|step| step.refusal.as_str()).collect();
    assert_eq!(refusals, ["", "", ""]);
    assert!(
        prepared.notes.iter().any(|note| note.contains("8 x 200 = 1600")),
        "{:?}",
        prepared.notes
    );
    let refused = prepare(&stage, &steps(little)).await;
    assert!(
        refused.steps[2].refusal.contains("8 x 200 = 1600"),
        "{:?}",
        refused.steps[2].refusal
    );
    stage.end().await;
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
    eventually!(stage.store.get(&jobs, Some("production"), "import").is_some_and(|job| failed(&job)));
    let earlier = stage.mutated().len();
    let params = json!({"job": "import", "namespace": "production"});
    let plan = propose(&stage, &[("again", "rerun_job", params, &[])]).await;
    stage.approve().await;
    let work = stage.item(&plan, 0, Direction::Forward, 1).await;
    let worker = stage.worker(&stage.kit, "one").await;
    assert_eq!(worker.handle(&work).await, Verdict::Done);
    let incident = stage.incident().await;
    let Some(StepState::Failed { message, .. }) = incident.step_state(&plan.steps[0].id) else {
        panic!("{}", stage.transcript().await)
    };
    assert!(message.contains("BackoffLimitExceeded"), "{message}");
    assert_eq!(stage.mutated().split_off(earlier), ["create jobs"]);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_goes_back_to_what_a_step_kept_of_it_and_the_plan_holds_it_all() {
    let target = json!({"deployment": "checkout-api", "namespace": "production"});
    let mut story = Story::of(Stage::start().await, &[("look", "collect_diagnostics", target, &[])]).await;
    story.succeeds().await;
    let artifact = "inc_stage/plan_stage/look/workload.json";
    let mut stage = story.stage;
    let deployments = Gvr::new("apps", "v1", "deployments");
    let image = "/spec/template/spec/containers/0/image";
    let before = stage.store.get(&deployments, Some("production"), "checkout-api").unwrap();
    stage.somebody_changes(
        &deployments,
        "checkout-api",
        image,
        json!("registry.example.com/checkout/checkout-api:5.3.0"),
    );
    stage.incident_id = "inc_later".parse().unwrap();
    stage.open().await;
    // What the log does not know of, or has another digest, is not used.
    let refusal = async |name: &str| {
        let wanted: [Wanted; 1] = [("back", "restore_object", json!({"artifact": name}), &[])];
        prepare(&stage, &wanted).await.steps.remove(0).refusal
    };
    let unknown = refusal("inc_stage/plan_stage/look/none.json").await;
    assert!(unknown.contains("is not in the log"), "{unknown}");
    let blobs = stage.kit.bus.blobs(paramedic_bus::streams::ARTIFACTS).await.unwrap();
    let kept = blobs.get(artifact).await.unwrap().unwrap();
    let mut forged: Value = serde_json::from_slice(&kept).unwrap();
    *forged.pointer_mut(image).unwrap() = json!("registry.example.com/evil:1");
    blobs.put(artifact, serde_json::to_vec(&forged).unwrap().into()).await.unwrap();
    let forged = refusal(artifact).await;
    assert!(forged.contains("digest differs"), "{forged}");
    blobs.put(artifact, kept).await.unwrap();
    story = Story::of(stage, &[("back", "restore_object", json!({"artifact": artifact}), &[])]).await;
    story.succeeds().await;
    let after = story.stage.store.get(&deployments, Some("production"), "checkout-api").unwrap();
    assert_eq!(after["spec"], before["spec"]);
    story.stage.end().await;
}
