//! A release that somebody asks for: tried first, asked about, rolled out, and taken back when it does not become ready.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use paramedic_bus::{
    IncidentLog,
    jetstream::{JetStreamBus, Options},
    streams,
};
use paramedic_domain::{
    alert::Severity,
    diagnosis::{Category, Diagnosis},
    event::{Direction, Event, WorkflowOutcome},
    id::IncidentId,
    incident::Status,
    object::ObjectRef,
    plan::Recommendation,
    verification::{Comparison, Criterion, Probe, Verdict, WorkloadMetric},
};
use paramedic_runtime::Clock;
use paramedic_testkit::{eventually, servers::NatsServer};
use paramedic_tests::{Product, ProductOptions, Range, wait_for_end, wait_for_event};

use crate::cast;

/// How much faster than the wall clock the cluster runs.
const SPEED: f64 = 60.0;
const FOLDER: &str = "../services/simulator/scenarios";

/// What a story needs to live as long as it is told.
struct Request {
    range: Range,
    product: Product,
    _nats: NatsServer,
}

/// A release of the payments service that somebody asks for, by the command line.
async fn released(tag: &str) -> Request {
    let nats = NatsServer::start().await.unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let range = Range::start(folder.join("small-faults.yaml").to_str().unwrap(), SPEED)
        .await
        .unwrap();
    let product = Product::start("up", &range, &nats.url(), &ProductOptions::default()).await.unwrap();
    let image = format!("registry.example.com/payments/payments-service:{tag}");
    let ask = [
        "request",
        "deploy",
        "payments/payments-service",
        "--image",
        &image,
        "--id",
        "release",
    ];
    let mut incidents = Vec::new();
    for _ in 0..2 {
        let output = product.command(&ask).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        incidents.push(String::from_utf8(output.stdout).unwrap().trim().to_owned());
    }
    assert_eq!(incidents[0], incidents[1], "asked twice with the same id, it is one request");
    let id = incidents.remove(0);
    eventually!(product.command(&["show", &id]).await.is_ok_and(|shown| shown.status.success()));
    let shown = product.command(&["show", &id]).await.unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.contains("request     release of request for \"ann\": run Deployment payments/payments-service from"),
        "{shown}"
    );
    Request {
        range,
        product,
        _nats: nats,
    }
}

/// A person's wish in the log, as an engine would write it, before the product starts to work on it.
async fn requested_for(plan: &str, workload: (&str, &str)) -> Request {
    let nats = NatsServer::start().await.unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let range = Range::start(folder.join("small-faults.yaml").to_str().unwrap(), SPEED)
        .await
        .unwrap();
    let bus = Arc::new(JetStreamBus::connect(&nats.url(), Options::default()).await.unwrap());
    streams::ensure_all(bus.as_ref(), 1).await.unwrap();
    let file = std::fs::read_to_string(folder.join("plans").join(plan)).unwrap();
    let mut file: BTreeMap<String, serde_json::Value> = serde_json::from_str(&file).unwrap();
    let recommendations: Vec<Recommendation> = serde_json::from_value(file.remove("recommendations").unwrap()).unwrap();
    let opened = Event::IncidentOpened {
        title: format!("change of {}", workload.1),
        severity: Severity::Info,
        alerts: Vec::new(),
        traceparent: None,
        request: None,
    };
    let reached = Event::DiagnosisReached {
        attempt: 1,
        diagnosis: Box::new(wish(recommendations, workload)),
    };
    let events = [opened, Event::AnalysisStarted { attempt: 1 }, reached];
    let clock = Clock::scaled(range.epoch(), SPEED);
    let (cluster, id) = ("range".parse().unwrap(), IncidentId::derive(&["release"]));
    IncidentLog::new(bus)
        .decide(&cluster, &id, None, &clock, |incident, _| {
            events[usize::try_from(incident.version).unwrap()..].to_vec()
        })
        .await
        .unwrap();
    let product = Product::start("up", &range, &nats.url(), &ProductOptions::default()).await.unwrap();
    Request {
        range,
        product,
        _nats: nats,
    }
}

fn wish(recommendations: Vec<Recommendation>, (namespace, name): (&str, &str)) -> Diagnosis {
    let target = ObjectRef::new("apps/v1", "Deployment", Some(namespace), name);
    Diagnosis {
        category: Category::ChangeRequest,
        target: target.clone(),
        confidence: 1.0,
        summary: format!("somebody asks for a change of {name}"),
        causal_chain: Vec::new(),
        factors: Vec::new(),
        evidence: Vec::new(),
        missing_sources: Vec::new(),
        recommendations,
        options: Vec::new(),
        criteria: vec![Criterion {
            description: "every replica is ready".into(),
            probe: Probe::Workload {
                target,
                metric: WorkloadMetric::UnreadyReplicas,
            },
            comparison: Comparison::AtMost,
            threshold: 0.0,
            unit: "replicas".into(),
            before: Some(0.0),
            decisive: true,
        }],
        engine: "request".into(),
        alternatives: Vec::new(),
        wrong_if: String::new(),
        timeline: Vec::new(),
        timeline_left_out: 0,
    }
}

/// Image, updated and ready pods of the service.
async fn state(range: &Range) -> (String, i32, i32) {
    let deployments = Api::<Deployment>::namespaced(range.client().await.unwrap(), "payments");
    let object = deployments.get("payments-service").await.unwrap();
    let image = object.spec.template.spec.unwrap().containers[0].image.clone().unwrap();
    let status = object.status.unwrap();
    let tag = image.rsplit(':').next().unwrap().to_owned();
    (tag, status.updated_replicas.unwrap_or(0), status.ready_replicas.unwrap_or(0))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_tried_then_asked_about_then_rolled_out_and_tells_the_way_back() {
    let Request { range, product, _nats } = released("2.3.1").await;
    let (asked, _) = wait_for_event(&product.grpc(), |incident, _| cast::asked(incident)).await.unwrap();
    let step = &asked.plan.as_ref().unwrap().steps[0];
    assert!(step.gate.is_some() && step.change.rejected().is_none(), "{step:?}");
    assert!(range.mutations().is_empty(), "a dry run changes nothing");
    assert_eq!(state(&range).await, ("2.3.0".into(), 3, 3));
    cast::approve(&product, &asked).await;
    let (ended, log) = wait_for_end(&product.grpc()).await.unwrap();
    assert_eq!(ended.status(), Status::Resolved, "{:?}", ended.end);
    assert_eq!(ended.verification.unwrap().verdict, Verdict::Passed);
    assert_eq!(state(&range).await, ("2.3.1".into(), 3, 3));
    assert_eq!(
        cast::changed(&range),
        ["patch /apis/apps/v1/namespaces/payments/deployments/payments-service"]
    );
    let told = log.iter().find_map(|recorded| match &recorded.envelope.event {
        Event::StepSucceeded { step, artifacts, .. } if step.as_str() == "rec-003" => Some(artifacts.len()),
        _ => None,
    });
    assert!(told.is_some(), "the report with the way back was written");
    let plan = serde_json::to_string(&ended.plan).unwrap();
    assert!(plan.contains("rollout undo deployment/payments-service"), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_the_cluster_does_not_let_in_ends_after_the_dry_run_with_the_policys_words() {
    let Request { range, product, _nats } = released("2.4.0-rc1").await;
    let (ended, log) = wait_for_end(&product.grpc()).await.unwrap();
    assert_eq!(ended.status(), Status::Escalated);
    let reason = ended.end.unwrap().reason;
    assert!(
        reason.contains("ValidatingAdmissionPolicy 'no-release-candidates'") && reason.contains("ask the release team for a final version"),
        "{reason}"
    );
    assert_eq!(cast::count(&log, "approval_requested"), 0, "nobody is asked about what cannot work");
    assert!(range.mutations().is_empty());
    assert_eq!(state(&range).await, ("2.3.0".into(), 3, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_whose_pods_never_become_ready_is_taken_back_and_three_of_three_serve_again() {
    let Request { range, product, _nats } = released("2.3.2").await;
    let (asked, _) = wait_for_event(&product.grpc(), |incident, _| cast::asked(incident)).await.unwrap();
    cast::approve(&product, &asked).await;
    let (ended, log) = wait_for_end(&product.grpc()).await.unwrap();
    assert_eq!(ended.status(), Status::Escalated, "{:?}", ended.end);
    let (outcome, _) = ended.run.unwrap().ended.unwrap();
    assert_eq!(outcome, WorkflowOutcome::RolledBack);
    assert!(
        cast::happened(
            &log,
            |event| matches!(event, Event::StepFailed { step, direction: Direction::Forward, .. } if step.as_str() == "rec-001")
        ),
        "the rollout was watched to its deadline"
    );
    let undone = log.iter().find_map(|recorded| match &recorded.envelope.event {
        Event::StepUndone { step, summary, .. } if step.as_str() == "rec-001" => Some(summary.clone()),
        _ => None,
    });
    let undone = undone.expect("the old version was put back");
    assert!(undone.contains("3 of 3 pods"), "{undone}");
    assert_eq!(state(&range).await, ("2.3.0".into(), 3, 3));
    let reason = ended.end.unwrap().reason;
    assert!(
        reason.contains("rec-001 failed") && reason.contains("progress") && reason.ends_with(&undone),
        "why, and what holds now: {reason}"
    );
}

/// Approves the plan of a wish and lets it be carried out: the changes of the cluster.
async fn carried_out(plan: &str, workload: (&str, &str)) -> Vec<String> {
    let Request { range, product, _nats } = requested_for(plan, workload).await;
    let (asked, _) = wait_for_event(&product.grpc(), |incident, _| cast::asked(incident)).await.unwrap();
    assert!(range.mutations().is_empty(), "nothing changes before somebody agrees");
    cast::approve(&product, &asked).await;
    let (ended, _) = wait_for_end(&product.grpc()).await.unwrap();
    assert_eq!(ended.status(), Status::Resolved, "{:?}", ended.end);
    assert_eq!(ended.verification.unwrap().verdict, Verdict::Passed);
    let run = ended.run.unwrap();
    assert_eq!(run.ended.unwrap().0, WorkflowOutcome::Succeeded);
    cast::changed(&range)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_be_pulled_goes_back_to_the_revision_that_runs() {
    let changed = carried_out("stuck-rollout.accepted.json", ("shop", "checkout-api")).await;
    assert_eq!(changed, ["patch /apis/apps/v1/namespaces/shop/deployments/checkout-api"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_lets_nobody_in_is_taken_away() {
    let changed = carried_out("deny-all.accepted.json", ("front", "traffic-gen")).await;
    assert_eq!(
        changed,
        ["delete /apis/networking.k8s.io/v1/namespaces/front/networkpolicies/default-deny"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_that_fills_up_grows() {
    let changed = carried_out("volume-filling.accepted.json", ("archive", "data-service")).await;
    assert_eq!(
        changed,
        ["patch /api/v1/namespaces/archive/persistentvolumeclaims/data-service-data"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_its_quota_does_not_let_in_goes_back() {
    let changed = carried_out("quota-blocked.accepted.json", ("platform", "api-server")).await;
    assert_eq!(changed, ["patch /apis/apps/v1/namespaces/platform/deployments/api-server"]);
}
