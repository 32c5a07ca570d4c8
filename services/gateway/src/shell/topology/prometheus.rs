//! What Prometheus measured: calls between workloads and how long rules wait, asked for at a fixed interval.

use std::{collections::BTreeMap, time::Duration};

use futures::{Stream, StreamExt, stream};
use paramedic_runtime::{Clock, ClusterAccess};
use serde::Deserialize;
use serde_json::Value;

use crate::core::topology::{
    measured::{COUNTERS, rules},
    survey::Asked,
};

/// How often it is asked.
const PACE: Duration = Duration::from_secs(300);
/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Largest answer that is read, bytes: the rules of a large estate are a few megabytes.
const MOST_BYTES: usize = 64 * 1024 * 1024;

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    result: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
}

/// Its answers, the first one at once; it does not end, and yields nothing without a Prometheus.
pub(super) fn answers(cluster: &ClusterAccess, clock: &Clock) -> impl Stream<Item = Asked> + Send + use<> {
    let (http, clock) = (cluster.http.clone(), clock.clone());
    let Some(base) = cluster.prometheus.clone() else {
        return stream::pending().boxed();
    };
    stream::unfold((http, base, clock, true), |(http, base, clock, is_first)| async move {
        if !is_first {
            clock.sleep(PACE).await;
        }
        Some((ask(&http, &base).await, (http, base, clock, false)))
    })
    .boxed()
}

async fn ask(http: &reqwest::Client, base: &str) -> Asked {
    let mut asked = Asked::default();
    match get(http, &format!("{base}/api/v1/rules"), &[("type", "alert")]).await {
        Ok(bytes) => match serde_json::from_slice::<Value>(&bytes) {
            Ok(answer) if answer["status"] == "success" => asked.rules = Some(rules(&answer)),
            Ok(_) | Err(_) => tracing::warn!("prometheus' answer about its rules cannot be read; those known stay"),
        },
        Err(error) => tracing::warn!(error, "prometheus does not say its rules; those known stay"),
    }
    let mut calls = std::collections::BTreeSet::new();
    for counter in COUNTERS {
        let answer = get(http, &format!("{base}/api/v1/query"), &[("query", &counter.query())]).await;
        let answer = answer.and_then(|bytes| serde_json::from_slice::<Answer>(&bytes).map_err(|error| error.to_string()));
        match answer {
            Ok(answer) => calls.extend(counter.calls(answer.data.result.iter().map(|series| &series.metric))),
            Err(error) => {
                tracing::warn!(error, "prometheus does not say who calls whom; what is known stays");
                return asked;
            }
        }
    }
    asked.calls = Some(calls);
    asked
}

async fn get(http: &reqwest::Client, url: &str, parameters: &[(&str, &str)]) -> Result<Vec<u8>, String> {
    let request = http.get(url).query(parameters).timeout(TIMEOUT);
    let mut response = request.send().await.map_err(|error| error.without_url().to_string())?;
    if !response.status().is_success() {
        return Err(format!("status {}", response.status()));
    }
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| error.without_url().to_string())? {
        if body.len() + part.len() > MOST_BYTES {
            return Err(format!("the answer is larger than {MOST_BYTES} bytes"));
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}
