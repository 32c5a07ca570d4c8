//! A provider on a loopback port that checks what the real one checks, and fails when told to.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use serde_json::Value;
use tokio::task::JoinSet;

use super::harness::LOOPBACK;

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Bytes,
    pub(super) body: Value,
}

impl Call {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// An answer: status, `Retry-After` and body.
type Answer = (u16, Option<&'static str>, Value);

struct Inner {
    answer: fn(&Call, usize) -> (u16, Value),
    faults: VecDeque<Answer>,
    taken: Vec<Call>,
    tries: usize,
}

/// The stand-in; stops when it is dropped.
pub(super) struct StandIn {
    pub(super) url: String,
    inner: Arc<Mutex<Inner>>,
    _server: JoinSet<()>,
}

impl StandIn {
    /// Starts it; `answer` sees the request and how many were taken before it. What it answers with 2xx is taken.
    pub(super) async fn start(answer: fn(&Call, usize) -> (u16, Value)) -> Self {
        let inner = Arc::new(Mutex::new(Inner {
            answer,
            faults: VecDeque::new(),
            taken: Vec::new(),
            tries: 0,
        }));
        let routes = Router::new().fallback(handle).with_state(inner.clone());
        let listener = tokio::net::TcpListener::bind(LOOPBACK).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self {
            url,
            inner,
            _server: server,
        }
    }

    pub(super) fn fail_next(&self, faults: impl IntoIterator<Item = Answer>) {
        self.inner.lock().unwrap().faults.extend(faults);
    }

    pub(super) fn taken(&self) -> Vec<Call> {
        self.inner.lock().unwrap().taken.clone()
    }

    pub(super) fn tries(&self) -> usize {
        self.inner.lock().unwrap().tries
    }
}

async fn handle(State(inner): State<Arc<Mutex<Inner>>>, uri: Uri, headers: HeaderMap, bytes: Bytes) -> Response {
    let mut inner = inner.lock().unwrap();
    inner.tries += 1;
    let call = Call {
        uri,
        headers,
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        bytes,
    };
    let (status, after, body) = match inner.faults.pop_front() {
        Some(fault) => fault,
        None => {
            let (status, body) = (inner.answer)(&call, inner.taken.len());
            (status, None, body)
        }
    };
    let status = StatusCode::from_u16(status).unwrap();
    if status.is_success() {
        inner.taken.push(call);
    }
    let after: Vec<(&str, &str)> = after.into_iter().map(|after| ("retry-after", after)).collect();
    let mut response = (status, body.to_string()).into_response();
    for (name, value) in after {
        response
            .headers_mut()
            .insert(name.parse::<axum::http::HeaderName>().unwrap(), value.parse().unwrap());
    }
    response
}
