//! Every source says who it is in its own way, and secrets change without a restart.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{Json, Router, http::StatusCode, response::IntoResponse, routing::post};
use paramedic_runtime::Clock;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinSet};

use crate::harness::{FIRING, Gateway, PATH, Parts, answer, bus, clock};

async fn gateway(settings: &str, clock: &Clock, client: Option<kube::Client>) -> (Gateway, TempDir) {
    let folder = TempDir::new().unwrap();
    let bus = bus(&folder.path().join("bus")).await;
    (Gateway::start_with(&bus, clock, Parts::IntakeOnly, settings, client).await, folder)
}

/// The status of a webhook to `path` with this `Authorization`.
async fn status(gateway: &Gateway, path: &str, authorization: &str) -> u16 {
    let request = gateway.request("POST", path).header("authorization", authorization);
    answer(request.header("content-type", "application/json").body(FIRING)).await.status
}

#[tokio::test]
async fn sources_do_not_share_paths_names_or_secrets() {
    let settings = "
        [gateway.sources.alertmanager]
        basic = ['alertmanager:a-long-password-1']
        [gateway.sources.second]
        kind = 'alertmanager'
        path = '/api/alerts-of-the-second'
        tokens = ['0123456789abcdef-second']";
    let (gateway, _folder) = gateway(settings, &clock(), None).await;
    let basic = "Basic YWxlcnRtYW5hZ2VyOmEtbG9uZy1wYXNzd29yZC0x";
    let bearer = "Bearer 0123456789abcdef-second";
    let second = "/api/alerts-of-the-second";
    assert_eq!(status(&gateway, PATH, basic).await, 200);
    assert_eq!(status(&gateway, second, bearer).await, 200);
    assert_eq!(status(&gateway, PATH, bearer).await, 401);
    assert_eq!(status(&gateway, second, basic).await, 401);
    // user:another-password
    assert_eq!(status(&gateway, PATH, "Basic YWxlcnRtYW5hZ2VyOmFub3RoZXItcGFzc3dvcmQ=").await, 401);
    let names: Vec<_> = gateway
        .stored()
        .await
        .iter()
        .map(|stored| paramedic_wire::decode_notification(&stored.payload).unwrap().source)
        .collect();
    assert_eq!(
        names,
        ["alertmanager", "second"],
        "the same alerts of two sources are two notifications"
    );
}

#[tokio::test]
async fn the_answer_asks_for_what_the_source_takes() {
    let settings = "[gateway.sources.alertmanager]\nbasic = ['alertmanager:a-long-password-1']";
    let (gateway, _folder) = gateway(settings, &clock(), None).await;
    let refused = answer(gateway.request("POST", PATH).body(FIRING)).await;
    assert_eq!(
        (refused.status, refused.header("www-authenticate")),
        (401, Some("Basic realm=\"paramedic\""))
    );
    assert!(refused.error().contains("holds no user and password"), "{refused:?}");
}

#[tokio::test]
async fn tokens_in_a_file_rotate_without_a_restart() {
    let secrets = TempDir::new().unwrap();
    let path = secrets.path().join("tokens");
    fs::write(&path, "0123456789abcdef-first").unwrap();
    let settings = format!("[gateway.sources.alertmanager]\ntokens_file = '{}'", path.display());
    let (gateway, _folder) = gateway(&settings, &clock(), None).await;
    let (first, second) = ("Bearer 0123456789abcdef-first", "Bearer 0123456789abcdef-second");
    assert_eq!(
        (status(&gateway, PATH, first).await, status(&gateway, PATH, second).await),
        (200, 401)
    );
    fs::write(&path, "0123456789abcdef-first\n0123456789abcdef-second\n").unwrap();
    assert_eq!(
        (status(&gateway, PATH, first).await, status(&gateway, PATH, second).await),
        (200, 200)
    );
    fs::write(&path, "0123456789abcdef-second\n").unwrap();
    assert_eq!(
        (status(&gateway, PATH, first).await, status(&gateway, PATH, second).await),
        (401, 200)
    );
}

/// An API server that knows one token, until it is broken; counts reviews.
struct ApiServer {
    client: kube::Client,
    reviews: Arc<AtomicU32>,
    broken: Arc<AtomicBool>,
    _serving: JoinSet<()>,
}

async fn api_server() -> ApiServer {
    let (reviews, broken) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let (counted, breaks) = (reviews.clone(), broken.clone());
    let review = async move |Json(review): Json<Value>| {
        if breaks.load(Ordering::SeqCst) {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        counted.fetch_add(1, Ordering::SeqCst);
        let user = match review["spec"]["token"].as_str() {
            Some("token-of-alertmanager") => "system:serviceaccount:monitoring:alertmanager",
            Some("token-of-another-pod") => "system:serviceaccount:shop:web",
            _ => "",
        };
        let mut status = json!({"authenticated": !user.is_empty(), "user": {"username": user}});
        if user.ends_with("alertmanager") {
            status["audiences"] = review["spec"]["audiences"].clone();
        }
        Json(json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": review["spec"], "status": status}))
            .into_response()
    };
    let routes = Router::new().route("/apis/authentication.k8s.io/v1/tokenreviews", post(review));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, routes).await.unwrap() });
    rustls_provider();
    let client = kube::Client::try_from(kube::Config::new(url.parse().unwrap())).unwrap();
    ApiServer {
        client,
        reviews,
        broken,
        _serving: serving,
    }
}

/// kube builds a TLS configuration even for plain HTTP.
fn rustls_provider() {
    paramedic_runtime::http::client().unwrap();
}

#[tokio::test]
async fn a_service_account_is_known_by_its_token_and_reviewed_once_a_minute() {
    let server = api_server().await;
    let settings = "[gateway.sources.alertmanager]\nservice_accounts = ['monitoring/alertmanager']\naudiences = ['paramedic']";
    let clock = clock();
    let (gateway, _folder) = gateway(settings, &clock, Some(server.client.clone())).await;
    let (known, other) = ("Bearer token-of-alertmanager", "Bearer token-of-another-pod");
    assert_eq!(status(&gateway, PATH, known).await, 200);
    assert_eq!(status(&gateway, PATH, known).await, 200);
    assert_eq!(server.reviews.load(Ordering::SeqCst), 1);
    assert_eq!(status(&gateway, PATH, other).await, 401);
    assert_eq!(status(&gateway, PATH, "Bearer token-of-nobody").await, 401);

    // The word is a minute old and the API server gives no other: try again, and never let in by default.
    server.broken.store(true, Ordering::SeqCst);
    assert_eq!(status(&gateway, PATH, known).await, 200);
    clock.advance(Duration::from_secs(61));
    assert_eq!(status(&gateway, PATH, known).await, 503);
    server.broken.store(false, Ordering::SeqCst);
    assert_eq!(status(&gateway, PATH, known).await, 200);
    assert_eq!(server.reviews.load(Ordering::SeqCst), 4);
}
