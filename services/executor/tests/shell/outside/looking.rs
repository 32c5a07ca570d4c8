//! HTTP endpoints inside the cluster, asked through the API server's proxy.

use std::sync::{
    Arc,
    atomic::{AtomicU16, Ordering},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::Response,
};
use paramedic_domain::{event::Direction, fault::FailureKind, workflow::StepState};
use serde_json::json;
use tokio::{net::TcpListener, sync::Mutex, task::JoinSet};

use crate::{
    stage::{Stage, client},
    story::{Story, stage},
};

/// An API server whose proxy answers with a status that the test sets, and which is the practice cluster's otherwise.
struct Proxy {
    status: Arc<AtomicU16>,
    asked: Arc<Mutex<Vec<String>>>,
    _server: JoinSet<()>,
}

#[derive(Clone)]
struct Shared {
    status: Arc<AtomicU16>,
    asked: Arc<Mutex<Vec<String>>>,
    cluster: String,
    http: reqwest::Client,
}

impl Proxy {
    async fn before(stage: &mut Stage) -> Self {
        let shared = Shared {
            status: Arc::new(AtomicU16::new(200)),
            asked: Arc::default(),
            cluster: format!("http://{}", stage.server.as_ref().unwrap().address()),
            http: reqwest::Client::new(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        stage.kit.cluster.client = Some(client(&format!("http://{}", listener.local_addr().unwrap())));
        let app = Router::new().fallback(handle).with_state(shared.clone());
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            status: shared.status,
            asked: shared.asked,
            _server: server,
        }
    }

    fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }
}

async fn handle(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    if path.contains("/proxy/") {
        shared.asked.lock().await.push(path);
        let status = shared.status.load(Ordering::SeqCst);
        return Response::builder().status(status).body(Body::from("the pod's own words")).unwrap();
    }
    let bytes = to_bytes(body, 8 << 20).await.unwrap();
    let url = format!("{}{path}", shared.cluster);
    let answer = shared
        .http
        .request(parts.method, url)
        .headers(parts.headers)
        .body(bytes)
        .send()
        .await
        .unwrap();
    let status = answer.status();
    Response::builder()
        .status(status)
        .body(Body::from(answer.bytes().await.unwrap()))
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_asked_through_the_api_server_until_it_answers_as_expected() {
    let mut stage = stage(|_| {}, Vec::new()).await;
    let proxy = Proxy::before(&mut stage).await;
    proxy.answer(500);
    // Where it runs is not said; it is found.
    let params = json!({"service": "payment-service", "endpoint": "/health", "expectedStatus": 200, "port": 8080});
    let story = Story::of(stage, &[("check", "health_check", params, &[])]).await;
    let item = story.item(0, Direction::Forward, 1).await;
    let (state, ()) = tokio::join!(story.work(&item, "one"), async {
        paramedic_testkit::eventually!(within std::time::Duration::from_secs(20),
            story.stage.transcript().await.contains("/health of payment-service answers 500"));
        proxy.answer(200);
    });
    assert_eq!(state, StepState::Succeeded, "{}", story.stage.transcript().await);
    let asked = proxy.asked.lock().await.clone();
    assert_eq!(asked[0], "/api/v1/namespaces/production/services/payment-service:8080/proxy/health");
    story.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_answers_in_every_ready_pod_and_a_recovery_includes_the_workloads_behind_services() {
    let mut stage = stage(|_| {}, Vec::new()).await;
    let proxy = Proxy::before(&mut stage).await;
    let params = json!({"services": ["payment-service"], "healthEndpoint": "/ready?full=1", "port": 8080, "stableFor": "1s"});
    let story = Story::of(stage, &[("verify", "verify_recovery", params, &[])]).await;
    let summary = story.succeeds().await;
    assert!(
        summary.contains("Service production/payment-service") && summary.contains("Deployment production/payment-service"),
        "{summary}"
    );
    let asked = proxy.asked.lock().await.clone();
    let pods = asked.iter().filter(|path| path.contains("/pods/payment-service-")).count();
    assert!(pods >= 4, "{asked:?}");
    assert!(asked.iter().all(|path| path.ends_with("/proxy/ready?full=1")), "{asked:?}");
    story.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_does_not_proxy_is_a_failure_with_its_words() {
    let stage = stage(|_| {}, Vec::new()).await;
    let params = json!({"deployment": "gone", "namespace": "production", "endpoint": "/health"});
    let answer = crate::recommended::prepare(&stage, &[("check", "health_check", params, &[])]).await;
    assert_eq!(answer.steps[0].refusal, "Deployment production/gone does not exist in the cluster");
    let params = json!({"service": "payment-service", "endpoint": "/health", "port": "no-such-port"});
    let story = Story::of(stage, &[("check", "health_check", params, &[])]).await;
    let (kind, _, message) = story.fails().await;
    assert_eq!(kind, FailureKind::Permanent);
    assert!(message.contains("parameters.port"), "{message}");
    story.stage.end().await;
}

/// A service in the cluster whose address is where the test listens.
async fn listening(stage: &Stage, address: &str, port: u16) {
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db", "namespace": "production"},
        "spec": {"clusterIP": address, "clusterIPs": [address], "selector": {"app": "checkout-api"},
            "ports": [{"name": "sql", "port": port, "protocol": "TCP"}, {"name": "dns", "port": 53, "protocol": "UDP"}]}});
    let target = paramedic_catalogue::prepare::reference(&service).unwrap();
    stage.cluster().create(&target, &service, false).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tcp_port_is_well_when_it_accepts_connections_and_only_declared_ones_in_named_networks_are_tried() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let stage = stage(|config| config.tcp_networks = vec!["127.0.0.0/8".into()], Vec::new()).await;
    listening(&stage, "127.0.0.1", port).await;
    let check = |port: serde_json::Value| json!({"service": "db", "namespace": "production", "tcp": port});
    for undeclared in [json!(port ^ 1), json!(53), json!("dns")] {
        let answer = crate::recommended::prepare(&stage, &[("check", "health_check", check(undeclared), &[])]).await;
        assert!(
            answer.steps[0].refusal.contains("declares no TCP port"),
            "{}",
            answer.steps[0].refusal
        );
    }
    let story = Story::of(stage, &[("check", "health_check", check(json!("sql")), &[])]).await;
    let summary = story.succeeds().await;
    assert!(summary.contains(&format!("port {port} of db accepts connections")), "{summary}");
    listener.accept().await.unwrap();
    story.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tcp_port_that_nobody_serves_is_waited_for_and_an_address_elsewhere_is_never_tried() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let stage = stage(|config| config.tcp_networks = vec!["127.0.0.0/8".into()], Vec::new()).await;
    listening(&stage, "127.0.0.1", port).await;
    let params = json!({"service": "db", "namespace": "production", "tcp": port});
    let mut story = Story::of(stage, &[("check", "health_check", params, &[])]).await;
    let item = story.item(0, Direction::Forward, 1).await;
    let waiting = story.work(&item, "one");
    let served = async {
        // Somebody serves it as soon as the log says that nobody does.
        paramedic_testkit::eventually!(story.stage.transcript().await.contains("does not accept connections"));
        TcpListener::bind(("127.0.0.1", port)).await.unwrap()
    };
    let (state, _listener) = tokio::join!(waiting, served);
    assert_eq!(state, StepState::Succeeded);
    // The operator names other networks: the same check is refused for good.
    story.stage.config.tcp_networks = vec!["10.0.0.0/8".into()];
    let mut other = story.stage;
    other.incident_id = "inc_other".parse().unwrap();
    other.open().await;
    let params = json!({"service": "db", "namespace": "production", "tcp": port});
    let story = Story::of(other, &[("again", "health_check", params, &[])]).await;
    let (kind, _, message) = story.fails().await;
    assert_eq!(kind, FailureKind::Permanent);
    assert!(
        message.contains("127.0.0.1") && message.contains("executor.tcp_networks"),
        "{message}"
    );
    story.stage.end().await;
}
