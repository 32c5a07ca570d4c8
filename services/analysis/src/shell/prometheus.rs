//! The Prometheus probe.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::Deserialize;

use super::{kubernetes::chain, meter::Meter};
use crate::metrics;

/// One Prometheus.
#[derive(Clone)]
pub struct Prometheus {
    http: reqwest::Client,
    base: String,
    timeout: Duration,
    meter: Meter,
}

/// A series of an answer: labels, and (Unix seconds, value) pairs, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Samples; those that are not numbers are left out.
    pub points: Vec<(f64, f64)>,
}

#[derive(Deserialize)]
struct Body {
    status: String,
    #[serde(default)]
    error: String,
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Matrix(Vec<Row>),
    Vector(Vec<Row>),
    Scalar((f64, String)),
    String(serde_json::Value),
}

#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, String)>,
    value: Option<(f64, String)>,
}

impl Prometheus {
    /// A probe of the Prometheus at `base` that waits at most `timeout` for each answer.
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

    /// A range query.
    ///
    /// # Errors
    /// A sentence that says what was asked and what went wrong.
    pub async fn range(&self, query: &str, from: Timestamp, to: Timestamp, step: Duration) -> Result<Vec<Answer>, String> {
        let parameters = [
            ("query", query.to_owned()),
            ("start", seconds(from)),
            ("end", seconds(to)),
            ("step", step.as_secs().to_string()),
        ];
        self.ask("query_range", &parameters).await
    }

    /// The greatest value of an instant query; `None` when nothing matches.
    ///
    /// # Errors
    /// A sentence that says what was asked and what went wrong.
    pub async fn greatest(&self, query: &str, at: Timestamp) -> Result<Option<f64>, String> {
        let parameters = [("query", query.to_owned()), ("time", seconds(at))];
        let answer = self.ask("query", &parameters).await?;
        Ok(answer
            .iter()
            .flat_map(|row| &row.points)
            .map(|(_, value)| *value)
            .max_by(f64::total_cmp))
    }

    /// The series of an instant query.
    ///
    /// # Errors
    /// A sentence that says what was asked and what went wrong.
    pub async fn instant(&self, query: &str, at: Timestamp) -> Result<Vec<Answer>, String> {
        self.ask("query", &[("query", query.to_owned()), ("time", seconds(at))]).await
    }

    async fn ask(&self, what: &str, parameters: &[(&str, String)]) -> Result<Vec<Answer>, String> {
        let started = tokio::time::Instant::now();
        let answer = self.request(what, parameters).await;
        metrics::probed("prometheus", answer.is_ok(), started.elapsed().as_secs_f64());
        answer.map_err(|problem| format!("{}/api/v1/{what}: {problem}", self.base))
    }

    async fn request(&self, what: &str, parameters: &[(&str, String)]) -> Result<Vec<Answer>, String> {
        let request = self
            .http
            .get(format!("{}/api/v1/{what}", self.base))
            .query(parameters)
            .timeout(self.timeout);
        let response = request.send().await.map_err(|error| chain(&error.without_url()))?;
        let status = response.status();
        let query = parameters.first().map_or(what, |(_, query)| query.as_str());
        let bytes = self.meter.body(response, "prometheus", query).await?;
        let body: Body =
            serde_json::from_slice(&bytes).map_err(|error| format!("status {status}, and the answer is not Prometheus': {error}"))?;
        if body.status != "success" {
            return Err(format!("status {status}: {}", body.error));
        }
        Ok(match body.data {
            Some(Data::Matrix(rows) | Data::Vector(rows)) => rows.into_iter().map(Answer::from).collect(),
            Some(Data::Scalar(sample)) => vec![Answer {
                labels: BTreeMap::new(),
                points: number(sample).into_iter().collect(),
            }],
            Some(Data::String(value)) => return Err(format!("the answer is a string, not samples: {value}")),
            None => Vec::new(),
        })
    }
}

impl From<Row> for Answer {
    fn from(row: Row) -> Self {
        Self {
            labels: row.metric,
            points: row.values.into_iter().chain(row.value).filter_map(number).collect(),
        }
    }
}

fn number((at, text): (f64, String)) -> Option<(f64, f64)> {
    text.parse::<f64>().ok().filter(|value| value.is_finite()).map(|value| (at, value))
}

fn seconds(at: Timestamp) -> String {
    format!("{:.3}", at.as_millisecond() as f64 / 1000.0)
}
