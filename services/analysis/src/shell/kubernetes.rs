//! The Kubernetes probe: GET and nothing else.

use std::time::Duration;

use http::Request;
use serde_json::Value;

use crate::metrics;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// There is no such object.
    #[error("GET {0}: not found")]
    Absent(String),
    /// The API server refuses.
    #[error("GET {path}: {message}")]
    Refused {
        /// Path.
        path: String,
        /// The server's message.
        message: String,
    },
    /// No connection, no answer in time, or a failing server.
    #[error("cluster unreachable: GET {path}: {message}")]
    Unreachable {
        /// Path.
        path: String,
        /// What went wrong.
        message: String,
    },
}

impl Problem {
    /// Whether this process may not ask that at all.
    pub(super) fn forbidden(&self) -> bool {
        matches!(self, Self::Refused { message, .. } if message.starts_with("403"))
    }
}

/// The API server of one cluster.
#[derive(Clone)]
pub struct Kubernetes {
    client: kube::Client,
    timeout: Duration,
}

impl Kubernetes {
    /// A probe that waits at most `timeout` for each answer.
    #[must_use]
    pub fn new(client: kube::Client, timeout: Duration) -> Self {
        Self { client, timeout }
    }

    /// One object or list.
    ///
    /// # Errors
    /// See [`Problem`].
    pub async fn get(&self, path: &str) -> Result<Value, Problem> {
        self.ask(path, |request| self.client.request(request)).await
    }

    /// An answer that is plain text: a log.
    ///
    /// # Errors
    /// See [`Problem`].
    pub async fn text(&self, path: &str) -> Result<String, Problem> {
        self.ask(path, |request| self.client.request_text(request)).await
    }

    async fn ask<T, A: Future<Output = kube::Result<T>>>(
        &self,
        path: &str,
        send: impl FnOnce(Request<Vec<u8>>) -> A,
    ) -> Result<T, Problem> {
        let started = tokio::time::Instant::now();
        let answer = self.answer(path, send).await;
        metrics::probed("kubernetes", answer.is_ok(), started.elapsed().as_secs_f64());
        answer
    }

    async fn answer<T, A: Future<Output = kube::Result<T>>>(
        &self,
        path: &str,
        send: impl FnOnce(Request<Vec<u8>>) -> A,
    ) -> Result<T, Problem> {
        let refused = |message: String| Problem::Refused {
            path: path.to_owned(),
            message,
        };
        let unreachable = |message: String| Problem::Unreachable {
            path: path.to_owned(),
            message,
        };
        let request = Request::get(path).body(Vec::new()).map_err(|error| refused(error.to_string()))?;
        match tokio::time::timeout(self.timeout, send(request)).await {
            Err(_) => Err(unreachable(format!("no answer within {} s", self.timeout.as_secs()))),
            Ok(Ok(value)) => Ok(value),
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => Err(Problem::Absent(path.to_owned())),
            Ok(Err(kube::Error::Api(status))) if (400..500).contains(&status.code) && status.code != 429 => {
                Err(refused(format!("{} {}", status.code, status.message)))
            }
            Ok(Err(kube::Error::Api(status))) => Err(unreachable(format!("{} {}", status.code, status.message))),
            Ok(Err(error)) => Err(unreachable(chain(&error))),
        }
    }
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = inner.source();
    }
    text
}

/// A label selector as the value of a query parameter.
pub(crate) fn encode(selector: &str) -> String {
    let mut out = String::with_capacity(selector.len());
    for byte in selector.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
