//! The plan that a set of recommendations would become, asked for over gRPC.

use paramedic_domain::plan::{Plan, Rollback};
use paramedic_proto::v1::{PreviewRequest, PreviewResponse, planner_service_client::PlannerServiceClient};
use paramedic_wire::Wire;
use serde_json::{Value, json};
use tonic::Code;

use crate::{
    executor::{Pretend, Served},
    world::{Running, config, run, seven},
};

async fn ask(running: &Running, text: &str) -> PreviewResponse {
    let mut client = PlannerServiceClient::connect(running.url.clone()).await.unwrap();
    let request = PreviewRequest {
        cluster: "test".into(),
        recommendations_json: text.into(),
        confidence: Some(0.9),
    };
    client.preview(request).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_is_the_whole_plan_and_writes_nothing() {
    let served = Served::start(Pretend::default()).await;
    let running = run(config(&served.url)).await;
    let text = json!({"recommendations": seven(), "estimatedDuration": "4 minutes", "rollbackStrategy": "ask"}).to_string();
    let answer = ask(&running, &text).await;
    let plan = Plan::from_proto(answer.plan.unwrap()).unwrap();
    assert_eq!(plan, serde_json::from_str(&answer.plan_json).unwrap());
    assert_eq!((plan.steps.len(), plan.gates.len(), plan.rollback), (7, 1, Rollback::Ask));
    assert_eq!(plan.estimate.map(|estimate| estimate.samples), Some(0), "nothing was measured yet");
    assert!(plan.notes.iter().any(|note| note.contains("claims a duration")), "{:?}", plan.notes);
    assert!(running.log.incidents().await.unwrap().is_empty());
    running.stop().await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_names_everything_that_is_wrong_at_once() {
    let served = Served::start(Pretend::default()).await;
    let running = run(config(&served.url)).await;
    let step = |id: &str, action: &str, parameters: Value, dependencies: &[&str]| json!({"id": id, "action": action, "parameters": parameters, "dependencies": dependencies});
    let table = [
        ("[".to_owned(), vec!["not JSON"]),
        (json!([{"id": "a"}]).to_string(), vec!["missing field `action`"]),
        (
            json!([
                step("a", "restart_pods", json!({}), &["nobody"]),
                step("b", "increase_resources", json!({"memory": 3}), &[]),
                step("c", "health_check", json!({}), &["c"]),
            ])
            .to_string(),
            vec![
                "action \"restart_pods\" is not in the catalogue; near: restart_pod",
                "unknown dependency nobody",
                "parameters.memory: 3 is not of type \"string\"",
                "c -> c",
            ],
        ),
        (
            json!([
                step("a", "increase_resources", json!({"memory": "3Gi"}), &[]),
                step("b", "increase_resources", json!({"memory": "4Gi"}), &["a"]),
            ])
            .to_string(),
            vec![
                "a and b contradict each other",
                "both are in one rollout, so only one value could stay",
            ],
        ),
        (
            json!([step("a", "increase_resources", json!({"memory": "3Gi"}), &[])]).to_string(),
            vec![],
        ),
    ];
    for (text, expected) in table {
        let answer = ask(&running, &text).await;
        let found: Vec<String> = answer.refusals.into_iter().map(|refusal| refusal.reason).collect();
        for wanted in &expected {
            assert!(found.iter().any(|reason| reason.contains(wanted)), "{wanted}: {found:?}");
        }
        assert_eq!(answer.plan.is_none(), !expected.is_empty(), "{found:?}");
    }
    running.stop().await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_cluster_is_said_to_be_served_elsewhere() {
    let served = Served::start(Pretend::default()).await;
    let running = run(config(&served.url)).await;
    let mut client = PlannerServiceClient::connect(running.url.clone()).await.unwrap();
    let request = PreviewRequest {
        cluster: "other".into(),
        recommendations_json: "[]".into(),
        confidence: None,
    };
    let status = client.preview(request).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert!(status.message().contains("this planner serves test"), "{status}");
    running.stop().await;
    served.stop().await;
}
