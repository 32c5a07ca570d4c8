//! Stand-ins for the systems outside of a cluster: trackers and forges, webhooks and registered endpoints. Each keeps what was
//! done to it, so that a test can count effects, and can lose an answer after the effect.

mod endpoint;
mod forge;
mod jira;
mod repository;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Result;
use axum::{
    Json, Router,
    body::Bytes,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

pub use endpoint::EndpointStandIn;
pub use forge::{ForgeKind, ForgeStandIn};
pub use jira::JiraStandIn;
pub use repository::GitRepository;

/// Largest body a stand-in reads.
const MAX_BODY: usize = 32 << 20;

/// How the next changing request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutsideFault {
    /// It has its effect, and a gateway in between answers 504.
    AnswerLost,
    /// It has no effect, and is answered with this status.
    Refused(u16),
}

/// A request that reached a stand-in with the right credentials.
#[derive(Debug, Clone)]
pub struct OutsideCall {
    /// Method.
    pub method: String,
    /// Path, without the query.
    pub path: String,
    /// Query by name.
    pub query: Vec<(String, String)>,
    /// JSON body; `null` where it is none.
    pub body: Value,
    /// The body as it was sent.
    pub bytes: Vec<u8>,
    /// Headers.
    pub headers: HeaderMap,
}

impl OutsideCall {
    /// A value of the query.
    #[must_use]
    pub fn asked(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Name and content of the file in a `multipart/form-data` body.
    #[must_use]
    pub fn file(&self) -> Option<(String, Vec<u8>)> {
        let text = String::from_utf8_lossy(&self.bytes);
        let (head, rest) = text.split_once("\r\n\r\n")?;
        let name = head.split("filename=\"").nth(1)?.split('"').next()?;
        let boundary = head.lines().next()?;
        let (content, _) = rest.split_once(&format!("\r\n{boundary}--"))?;
        Some((name.to_owned(), content.as_bytes().to_vec()))
    }
}

/// What a kind of stand-in answers to one request.
type Answerer<S> = fn(&mut S, &OutsideCall) -> (u16, Value);

/// A stand-in's server and memory.
#[derive(Debug)]
struct StandIn<S> {
    address: SocketAddr,
    memory: Arc<Mutex<Memory<S>>>,
    _server: JoinSet<()>,
}

#[derive(Debug)]
struct Memory<S> {
    state: S,
    calls: Vec<OutsideCall>,
    faults: VecDeque<OutsideFault>,
    /// Value that the `Authorization` or `PRIVATE-TOKEN` header must have.
    credentials: String,
    answer: Answerer<S>,
}

impl<S: Send + 'static> StandIn<S> {
    async fn start(state: S, credentials: &str, answer: Answerer<S>) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let memory = Arc::new(Mutex::new(Memory {
            state,
            calls: Vec::new(),
            faults: VecDeque::new(),
            credentials: credentials.to_owned(),
            answer,
        }));
        let app = Router::new().fallback(handle::<S>).with_state(memory.clone());
        let mut server = JoinSet::new();
        server.spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!(%error, "stand-in stopped");
            }
        });
        Ok(Self {
            address,
            memory,
            _server: server,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Memory<S>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn handle<S: Send + 'static>(State(memory): State<Arc<Mutex<Memory<S>>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, MAX_BODY).await.unwrap_or_else(|_| Bytes::new());
    let query = parts.uri.query().unwrap_or_default();
    let call = OutsideCall {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: query.split('&').filter_map(|pair| pair.split_once('=')).map(decoded).collect(),
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
        bytes: bytes.to_vec(),
        headers: parts.headers,
    };
    let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
    let given = ["authorization", "private-token"].iter().find_map(|name| call.headers.get(*name));
    if !memory.credentials.is_empty() && given.is_none_or(|given| given != memory.credentials.as_str()) {
        return answered(401, &json!({"message": "bad credentials"}));
    }
    let changes = parts.method != Method::GET;
    let fault = if changes { memory.faults.pop_front() } else { None };
    memory.calls.push(call.clone());
    if let Some(OutsideFault::Refused(code)) = fault {
        return answered(code, &json!({"message": "not now"}));
    }
    let answer = memory.answer;
    let (code, body) = answer(&mut memory.state, &call);
    match fault {
        Some(OutsideFault::AnswerLost) => answered(504, &json!({"message": "gateway timeout"})),
        Some(OutsideFault::Refused(_)) | None => answered(code, &body),
    }
}

fn answered(code: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(body)).into_response()
}

fn decoded((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), percent_decoded(value))
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = (*first == b'%').then(|| tail.get(..2)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
