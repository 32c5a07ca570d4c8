//! The Loki probe.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::Deserialize;

use super::{kubernetes::chain, meter::Meter};
use crate::{
    core::{logs::Line, podlogs::MAX_LINE, redact::redact},
    metrics,
};

/// One Loki.
#[derive(Clone)]
pub struct Loki {
    http: reqwest::Client,
    base: String,
    timeout: Duration,
    meter: Meter,
}

#[derive(Deserialize)]
struct Body {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    result: Vec<Stream>,
}

#[derive(Deserialize)]
struct Stream {
    #[serde(default)]
    stream: BTreeMap<String, String>,
    values: Vec<(String, String)>,
}

impl Loki {
    /// A probe of the Loki at `base` that waits at most `timeout` for each answer.
    #[must_use]
    pub fn new(http: reqwest::Client, base: &str, timeout: Duration) -> Self {
        Self {
            http,
            base: base.trim_end_matches('/').to_owned(),
            timeout,
            meter: Meter::default(),
        }
    }

    /// The same, reading from a budget.
    #[must_use]
    pub fn metered(&self, meter: &Meter) -> Self {
        Self {
            meter: meter.clone(),
            ..self.clone()
        }
    }

    /// The newest lines that match, secrets redacted.
    ///
    /// # Errors
    /// A sentence that says what was asked and what went wrong.
    pub async fn lines(&self, query: &str, from: Timestamp, to: Timestamp, limit: u32) -> Result<Vec<Line>, String> {
        self.ask(query, (from, to), limit, "backward").await
    }

    /// The oldest lines that match, secrets redacted.
    ///
    /// # Errors
    /// A sentence that says what was asked and what went wrong.
    pub async fn first_lines(&self, query: &str, from: Timestamp, to: Timestamp, limit: u32) -> Result<Vec<Line>, String> {
        self.ask(query, (from, to), limit, "forward").await
    }

    async fn ask(&self, query: &str, span: (Timestamp, Timestamp), limit: u32, direction: &str) -> Result<Vec<Line>, String> {
        let started = tokio::time::Instant::now();
        let answer = self.request(query, span, limit, direction).await;
        metrics::probed("loki", answer.is_ok(), started.elapsed().as_secs_f64());
        answer.map_err(|problem| format!("{}/loki/api/v1/query_range: {problem}", self.base))
    }

    async fn request(&self, query: &str, (from, to): (Timestamp, Timestamp), limit: u32, direction: &str) -> Result<Vec<Line>, String> {
        let parameters = [
            ("query", query.to_owned()),
            ("start", from.as_nanosecond().to_string()),
            ("end", to.as_nanosecond().to_string()),
            ("limit", limit.to_string()),
            ("direction", direction.to_owned()),
        ];
        let request = self
            .http
            .get(format!("{}/loki/api/v1/query_range", self.base))
            .query(&parameters)
            .timeout(self.timeout);
        let response = request.send().await.map_err(|error| chain(&error.without_url()))?;
        let status = response.status();
        let bytes = self.meter.body(response, "loki", query).await?;
        if !status.is_success() {
            let text: String = String::from_utf8_lossy(&bytes).chars().take(200).collect();
            return Err(format!("status {status}: {text}"));
        }
        let body: Body = serde_json::from_slice(&bytes).map_err(|error| format!("the answer is not Loki's: {error}"))?;
        let mut lines = Vec::new();
        for stream in body.data.result {
            let pod = stream.stream.get("pod").cloned().unwrap_or_default();
            for (nanoseconds, text) in stream.values {
                lines.push(Line {
                    pod: pod.clone(),
                    at: nanoseconds.parse::<f64>().unwrap_or(0.0) / 1e9,
                    text: redact(&text).chars().take(MAX_LINE).collect(),
                });
            }
        }
        Ok(lines)
    }
}
