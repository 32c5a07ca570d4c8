//! Slack through its Web API.
//!
//! Slack has no idempotency key. Every message carries ours as metadata, and a repeated try first looks for it in the
//! thread (or, for the first message, in the channel). Without the scope to read history at most one duplicate remains
//! possible per crash between delivery and its record.

use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::channel::{Channel, Delivered, Outgoing, SendError};
use crate::core::message::Message;
use crate::{config::Slack as Config, core::render::slack};
use paramedic_domain::event::Receipt;

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Pause when Slack limits us without saying for how long.
const LIMITED: Duration = Duration::from_secs(30);
/// Messages looked through for a lost one: far more than an incident has.
const LOOKED_AT: &str = "200";
/// Clock difference allowed between us and Slack when looking for a lost message, in seconds.
const SKEW: i64 = 300;
/// Metadata type of our messages.
const METADATA: &str = "paramedic_message";

/// A Slack workspace and channel.
pub struct Slack {
    http: reqwest::Client,
    api: String,
    token: SecretString,
    channels: Vec<String>,
    buttons: bool,
}

#[derive(Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default)]
    error: String,
    #[serde(default)]
    ts: String,
    #[serde(default)]
    messages: Vec<Value>,
    #[serde(default)]
    response_metadata: Value,
}

impl Slack {
    /// From the configuration.
    #[must_use]
    pub fn new(config: &Config, http: reqwest::Client) -> Self {
        Self {
            http,
            api: config.api_url.trim_end_matches('/').to_owned(),
            token: config.token.clone(),
            channels: vec![config.channel.trim().to_owned()],
            buttons: config.buttons,
        }
    }

    async fn call(&self, request: reqwest::RequestBuilder) -> Result<Answer, SendError> {
        let transient = |reason: String| SendError::Transient { reason, after: None };
        let response = request.bearer_auth(self.token.expose_secret()).timeout(TIMEOUT).send().await;
        let response = response.map_err(|error| transient(format!("slack cannot be reached: {}", error.without_url())))?;
        let status = response.status();
        let after = retry_after(&response);
        if status.as_u16() == 429 {
            return Err(limited(after));
        }
        if !status.is_success() {
            return Err(if status.is_server_error() {
                transient(format!("slack answered {status}"))
            } else {
                SendError::Permanent {
                    reason: format!("slack answered {status}; check notifier.slack.api_url"),
                }
            });
        }
        let answer: Answer = response
            .json()
            .await
            .map_err(|error| transient(format!("slack's answer is not JSON: {}", error.without_url())))?;
        if answer.ok {
            return Ok(answer);
        }
        Err(match answer.error.as_str() {
            "ratelimited" | "rate_limited" | "message_limit_exceeded" => limited(after),
            "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" => {
                transient(format!("slack says {}", answer.error))
            }
            error => SendError::Permanent {
                reason: format!("slack refused the message: {error} {}", details(&answer.response_metadata))
                    .trim_end()
                    .to_owned(),
            },
        })
    }

    /// The `ts` of the message with this key, if an earlier try arrived.
    async fn find(&self, outgoing: &Outgoing<'_>) -> Result<Option<String>, SendError> {
        let oldest = (outgoing.time.as_second() - SKEW).to_string();
        let mut query = vec![
            ("channel", outgoing.recipient),
            ("include_all_metadata", "true"),
            ("limit", LOOKED_AT),
        ];
        let method = match outgoing.thread {
            Some(thread) => {
                query.push(("ts", &thread.thread));
                "conversations.replies"
            }
            None => {
                query.push(("oldest", &oldest));
                "conversations.history"
            }
        };
        let answer = self.call(self.http.get(format!("{}/{method}", self.api)).query(&query)).await?;
        let ours = |message: &&Value| message["metadata"]["event_payload"]["key"].as_str() == Some(outgoing.key);
        Ok(answer
            .messages
            .iter()
            .find(ours)
            .and_then(|message| message["ts"].as_str())
            .map(str::to_owned))
    }
}

fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let seconds = response.headers().get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn limited(after: Option<Duration>) -> SendError {
    SendError::Transient {
        reason: "slack limits the rate of messages".into(),
        after: Some(after.unwrap_or(LIMITED)),
    }
}

fn details(metadata: &Value) -> String {
    metadata["messages"]
        .as_array()
        .map(|messages| json!(messages).to_string())
        .unwrap_or_default()
}

#[async_trait]
impl Channel for Slack {
    fn name(&self) -> &'static str {
        "slack"
    }

    fn recipients(&self) -> &[String] {
        &self.channels
    }

    async fn close(&self, question: &Receipt, closed: &Message) -> Result<(), SendError> {
        if !self.buttons {
            return Ok(());
        }
        let (blocks, text) = slack::render(closed, false);
        let body = json!({"channel": question.recipient, "ts": question.message_id, "text": text, "blocks": blocks});
        match self.call(self.http.post(format!("{}/chat.update", self.api)).json(&body)).await {
            Err(SendError::Permanent { reason }) => {
                tracing::warn!(
                    reason,
                    key = question.key,
                    "a decided question keeps its buttons; whoever clicks them is told"
                );
                Ok(())
            }
            done => done.map(drop),
        }
    }

    async fn send(&self, outgoing: &Outgoing<'_>) -> Result<Delivered, SendError> {
        let delivered = |ts: String| Delivered {
            thread: outgoing.thread.map_or_else(|| ts.clone(), |first| first.thread.clone()),
            message_id: ts,
        };
        if outgoing.again {
            match self.find(outgoing).await {
                Ok(Some(ts)) => return Ok(delivered(ts)),
                Ok(None) => {}
                Err(limited @ SendError::Transient { .. }) => return Err(limited),
                Err(SendError::Permanent { reason }) => {
                    tracing::debug!(reason, key = outgoing.key, "cannot look for an earlier delivery; sending");
                }
            }
        }
        let (blocks, text) = slack::render(outgoing.message, self.buttons);
        let mut body = json!({
            "channel": outgoing.recipient,
            "text": text,
            "blocks": blocks,
            "metadata": {"event_type": METADATA, "event_payload": {"key": outgoing.key}},
            "parse": "none",
            "link_names": false,
            "unfurl_links": false,
            "unfurl_media": false,
        });
        if let Some(first) = outgoing.thread {
            body["thread_ts"] = json!(first.thread);
        }
        let answer = self
            .call(self.http.post(format!("{}/chat.postMessage", self.api)).json(&body))
            .await?;
        Ok(delivered(answer.ts))
    }
}
