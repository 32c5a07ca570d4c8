//! A stand-in for Slack's Web API: answers as Slack does and shows what would have been posted. Loopback only.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::{Json, Router, extract::State, http::HeaderMap, routing::post};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc::UnboundedSender};

use super::message::Message;

struct Slack {
    messages: UnboundedSender<Message>,
    token: String,
    posted: AtomicU64,
}

/// Starts the server and returns the base URL of its API; it ends with the runtime.
#[expect(
    clippy::disallowed_methods,
    reason = "ends with the drill's process; a lost call is the caller's error to handle"
)]
pub async fn start(messages: UnboundedSender<Message>, token: &str) -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/api", listener.local_addr()?);
    let slack = Arc::new(Slack {
        messages,
        token: format!("Bearer {token}"),
        posted: AtomicU64::new(0),
    });
    let routes = Router::new()
        .route("/api/chat.postMessage", post(post_message))
        .route("/api/conversations.replies", post(no_replies).get(no_replies))
        .with_state(slack);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(url)
}

async fn post_message(State(slack): State<Arc<Slack>>, headers: HeaderMap, Json(body): Json<Value>) -> Json<Value> {
    if headers.get("authorization").and_then(|value| value.to_str().ok()) != Some(&slack.token) {
        return Json(json!({ "ok": false, "error": "invalid_auth" }));
    }
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
    let (channel, title) = (text("channel"), text("text"));
    if channel.is_empty() || title.is_empty() && body.get("blocks").is_none() {
        return Json(json!({ "ok": false, "error": if channel.is_empty() { "channel_not_found" } else { "no_text" } }));
    }
    let number = slack.posted.fetch_add(1, Ordering::Relaxed) + 1;
    let reply = !text("thread_ts").is_empty();
    let message = Message {
        channel: "slack",
        recipient: format!("#{channel}"),
        title,
        body: blocks(&body),
        reply,
    };
    let _ = slack.messages.send(message);
    Json(json!({ "ok": true, "channel": channel, "ts": format!("1700000000.{number:06}"), "message": {} }))
}

/// Nothing was posted before this process: there is nothing to find.
async fn no_replies() -> Json<Value> {
    Json(json!({ "ok": true, "messages": [], "has_more": false }))
}

/// The texts of a message's blocks.
fn blocks(body: &Value) -> String {
    let texts = body
        .get("blocks")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|block| block.pointer("/text/text").and_then(Value::as_str));
    texts.collect::<Vec<_>>().join("\n")
}
