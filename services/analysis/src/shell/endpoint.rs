//! The HTTP client that the probes of Prometheus, Loki, Alertmanager and traces share.

use std::time::Duration;

use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{kubernetes::chain, meter::Meter};
use crate::metrics;

/// Longest answer that is read, bytes: some services write thousands of spans into a trace, and some queries match every series.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// Most characters of an error message that are repeated.
const MOST_MESSAGE: usize = 200;

/// One server that answers GETs with JSON.
#[derive(Clone)]
pub(super) struct Endpoint {
    name: &'static str,
    http: reqwest::Client,
    base: String,
    timeout: Duration,
    meter: Meter,
}

impl Endpoint {
    /// The server at `base`, which is waited for `timeout` at most; `name` is its name among missing sources and in metrics.
    pub(super) fn new(name: &'static str, http: &reqwest::Client, base: &str, timeout: Duration) -> Self {
        Self {
            name,
            http: http.clone(),
            base: base.trim_end_matches('/').to_owned(),
            timeout,
            meter: Meter::default(),
        }
    }

    /// The same, reading from a budget.
    pub(super) fn metered(&self, meter: &Meter) -> Self {
        Self {
            meter: meter.clone(),
            ..self.clone()
        }
    }

    /// Its name.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// The answer to a GET. The first parameter says what it is about, where a path says that of every request.
    ///
    /// # Errors
    /// A sentence that says what was asked and what went wrong.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str, parameters: &[(&str, &str)]) -> Result<T, String> {
        let read = async {
            let bytes = successful(self.fetch(path, parameters).await?)?;
            serde_json::from_slice(&bytes).map_err(|error| foreign(self.name, &error))
        };
        self.told(path, read).await
    }

    /// The documents of an answer: none if there is nothing of the kind (404), several where they are streamed.
    ///
    /// # Errors
    /// A sentence that says what was asked and what went wrong.
    pub(super) async fn documents(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Vec<Value>, String> {
        let read = async {
            let answer = self.fetch(path, parameters).await?;
            if answer.0 == StatusCode::NOT_FOUND {
                return Ok(Vec::new());
            }
            let bytes = successful(answer)?;
            let documents = serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>();
            documents.collect::<Result<_, _>>().map_err(|error| foreign(self.name, &error))
        };
        self.told(path, read).await
    }

    async fn told<T>(&self, path: &str, read: impl Future<Output = Result<T, String>>) -> Result<T, String> {
        let started = tokio::time::Instant::now();
        let answer = read.await;
        metrics::probed(self.name, answer.is_ok(), started.elapsed().as_secs_f64());
        answer.map_err(|problem| format!("{}{path}: {problem}", self.base))
    }

    async fn fetch(&self, path: &str, parameters: &[(&str, &str)]) -> Result<(StatusCode, Vec<u8>), String> {
        let request = self
            .http
            .get(format!("{}{path}", self.base))
            .query(parameters)
            // Tempo answers protobuf unless it is asked for this.
            .header(http::header::ACCEPT, "application/json")
            .timeout(self.timeout);
        let about = parameters.first().map_or(path, |(_, value)| *value);
        let broken = |error: reqwest::Error| chain(&error.without_url());
        let mut response = request.send().await.map_err(broken)?;
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            let taken = self.meter.take(chunk.len(), self.name, about);
            taken.map_err(|used_up| used_up.to_string())?;
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MOST_BYTES {
                return Err(format!("the answer is longer than {MOST_BYTES} bytes"));
            }
        }
        Ok((response.status(), bytes))
    }
}

/// The body of an answer, unless it tells of an error.
fn successful((status, bytes): (StatusCode, Vec<u8>)) -> Result<Vec<u8>, String> {
    if status.is_success() {
        return Ok(bytes);
    }
    // Prometheus wraps its message in JSON.
    let wrapped = serde_json::from_slice::<Value>(&bytes).ok();
    let message = wrapped.as_ref().and_then(|body| body["error"].as_str());
    let message = message.map_or_else(|| String::from_utf8_lossy(&bytes), Into::into);
    let message: String = message.chars().take(MOST_MESSAGE).collect();
    Err(format!("status {status}: {message}"))
}

fn foreign(name: &str, error: &serde_json::Error) -> String {
    format!("the answer is none of {name}'s: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_in_the_servers_words() {
        let body = |text: &str| text.as_bytes().to_vec();
        assert_eq!(successful((StatusCode::OK, body("{}"))), Ok(body("{}")));
        for (said, told) in [
            (r#"{"status":"error","error":"parse error"}"#, "status 400 Bad Request: parse error"),
            ("no such tenant", "status 400 Bad Request: no such tenant"),
            (r#"{"errors":[]}"#, r#"status 400 Bad Request: {"errors":[]}"#),
        ] {
            assert_eq!(successful((StatusCode::BAD_REQUEST, body(said))), Err(told.to_owned()));
        }
    }
}
