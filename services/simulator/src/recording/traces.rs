//! `jaeger.json`: traces as OTLP JSON, and who calls whom.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::telemetry::traces::{Recorded, Span};

/// Every trace, and the calls between services.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traces {
    pub(crate) all: Vec<Recorded>,
    pub(crate) calls: Vec<Calls>,
}

/// How often one service called another.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Calls {
    pub(crate) parent: String,
    pub(crate) child: String,
    pub(crate) call_count: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    traces: Vec<Trace>,
    #[serde(default)]
    dependencies: Vec<Calls>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Trace {
    resource_spans: Vec<Value>,
}

pub(super) fn parse(file: Value) -> anyhow::Result<Traces> {
    let file: File =
        serde_path_to_error::deserialize(file).context("write {\"traces\": [{\"resourceSpans\": [...]}], \"dependencies\": [...]}")?;
    let mut all = Vec::new();
    for (i, trace) in file.traces.into_iter().enumerate() {
        all.push(recorded(trace.resource_spans).with_context(|| format!("traces[{i}]"))?);
    }
    Ok(Traces {
        all,
        calls: file.dependencies,
    })
}

/// A trace with its root first, and the text it was read from.
fn recorded(otlp: Vec<Value>) -> anyhow::Result<Recorded> {
    let mut spans = Vec::new();
    let mut id = String::new();
    for resource in &otlp {
        let service = attributes(&resource["resource"]["attributes"]);
        let service = service.get("service.name").and_then(Value::as_str);
        let service = service.context("a resource without the attribute service.name; add it")?.to_owned();
        let scopes = resource["scopeSpans"].as_array().into_iter().flatten();
        for span in scopes.flat_map(|scope| scope["spans"].as_array().into_iter().flatten()) {
            let text = |key: &str| span[key].as_str().unwrap_or_default().to_owned();
            let start = seconds(&span["startTimeUnixNano"]).context("a span without startTimeUnixNano; add it")?;
            let end = seconds(&span["endTimeUnixNano"]).context("a span without endTimeUnixNano; add it")?;
            id = text("traceId");
            spans.push(Span {
                id: text("spanId"),
                parent: Some(text("parentSpanId")).filter(|parent| !parent.is_empty()),
                service: service.clone(),
                operation: text("name"),
                start,
                duration: end - start,
                tags: attributes(&span["attributes"]),
                failed: matches!(span["status"]["code"].as_i64(), Some(2)) || span["status"]["code"] == "STATUS_CODE_ERROR",
            });
        }
    }
    anyhow::ensure!(!spans.is_empty(), "a trace without spans; remove it");
    spans.sort_by(|a, b| {
        (a.parent.is_some(), a.start)
            .partial_cmp(&(b.parent.is_some(), b.start))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    Ok(Recorded {
        id,
        spans,
        otlp: Some(otlp),
    })
}

fn attributes(list: &Value) -> BTreeMap<String, Value> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(|one| Some((one["key"].as_str()?.to_owned(), plain(&one["value"])?)))
        .collect()
}

/// A typed value of OTLP as plain JSON.
fn plain(value: &Value) -> Option<Value> {
    let (kind, value) = value.as_object()?.iter().next()?;
    Some(match kind.as_str() {
        // Whole numbers are written as texts.
        "intValue" => value
            .as_str()
            .and_then(|text| text.parse::<i64>().ok())
            .map_or_else(|| value.clone(), Value::from),
        _ => value.clone(),
    })
}

/// Nanoseconds since 1970, as a text or a number, in seconds.
fn seconds(value: &Value) -> Option<f64> {
    let nanos = value.as_str().map_or_else(|| value.as_f64(), |text| text.parse().ok())?;
    Some(nanos / 1e9)
}
