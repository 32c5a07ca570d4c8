//! The probes of traces: Jaeger and Tempo.

use std::{collections::BTreeSet, time::Duration};

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use paramedic_domain::evidence::Source;
use paramedic_runtime::ClusterAccess;

use super::{endpoint::Endpoint, meter::Meter};
use crate::core::{
    read::{each, text},
    traces::{Span, spans},
};

/// Traces that are fetched from Tempo at the same time: it has one request for each.
const AT_ONCE: usize = 4;

/// One place where traces are kept.
#[derive(Clone)]
pub struct Tracing {
    endpoint: Endpoint,
    source: Source,
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
        let places = [
            (Source::Jaeger, "jaeger", &cluster.jaeger),
            (Source::Tempo, "tempo", &cluster.tempo),
        ];
        let some = places.into_iter().filter_map(|(source, name, url)| {
            let endpoint = Endpoint::new(name, &cluster.http, url.as_ref()?, timeout);
            Some(Self { endpoint, source })
        });
        some.collect()
    }

    /// The same, reading from a budget.
    #[must_use]
    pub fn metered(&self, meter: &Meter) -> Self {
        Self {
            endpoint: self.endpoint.metered(meter),
            source: self.source,
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
        self.endpoint.name()
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
        let answer = self.endpoint.documents("/api/v3/traces", &parameters).await?;
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
        let answer = self.endpoint.documents("/api/search", &parameters).await?;
        let ids: BTreeSet<String> = answer
            .iter()
            .flat_map(|body| each(body, "/traces"))
            .map(|trace| text(trace, "/traceID").to_owned())
            // What goes into a path is a number in hex, whatever the answer says.
            .filter(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_hexdigit()))
            .take(limit)
            .collect();
        let fetched = stream::iter(ids).map(|id| async move {
            let answer = self.endpoint.documents(&format!("/api/traces/{id}"), &[]).await?;
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
        let answer = self
            .endpoint
            .documents("/api/dependencies", &[("endTs", &to), ("lookback", &lookback)])
            .await?;
        let edges = answer.iter().flat_map(|body| each(body, "/data"));
        Ok(edges
            .map(|edge| (text(edge, "/parent").to_owned(), text(edge, "/child").to_owned()))
            .collect())
    }
}
