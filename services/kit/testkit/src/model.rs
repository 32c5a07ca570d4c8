//! A stand-in for language models: a server that speaks chat completions, Messages and HolmesGPT's chat well enough: it says what its script says, in the dialect that
//! it is asked in.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use futures::{StreamExt, stream};
use serde_json::{Value, json};

/// What the model says next.
#[derive(Debug, Clone)]
pub enum Say {
    /// Its answer.
    Conclude(Value),
    /// Calls of tools, by name and arguments.
    Call(Vec<(&'static str, Value)>),
    /// Plain text.
    Text(String),
    /// It ran into the limit of its output.
    CutOff,
    /// Its provider does not want to.
    Decline,
    /// A status with a message and, perhaps, seconds to wait.
    Status(u16, Option<u64>),
    /// A redirect to another server.
    Redirect(String),
    /// A body that is none of the dialect.
    Nonsense(&'static str),
    /// Nothing, for ever.
    Hang,
    /// The first half of an answer, and the end of the connection.
    Half,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Path.
    pub path: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Body; null if it is no JSON.
    pub body: Value,
}

struct Script {
    says: VecDeque<Say>,
    asked: Vec<Asked>,
    /// Tokens that every turn is said to have used.
    usage: (u64, u64),
}

/// The running server.
pub struct Stub {
    script: Arc<Mutex<Script>>,
    address: std::net::SocketAddr,
    work: tokio::task::JoinHandle<()>,
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.work.abort();
    }
}

impl Stub {
    /// Says these one after the other, and the last one again and again.
    ///
    /// # Panics
    /// When no port of loopback is free.
    #[allow(clippy::disallowed_methods, reason = "the stub owns the task and ends it")]
    pub async fn start(says: Vec<Say>) -> Self {
        let script = Arc::new(Mutex::new(Script {
            says: says.into(),
            asked: Vec::new(),
            usage: (1_000, 200),
        }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let routes = Router::new().fallback(answer).with_state(script.clone());
        let work = tokio::spawn(async move { axum::serve(listener, routes).await.expect("the stub serves until it is dropped") });
        Self { script, address, work }
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Tokens that each further turn is said to read and write.
    pub fn uses(&self, read: u64, written: u64) {
        self.script().usage = (read, written);
    }

    /// The questions so far, without the probes before them.
    pub fn asked(&self) -> Vec<Asked> {
        let all = self.script().asked.clone();
        all.into_iter().filter(|asked| asked.path != "/api/info").collect()
    }

    /// Every request.
    pub fn requests(&self) -> Vec<Asked> {
        self.script().asked.clone()
    }
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let path = parts.uri.path().to_owned();
    let body = serde_json::from_slice(&bytes).unwrap_or_default();
    let (say, usage) = {
        let mut script = script.lock().unwrap_or_else(PoisonError::into_inner);
        script.asked.push(Asked {
            path: path.clone(),
            headers: parts.headers,
            body,
        });
        if path == "/api/info" {
            return json_of(&json!({"version": "0.40.0", "models": ["fast", "accurate"]}));
        }
        let say = match script.says.len() {
            0 | 1 => script.says.front().cloned(),
            _ => script.says.pop_front(),
        };
        (say.unwrap_or(Say::Hang), script.usage)
    };
    match say {
        Say::Hang => std::future::pending().await,
        Say::Half => {
            let whole = body_of(&path, &Say::Text("{\"category\":".into()), usage)
                .unwrap_or_default()
                .to_string();
            let half = Bytes::from(whole[..whole.len() / 2].to_owned());
            let end = std::io::Error::other("the connection ended");
            let parts = stream::iter([Ok(half)]).chain(stream::once(async { Err(end) }));
            ([(CONTENT_TYPE, "application/json")], Body::from_stream(parts)).into_response()
        }
        Say::Status(status, after) => {
            let after = after.map_or_else(String::new, |seconds| seconds.to_string());
            let text = json!({"error": {"message": "not now"}}).to_string();
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            match after.is_empty() {
                true => (status, text).into_response(),
                false => (status, [("retry-after", after)], text).into_response(),
            }
        }
        Say::Redirect(url) => (StatusCode::TEMPORARY_REDIRECT, [("location", format!("{url}{path}"))]).into_response(),
        Say::Nonsense(text) => ([(CONTENT_TYPE, "application/json")], text).into_response(),
        say => match body_of(&path, &say, usage) {
            Some(body) => json_of(&body),
            None => StatusCode::NOT_FOUND.into_response(),
        },
    }
}

fn json_of(body: &Value) -> Response {
    let stream = stream::iter([Ok::<_, Infallible>(Bytes::from(body.to_string()))]);
    ([(CONTENT_TYPE, "application/json")], Body::from_stream(stream)).into_response()
}

/// What is said, in the dialect of the path.
fn body_of(path: &str, say: &Say, (read, written): (u64, u64)) -> Option<Value> {
    let calls: Vec<(&str, Value)> = match say {
        Say::Conclude(answer) => vec![("conclude", answer.clone())],
        Say::Call(calls) => calls.clone(),
        _ => Vec::new(),
    };
    let text = match say {
        Say::Text(text) => text.clone(),
        _ => String::new(),
    };
    match path {
        "/chat/completions" => {
            let calls: Vec<Value> = calls
                .iter()
                .enumerate()
                .map(|(at, (name, arguments))| {
                    json!({
                        "id": format!("call_{at}"),
                        "type": "function",
                        "function": {"name": name, "arguments": arguments.to_string()},
                    })
                })
                .collect();
            let reason = match say {
                Say::CutOff => "length",
                Say::Decline => "content_filter",
                _ if calls.is_empty() => "stop",
                _ => "tool_calls",
            };
            let mut message = json!({"role": "assistant", "content": text});
            if !calls.is_empty() {
                message["tool_calls"] = json!(calls);
            }
            Some(json!({
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "model": "stub",
                "choices": [{"index": 0, "message": message, "finish_reason": reason}],
                "usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written},
            }))
        }
        "/v1/messages" => {
            let mut content = vec![json!({"type": "thinking", "thinking": "", "signature": "c2ln"})];
            if !text.is_empty() {
                content.push(json!({"type": "text", "text": text}));
            }
            content.extend(
                calls
                    .iter()
                    .enumerate()
                    .map(|(at, (name, input))| json!({"type": "tool_use", "id": format!("toolu_{at}"), "name": name, "input": input})),
            );
            let reason = match say {
                Say::CutOff => "max_tokens",
                Say::Decline => "refusal",
                _ if calls.is_empty() => "end_turn",
                _ => "tool_use",
            };
            Some(json!({
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": "stub",
                "content": content,
                "stop_reason": reason,
                "usage": {"input_tokens": read, "cache_read_input_tokens": 0, "output_tokens": written},
            }))
        }
        "/api/chat" => {
            let analysis = match say {
                Say::Conclude(answer) => answer.to_string(),
                _ => text,
            };
            Some(json!({"analysis": analysis, "conversation_history": [], "tool_calls": [], "follow_up_actions": []}))
        }
        _ => None,
    }
}
