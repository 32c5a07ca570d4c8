//! One HTTP request to a provider, and what its answer means for the message.

use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;

use super::channel::SendError;
use crate::core::mask;

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Pause when a provider limits us without saying for how long.
const LIMITED: Duration = Duration::from_secs(30);
/// Longest pause a provider can ask for: a wrong number must not silence a channel for a day.
const LONGEST: Duration = Duration::from_secs(3600);
/// Characters of a provider's explanation that are repeated.
const EXPLANATION: usize = 300;

/// A provider that is spoken to over HTTP.
pub struct Provider {
    /// Its name in sentences.
    pub name: &'static str,
    /// The settings to look at when it refuses.
    pub settings: &'static str,
    /// Client.
    pub http: reqwest::Client,
}

impl Provider {
    /// Sends one request; gives the answer's JSON, `null` where there is none.
    ///
    /// # Errors
    /// Transient when it may work later, permanent when somebody has to change something first. No error names the URL, since
    /// many URLs are secrets.
    pub async fn send(&self, request: RequestBuilder) -> Result<Value, SendError> {
        let name = self.name;
        let unreachable = |error: reqwest::Error| transient(format!("{name} cannot be reached: {}", error.without_url()), None);
        let response = request.timeout(TIMEOUT).send().await.map_err(unreachable)?;
        let status = response.status();
        let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let asked = header.and_then(|text| text.trim().parse().ok());
        let text = match response.text().await {
            Ok(text) => text,
            // it has the message; what it says about it is a comfort
            Err(_) if status.is_success() => String::new(),
            Err(error) => return Err(unreachable(error)),
        };
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(body);
        }
        let after = asked.or_else(|| in_body(&body)).and_then(pause);
        Err(match status {
            StatusCode::TOO_MANY_REQUESTS => transient(format!("{name} limits the rate of messages"), Some(after.unwrap_or(LIMITED))),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => transient(format!("{name} answered {status}"), after),
            status if status.is_server_error() => transient(format!("{name} answered {status}"), after),
            status => SendError::Permanent {
                reason: format!(
                    "{name} refused the message: {status}{}; look at {}",
                    explanation(&text),
                    self.settings
                ),
            },
        })
    }
}

/// A failure that may pass.
fn transient(reason: String, after: Option<Duration>) -> SendError {
    SendError::Transient { reason, after }
}

/// Where Discord and Telegram say it, in seconds.
fn in_body(body: &Value) -> Option<f64> {
    body["retry_after"].as_f64().or_else(|| body["parameters"]["retry_after"].as_f64())
}

fn pause(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok().map(|pause| pause.min(LONGEST))
}

fn explanation(text: &str) -> String {
    let said: String = mask::line(text).chars().take(EXPLANATION).collect();
    if said.is_empty() { said } else { format!(": {said}") }
}
