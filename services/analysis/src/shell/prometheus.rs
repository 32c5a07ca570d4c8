//! The Prometheus probe.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::Deserialize;

use super::{endpoint::Endpoint, meter::Meter};

/// One Prometheus.
#[derive(Clone)]
pub struct Prometheus(Endpoint);

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
    data: Data,
}

#[derive(Deserialize)]
struct Names {
    data: Vec<String>,
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
    pub fn new(http: &reqwest::Client, base: &str, timeout: Duration) -> Self {
        Self(Endpoint::new("prometheus", http, base, timeout))
    }

    /// The same, reading from a budget.
    #[must_use]
    pub fn metered(&self, meter: &Meter) -> Self {
        Self(self.0.metered(meter))
    }

    /// A range query.
    ///
    /// # Errors
    /// A sentence that says what was asked and what went wrong.
    pub async fn range(&self, query: &str, from: Timestamp, to: Timestamp, step: Duration) -> Result<Vec<Answer>, String> {
        let (from, to, step) = (seconds(from), seconds(to), step.as_secs().to_string());
        let parameters = [("query", query), ("start", &from), ("end", &to), ("step", &step)];
        self.ask("/api/v1/query_range", &parameters).await
    }

    /// The greatest value of an instant query; `None` when nothing matches.
    ///
    /// # Errors
    /// A sentence that says what was asked and what went wrong.
    pub async fn greatest(&self, query: &str, at: Timestamp) -> Result<Option<f64>, String> {
        let answer = self.instant(query, at).await?;
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
        self.ask("/api/v1/query", &[("query", query), ("time", &seconds(at))]).await
    }

    /// The names of the metrics that some of these selectors match since `from`; at most so many.
    ///
    /// # Errors
    /// A sentence that says what was asked and what went wrong.
    pub async fn names(&self, selectors: &[String], from: Timestamp, to: Timestamp) -> Result<Vec<String>, String> {
        let (from, to, most) = (seconds(from), seconds(to), selectors.len().to_string());
        let selected = selectors.iter().map(|selector| ("match[]", selector.as_str()));
        let bounds = [("start", from.as_str()), ("end", &to), ("limit", &most)];
        let parameters: Vec<(&str, &str)> = selected.chain(bounds).collect();
        let names: Names = self.0.get("/api/v1/label/__name__/values", &parameters).await?;
        Ok(names.data)
    }

    async fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Vec<Answer>, String> {
        let body: Body = self.0.get(path, parameters).await?;
        Ok(match body.data {
            Data::Matrix(rows) | Data::Vector(rows) => rows.into_iter().map(Answer::from).collect(),
            Data::Scalar(sample) => vec![Answer {
                labels: BTreeMap::new(),
                points: number(sample).into_iter().collect(),
            }],
            Data::String(value) => return Err(format!("the answer is a string, not samples: {value}")),
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
