//! A stand-in for Slack's Web API: `chat.postMessage`, `chat.update`, `views.open`, `auth.test` and response URLs, with Slack's limits and ways to fail.

mod limits;
mod server;

use std::{
    collections::{BTreeSet, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Result;
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinSet};

/// A call that reached the stand-in with the right token.
#[derive(Debug, Clone)]
pub struct SlackCall {
    /// `chat.postMessage`, `chat.update` or `auth.test`.
    pub method: String,
    /// The JSON that was sent.
    pub body: Value,
    /// The error it was answered with; `None`: it succeeded.
    pub error: Option<String>,
}

/// A message as it looks now.
#[derive(Debug, Clone)]
pub struct SlackMessage {
    /// Channel it was posted to.
    pub channel: String,
    /// Its id.
    pub ts: String,
    /// The message it answers.
    pub thread_ts: Option<String>,
    /// What was posted, or what it was last updated to.
    pub body: Value,
    /// How often it was updated.
    pub updates: usize,
}

impl SlackMessage {
    /// All text of the message: fallback text and every text in its blocks, one per line.
    #[must_use]
    pub fn all_text(&self) -> String {
        let mut lines = Vec::new();
        limits::texts(&self.body, &mut lines);
        lines.join("\n")
    }

    /// Whether a button with that action id is on it.
    #[must_use]
    pub fn has_action(&self, action_id: &str) -> bool {
        limits::find(&self.body, "action_id", action_id)
    }
}

/// How the next call fails.
#[derive(Debug, Clone)]
pub enum SlackFault {
    /// 429 with `Retry-After` in whole seconds.
    RateLimited(Duration),
    /// 200 with `ok: false` and this error.
    Refused(String),
    /// This HTTP status with an empty body.
    Http(u16),
}

/// Stands in for Slack on a loopback port, until it is dropped.
#[derive(Debug)]
pub struct SlackStandIn {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    _server: JoinSet<()>,
}

#[derive(Debug, Default)]
struct State {
    token: String,
    calls: Vec<SlackCall>,
    messages: Vec<SlackMessage>,
    faults: VecDeque<SlackFault>,
    rejected: usize,
    triggers: BTreeSet<String>,
    whispers: Vec<String>,
}

impl SlackStandIn {
    /// Starts it; only calls with this bot token are answered.
    pub async fn start(token: &str) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State {
            token: token.to_owned(),
            ..State::default()
        }));
        let mut server = JoinSet::new();
        let app = server::router(state.clone());
        server.spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!(%error, "slack stand-in stopped");
            }
        });
        Ok(Self {
            address,
            state,
            _server: server,
        })
    }

    /// Base of the API, to be used instead of `https://slack.com/api`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/api", self.address)
    }

    /// An address at which somebody who clicked is answered, to be used instead of Slack's `response_url`.
    #[must_use]
    pub fn response_url(&self) -> String {
        format!("http://{}/hooks/1", self.address)
    }

    /// What was said to somebody who clicked, oldest first.
    #[must_use]
    pub fn whispers(&self) -> Vec<String> {
        self.lock().whispers.clone()
    }

    /// The next calls fail in these ways, in order.
    pub fn fail_next(&self, faults: impl IntoIterator<Item = SlackFault>) {
        self.lock().faults.extend(faults);
    }

    /// All calls so far, the failed ones too.
    #[must_use]
    pub fn calls(&self) -> Vec<SlackCall> {
        self.lock().calls.clone()
    }

    /// Calls without the right token.
    #[must_use]
    pub fn rejected(&self) -> usize {
        self.lock().rejected
    }

    /// All messages as they look now, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<SlackMessage> {
        self.lock().messages.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
