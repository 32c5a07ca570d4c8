//! The role on a bus.

use std::time::Duration;

use paramedic_domain::{
    event::{Event, WorkflowOutcome},
    id::PlanId,
    incident::Status,
    plan::{Plan, Rollback},
    policy::Mode,
    verification::Verdict,
};
use paramedic_runtime::{Clock, ClusterAccess};
use serde_json::json;

use crate::world::{access, alert, clock, cluster, config, pod, run, simulate};

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_is_investigated_and_a_finished_plan_verified() {
    let simulator = simulate("payment-oom").await;
    let killed = pod(&simulator, "production", |pod| {
        pod.pointer("/status/containerStatuses/0/restartCount") == Some(&json!(3))
            && pod.pointer("/status/containerStatuses/0/ready") == Some(&json!(true))
    })
    .await;
    let running = run(config(), clock(&simulator), access(&simulator).await).await;
    let labels = [("alertname", "OOMKilled"), ("namespace", "production"), ("pod", &killed)];
    let id = running.open(vec![alert(&simulator, &labels, "killed")]).await;
    let incident = running.until(&id, |incident| incident.diagnosis.is_some()).await;

    let plan = Plan {
        id: PlanId::derive(&["test"]),
        attempt: 1,
        summary: String::new(),
        steps: Vec::new(),
        gates: Vec::new(),
        levels: Vec::new(),
        critical_path: Vec::new(),
        longest: Duration::ZERO,
        rollback: Rollback::Automatic,
        criteria: incident.diagnosis.unwrap().criteria,
        notes: Vec::new(),
    };
    let finished = Event::WorkflowFinished {
        plan: plan.id.clone(),
        outcome: WorkflowOutcome::Succeeded,
        cause: None,
    };
    running
        .append(&id, vec![Event::PlanProposed { plan: Box::new(plan) }, finished])
        .await;
    let incident = running.until(&id, |incident| incident.end.is_some()).await;
    let verification = incident.verification.as_ref().unwrap();
    assert_eq!(verification.verdict, Verdict::Passed, "{verification:#?}");
    assert!(verification.window >= Duration::from_secs(600), "{:?}", verification.window);
    assert!(
        verification
            .caveats
            .iter()
            .any(|caveat| caveat.starts_with("the leak goes on at 50 MiB/h")),
        "{:#?}",
        verification.caveats
    );
    assert!(verification.expected_recurrence.is_some());
    assert_eq!((incident.status(), incident.misfits), (Status::Resolved, 0));
    running.stop().await;
    simulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_cluster_is_tried_again_and_then_said() {
    rustls::crypto::ring::default_provider().install_default().ok();
    // a port that was free a moment ago, and where nobody listens now
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config_of_client = kube::Config::new(format!("http://127.0.0.1:{port}").parse().unwrap());
    let access = ClusterAccess {
        name: cluster(),
        client: Some(kube::Client::try_from(config_of_client).unwrap()),
        prometheus: None,
        loki: None,
        mode: Mode::Standard,
        http: paramedic_runtime::http::client().unwrap(),
    };
    let mut config = config();
    config.patience_seconds = 60;
    let fast = Clock::scaled(Clock::system().now(), 200.0);
    let running = run(config, fast, access).await;
    let simulated = simulate("bad-release").await;
    let id = running
        .open(vec![alert(&simulated, &[("namespace", "shop"), ("pod", "cart-api-x-y")], "")])
        .await;
    let incident = running.until(&id, |incident| incident.end.is_some()).await;
    let reasons = incident.inconclusive.clone().unwrap();
    assert!(reasons[0].starts_with("cluster unreachable: GET "), "{reasons:?}");
    assert_eq!(incident.status(), Status::Escalated);
    assert!(incident.end.unwrap().reason.contains("cluster unreachable"));
    running.stop().await;
    simulated.shutdown().await;
}
