//! The probes of traces: Jaeger and Tempo.

use std::{collections::BTreeSet, time::Duration};

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use paramedic_domain::evidence::Source;
use paramedic_runtime::ClusterAccess;
use serde_json::Value;

use super::{kubernetes::chain, meter::Meter};
use crate::{
    core::{
        read::{each, text},
        traces::{Span, spans},
    },
    metrics,
};

/// Traces that are fetched from Tempo at the same time: it has one request for each.
const AT_ONCE: usize = 4;
/// Longest answer that is read, bytes: some services write thousands of spans into a trace.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// One place where traces are kept.
#[derive(Clone)]
pub struct Tracing {
    http: reqwest::Client,
    base: String,
    timeout: Duration,
    source: Source,
    meter: Meter,
}

/// Spans, and how they are found again.
pub struct Found {
    /// All spans of the traces.
    pub spans: Vec<Span>,
    /// The request.
    pub query: String,
}

impl Tracing {
    /// Every place of a cluster.
    #[must_use]
    pub fn of(cluster: &ClusterAccess, timeout: Duration) -> Vec<Self> {
        let places = [(Source::Jaeger, &cluster.jaeger), (Source::Tempo, &cluster.tempo)];
        let some = places.into_iter().filter_map(|(source, url)| Some((source, url.as_ref()?)));
        some.map(|(source, url)| Self {
            http: cluster.http.clone(),
            base: url.trim_end_matches('/').to_owned(),
            timeout,
            source,
            meter: Meter::default(),
        })
        .collect()
    }

    /// The same, reading from a budget.
    #[must_use]
    pub fn metered(&self, meter: &Meter) -> Self {
        Self {
            meter: meter.clone(),
            ..self.clone()
        }
    }

    /// Which it is.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }

    /// Its name among missing sources.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.source {
            Source::Tempo => "tempo",
            _ => "jaeger",
        }
    }

    /// Traces of a service within a time.
    ///
    /// # Errors
    /// A sentence that says what was asked and what went wrong.
    pub async fn search(&self, service: &str, from: Timestamp, to: Timestamp, limit: usize) -> Result<Found, String> {
        match self.source {
            Source::Tempo => self.tempo(service, from, to, limit).await,
            _ => self.jaeger(service, from, to, limit).await,
        }
    }

    async fn jaeger(&self, service: &str, from: Timestamp, to: Timestamp, limit: usize) -> Result<Found, String> {
        let (from, to, limit) = (from.to_string(), to.to_string(), limit.to_string());
        // Jaeger renamed them; each version takes one form and ignores the other.
        let parameters = [
            ("query.service_name", service),
            ("query.serviceName", service),
            ("query.start_time_min", &from),
            ("query.startTimeMin", &from),
            ("query.start_time_max", &to),
            ("query.startTimeMax", &to),
            ("query.search_depth", &limit),
            ("query.searchDepth", &limit),
        ];
        let answer = self.get("/api/v3/traces", &parameters).await?;
        Ok(Found {
            spans: answer.iter().flat_map(spans).collect(),
            query: format!(
                "/api/v3/traces?query.service_name={service}&query.start_time_min={from}&query.start_time_max={to}&query.search_depth={limit}"
            ),
        })
    }

    async fn tempo(&self, service: &str, from: Timestamp, to: Timestamp, limit: usize) -> Result<Found, String> {
        let query = format!("{{ resource.service.name = \"{service}\" }}");
        let (from, to) = (from.as_second().to_string(), to.as_second().to_string());
        let parameters = [("q", query.as_str()), ("start", &from), ("end", &to), ("limit", &limit.to_string())];
        let answer = self.get("/api/search", &parameters).await?;
        let ids: BTreeSet<String> = answer
            .iter()
            .flat_map(|body| each(body, "/traces"))
            .map(|trace| text(trace, "/traceID").to_owned())
            // What goes into a path is a number in hex, whatever the answer says.
            .filter(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_hexdigit()))
            .take(limit)
            .collect();
        let fetched = stream::iter(ids).map(|id| async move {
            let answer = self.get(&format!("/api/traces/{id}"), &[]).await?;
            Ok::<_, String>(answer.iter().flat_map(spans).collect::<Vec<Span>>())
        });
        let spans: Vec<Vec<Span>> = fetched.buffered(AT_ONCE).try_collect().await?;
        Ok(Found {
            spans: spans.into_iter().flatten().collect(),
            query: format!("/api/search?q={query}&start={from}&end={to}&limit={limit}"),
        })
    }

    /// Who called whom of late, as Jaeger has counted it; Tempo does not.
    ///
    /// # Errors
    /// A sentence that says what was asked and what went wrong.
    pub async fn calls(&self, to: Timestamp, lookback: Duration) -> Result<BTreeSet<(String, String)>, String> {
        if self.source == Source::Tempo {
            return Ok(BTreeSet::new());
        }
        let (to, lookback) = (to.as_millisecond().to_string(), lookback.as_millis().to_string());
        let answer = self.get("/api/dependencies", &[("endTs", &to), ("lookback", &lookback)]).await?;
        let edges = answer.iter().flat_map(|body| each(body, "/data"));
        Ok(edges
            .map(|edge| (text(edge, "/parent").to_owned(), text(edge, "/child").to_owned()))
            .collect())
    }

    /// The documents of an answer: none if there is nothing of the kind, several where traces are streamed.
    async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Vec<Value>, String> {
        let started = tokio::time::Instant::now();
        let answer = self.request(path, parameters).await;
        metrics::probed(self.name(), answer.is_ok(), started.elapsed().as_secs_f64());
        answer.map_err(|problem| format!("{}{path}: {problem}", self.base))
    }

    async fn request(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Vec<Value>, String> {
        let request = self
            .http
            .get(format!("{}{path}", self.base))
            .query(parameters)
            // Tempo answers protobuf unless it is asked for this.
            .header("accept", "application/json")
            .timeout(self.timeout);
        let mut response = request.send().await.map_err(|error| chain(&error.without_url()))?;
        let status = response.status();
        if status == reqwest::StatusCode::NOT_FOUND {
            return Ok(Vec::new());
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| chain(&error.without_url()))? {
            self.meter
                .take(chunk.len(), self.name(), path)
                .map_err(|used_up| used_up.to_string())?;
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MOST_BYTES {
                return Err(format!("the answer is longer than {MOST_BYTES} bytes"));
            }
        }
        if !status.is_success() {
            let text: String = String::from_utf8_lossy(&bytes).chars().take(200).collect();
            return Err(format!("status {status}: {text}"));
        }
        let documents = serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>();
        documents
            .collect::<Result<_, _>>()
            .map_err(|error| format!("the answer is no JSON: {error}"))
    }
}
