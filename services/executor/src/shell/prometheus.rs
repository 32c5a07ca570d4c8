//! Figures, as Prometheus has them.

use std::time::Duration;

use jiff::Timestamp;
use paramedic_runtime::Kit;
use serde_json::{Value, json};

use super::run::Run;

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Series of one answer that are looked at; a query that gives more was not meant so.
const MOST: usize = 500;

/// One series of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) labels: Value,
    pub(crate) value: f64,
}

impl Sample {
    pub(crate) fn json(&self) -> Value {
        json!({"labels": self.labels, "value": self.value})
    }
}

impl Run<'_> {
    /// The answer to an instant query, now; the error is a sentence.
    pub(crate) async fn figures(&self, query: &str) -> Result<(Timestamp, Vec<Sample>), String> {
        figures(&self.worker.kit, query).await
    }
}

/// The answer to an instant query, now; the error is a sentence.
pub(crate) async fn figures(kit: &Kit, query: &str) -> Result<(Timestamp, Vec<Sample>), String> {
    let Some(base) = &kit.cluster.prometheus else {
        return Err("prometheus is not configured (cluster.prometheus_url)".into());
    };
    let now = kit.clock.now();
    let at = format!("{}.{:03}", now.as_second(), now.subsec_millisecond().max(0));
    let request = kit
        .cluster
        .http
        .get(format!("{}/api/v1/query", base.trim_end_matches('/')))
        .query(&[("query", query), ("time", &at)])
        .timeout(TIMEOUT);
    let problem = |error: reqwest::Error| format!("prometheus: {}", error.without_url());
    let response = request.send().await.map_err(problem)?;
    let body: Value = response.json().await.map_err(problem)?;
    if body["status"] != "success" {
        let error = body["error"].as_str().unwrap_or("the answer is not Prometheus'");
        return Err(format!("prometheus: {query}: {error}"));
    }
    let result = &body["data"]["result"];
    let rows: Vec<Sample> = match body.pointer("/data/resultType").and_then(Value::as_str) {
        Some("scalar") => sample(&json!({}), result).into_iter().collect(),
        _ => result
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|row| sample(&row["metric"], &row["value"]))
            .collect(),
    };
    if rows.len() > MOST {
        return Err(format!(
            "prometheus: {query} gives {} series, more than the {MOST} that are looked at",
            rows.len()
        ));
    }
    Ok((now, rows))
}

fn sample(labels: &Value, value: &Value) -> Option<Sample> {
    let value = value.get(1)?.as_str()?.parse().ok()?;
    Some(Sample {
        labels: labels.clone(),
        value,
    })
}
