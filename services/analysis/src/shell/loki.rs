//! The Loki probe.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::Deserialize;

use super::{endpoint::Endpoint, meter::Meter};
use crate::core::{logs::Line, podlogs::MAX_LINE, redact::redact};

/// One Loki.
#[derive(Clone)]
pub struct Loki(Endpoint);

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
    pub fn new(http: &reqwest::Client, base: &str, timeout: Duration) -> Self {
        Self(Endpoint::new("loki", http, base, timeout))
    }

    /// The same, reading from a budget.
    #[must_use]
    pub fn metered(&self, meter: &Meter) -> Self {
        Self(self.0.metered(meter))
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

    async fn ask(&self, query: &str, (from, to): (Timestamp, Timestamp), limit: u32, direction: &str) -> Result<Vec<Line>, String> {
        let (from, to, limit) = (from.as_nanosecond().to_string(), to.as_nanosecond().to_string(), limit.to_string());
        let parameters = [
            ("query", query),
            ("start", &from),
            ("end", &to),
            ("limit", &limit),
            ("direction", direction),
        ];
        let body: Body = self.0.get("/loki/api/v1/query_range", &parameters).await?;
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
