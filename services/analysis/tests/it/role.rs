//! The role on a bus.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use paramedic_analysis::shell::{
    investigate::{Investigator, Service},
    probes::Probes,
};
use paramedic_bus::streams;
use paramedic_domain::{
    diagnosis,
    event::{Event, WorkflowOutcome},
    id::PlanId,
    incident::Status,
    plan::{Plan, Rollback},
    policy::Mode,
    verification::Verdict,
};
use paramedic_proto::v1::{self, analysis_service_server::AnalysisService, investigate_response::Finding};
use paramedic_runtime::{Clock, ClusterAccess};
use paramedic_wire::Wire;
use serde_json::json;
use tonic::Request;

use crate::world::{access, alert, clock, cluster, config, crash_looping, pod, rules, run, simulate};

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_is_investigated_and_a_finished_plan_verified() {
    let simulator = simulate("payment-oom").await;
    let killed = pod(&simulator, "production", |pod| {
        pod.pointer("/status/containerStatuses/0/restartCount") == Some(&json!(3))
            && pod.pointer("/status/containerStatuses/0/ready") == Some(&json!(true))
    })
    .await;
    let mut config = config();
    // A leak is watched as long as may be.
    config.verification_most_seconds = config.verification_window_seconds;
    let most = Duration::from_secs(config.verification_most_seconds);
    let running = run(config, clock(&simulator), access(&simulator).await).await;
    let labels = [("alertname", "OOMKilled"), ("namespace", "production"), ("pod", &killed)];
    let id = running.open(vec![alert(&simulator, &labels, "killed")]).await;
    let incident = running.until(&id, |incident| incident.diagnosis.is_some()).await;
    let kept = running.bus.blobs(streams::ARTIFACTS).await.unwrap();
    let kept = kept
        .get(&diagnosis::seen(&id, 1))
        .await
        .unwrap()
        .expect("what was seen is kept before it is told");
    let kept: serde_json::Value = serde_json::from_slice(&kept).unwrap();
    assert_eq!(kept["alerts"][0]["labels"]["alertname"], "OOMKilled");
    assert!(!kept["events"].as_array().unwrap().is_empty() && !kept["evidence"].as_array().unwrap().is_empty());

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
        criteria: incident.diagnosis.unwrap().criteria.clone(),
        notes: Vec::new(),
        chosen: 0,
        policy: None,
        deadline: None,
        estimate: None,
        options: Vec::new(),
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
    assert!(
        verification.window >= most,
        "a leak needs longer than the most: {:?}",
        verification.window
    );
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
async fn an_investigation_on_request_streams_evidence_and_ends_with_its_conclusion() {
    let simulator = simulate("bad-release").await;
    let failing = crash_looping(&simulator, "shop").await;
    let access = access(&simulator).await;
    let running = run(config(), clock(&simulator), access.clone()).await;
    let service = Service {
        cluster: cluster(),
        log: running.log.clone(),
        investigator: Investigator {
            probes: Arc::new(Probes::new(&access, running.clock.clone(), config(), rules())),
            advisor: None,
        },
    };
    let ask = async |labels: &[(&str, &str)]| {
        let request = v1::InvestigateRequest {
            cluster: "simulated".into(),
            incident: String::new(),
            alerts: vec![alert(&simulator, labels, "").to_proto()],
            ask_model: false,
        };
        let stream = service.investigate(Request::new(request)).await.unwrap().into_inner();
        let found: Vec<_> = stream.map(|response| response.unwrap().finding.unwrap()).collect().await;
        found
    };
    let found = ask(&[("namespace", "shop"), ("pod", &failing)]).await;
    let evidence = found.iter().filter(|finding| matches!(finding, Finding::Evidence(_))).count();
    let Some(Finding::Diagnosis(diagnosis)) = found.last() else {
        panic!("{found:#?}")
    };
    assert_eq!(evidence, diagnosis.evidence.len());
    let found = ask(&[("namespace", "shop"), ("deployment", "no-such-thing")]).await;
    assert!(
        matches!(found.last(), Some(Finding::Inconclusive(end)) if end.reasons[0].contains("no workload")),
        "{found:#?}"
    );
    let unknown = service.investigate(Request::new(v1::InvestigateRequest::default())).await;
    assert_eq!(unknown.err().unwrap().code(), tonic::Code::InvalidArgument);
    running.stop().await;
    simulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_cluster_is_tried_again_and_then_said() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let port = paramedic_testkit::ports::free_port().unwrap();
    let config_of_client = kube::Config::new(format!("http://127.0.0.1:{port}").parse().unwrap());
    let access = ClusterAccess {
        name: cluster(),
        client: Some(kube::Client::try_from(config_of_client).unwrap()),
        prometheus: None,
        loki: None,
        jaeger: None,
        tempo: None,
        alertmanager: None,
        mode: Mode::Standard,
        policies: paramedic_runtime::Policies::default(),
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
