//! Requests to a model's API. Redirects are not followed: the key goes to the address that was configured and to no other.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use reqwest::RequestBuilder;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::Failure;
use crate::{config, core::redact::redact, shell::kubernetes::chain};

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest answer that is read, bytes: an answer has a few thousand tokens, HolmesGPT repeats its conversation in it.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// Most characters of an error message that are repeated.
const MOST_MESSAGE: usize = 200;
/// Anthropic's word for 503.
const OVERLOADED: u16 = 529;

/// One API.
pub(super) struct Api {
    http: reqwest::Client,
    base: String,
    key: SecretString,
}

impl Api {
    /// The API of a configuration.
    ///
    /// # Panics
    /// When the process has no TLS provider; its own HTTP client could not have been built then.
    pub(super) fn new(config: &config::Model) -> Self {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("paramedic/", env!("CARGO_PKG_VERSION")))
            .build()
            .expect("the process's own client was built in the same way");
        Self {
            http,
            base: config.url.trim_end_matches('/').to_owned(),
            key: config.api_key.clone(),
        }
    }

    /// A POST of JSON, without a key yet.
    pub(super) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.base)).json(body)
    }

    /// A GET, without a key yet.
    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.base))
    }

    /// The key, if there is one.
    pub(super) fn key(&self) -> Option<&str> {
        Some(self.key.expose_secret()).filter(|key| !key.is_empty())
    }

    /// With the key as a bearer token.
    pub(super) fn bearer(&self, request: RequestBuilder) -> RequestBuilder {
        match self.key() {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// The status and the JSON of the answer.
    pub(super) async fn answer(&self, request: RequestBuilder, time: Duration) -> Result<Value, Failure> {
        let late = |error: &reqwest::Error| match error.is_timeout() {
            true => Failure::Exhausted(crate::core::model::budget::Exhausted::Time),
            false => Failure::Unreachable(format!("{} cannot be reached", self.base)),
        };
        let failed = |error: reqwest::Error| match late(&error) {
            Failure::Unreachable(message) => Failure::Unreachable(format!("{message}: {}", chain(&error.without_url()))),
            other => other,
        };
        let mut response = request.timeout(time).send().await.map_err(failed)?;
        let (status, after) = (response.status(), retry_after(response.headers()));
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(failed)? {
            if body.len() + part.len() > MOST_BYTES {
                return Err(Failure::Malformed(format!("its answer has more than {MOST_BYTES} bytes")));
            }
            body.extend_from_slice(&part);
        }
        if !status.is_success() {
            return Err(self.refusal(status, after, &body));
        }
        serde_json::from_slice(&body).map_err(|error| Failure::Malformed(format!("what {} says is not JSON: {error}", self.base)))
    }

    fn refusal(&self, status: StatusCode, after: Option<Duration>, body: &[u8]) -> Failure {
        let text = String::from_utf8_lossy(body);
        let line: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(MOST_MESSAGE)
            .collect();
        let message = format!("{} answers {status}: {}", self.base, redact(&line));
        match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Failure::Busy { after, message },
            status if status.as_u16() == OVERLOADED => Failure::Busy { after, message },
            StatusCode::NOT_FOUND => Failure::Absent(message),
            status if status.is_server_error() => Failure::Unreachable(message),
            _ => Failure::Refused(message),
        }
    }
}

/// Seconds that the answer asks to wait.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
