//! A way to an API server that can be closed, as a whole or for some paths.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::StreamExt;
use serde_json::json;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

/// The gate. Dropping it closes it for good.
pub(super) struct Gate {
    pub(super) url: String,
    closed: watch::Sender<bool>,
    _serving: JoinSet<()>,
}

struct Way {
    upstream: String,
    http: reqwest::Client,
    closed: watch::Receiver<bool>,
    forbidden: Vec<&'static str>,
}

impl Gate {
    /// Opens a way to `upstream` on which paths with one of these ends are forbidden.
    pub(super) async fn open(upstream: &str, forbidden: &[&'static str]) -> Self {
        let (closed, reader) = watch::channel(false);
        let way = Way {
            upstream: upstream.to_owned(),
            http: paramedic_runtime::http::client().unwrap(),
            closed: reader,
            forbidden: forbidden.to_vec(),
        };
        let router = Router::new().fallback(forward).with_state(Arc::new(way));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url,
            closed,
            _serving: serving,
        }
    }

    /// Cuts what is open and lets nothing more through; or does again.
    pub(super) fn set_closed(&self, closed: bool) {
        self.closed.send_replace(closed);
    }
}

async fn forward(State(way): State<Arc<Way>>, request: Request) -> Response {
    if *way.closed.borrow() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if way.forbidden.iter().any(|end| request.uri().path().ends_with(end)) {
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403,
            "message": "forbidden: the gateway cannot list this resource",
        });
        return (StatusCode::FORBIDDEN, Json(status)).into_response();
    }
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().unwrap().as_str();
    let mut forwarded = way.http.request(parts.method, format!("{}{path}", way.upstream));
    for (name, value) in parts.headers.iter().filter(|(name, _)| *name != header::HOST) {
        forwarded = forwarded.header(name, value);
    }
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let Ok(answer) = forwarded.body(body).send().await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let mut response = Response::builder().status(answer.status());
    if let Some(kind) = answer.headers().get(header::CONTENT_TYPE) {
        response = response.header(header::CONTENT_TYPE, kind);
    }
    let mut closed = way.closed.clone();
    let cut = async move {
        closed.wait_for(|closed| *closed).await.ok();
    };
    response
        .body(Body::from_stream(answer.bytes_stream().take_until(Box::pin(cut))))
        .unwrap()
}
