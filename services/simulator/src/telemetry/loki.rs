//! The query API of Loki.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::{
    Json, Router,
    extract::{Path, RawForm, RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use jiff::Timestamp;
use promql_parser::label::{Matcher, Matchers};
use serde_json::{Value, json};

use super::{
    logql::{self, Counted, Query},
    params::Params,
};
use crate::{
    api::backend::LogLine,
    scenario::Span,
    world::obj::{at_secs, secs},
};

/// Lines answered when no limit is given, as in the real server.
const USUAL_LIMIT: usize = 100;
/// Most lines one query may ask for, as in the real server.
const MOST_LINES: usize = 5_000;
/// Most points of one series of a metric query.
const MOST_POINTS: f64 = 11_000.0;

/// The routes below `/loki/api/v1` (also without the first `/loki`, for clients whose base address ends in it) and the health
/// check.
pub(crate) fn router(logs: Arc<dyn Logs>) -> Router {
    let api = Router::new()
        .route("/query_range", get(range).post(range_form))
        .route("/query", get(range).post(range_form))
        .route("/labels", get(labels))
        .route("/label/{name}/values", get(values))
        .route("/series", get(series));
    Router::new()
        .nest("/loki/api/v1", api.clone())
        .nest("/api/v1", api)
        .route("/ready", get(|| async { "ready\n" }))
        .with_state(logs)
}

/// A refused query: plain text, as Loki answers.
struct Refused(String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, self.0).into_response()
    }
}

type Answer = Result<Json<Value>, Refused>;
type Shared = Arc<dyn Logs>;

/// The labels of a stream.
pub(crate) type Labels = BTreeMap<String, String>;

/// A cluster as its Loki sees it.
pub(crate) trait Logs: Send + Sync {
    /// The simulated time.
    fn now(&self) -> Timestamp;

    /// The lines between two times of every stream with matching labels, oldest first.
    fn lines(&self, wanted: &Matchers, from: Timestamp, to: Timestamp) -> Vec<(Labels, Vec<LogLine>)>;

    /// The streams with matching labels.
    fn labels(&self, wanted: &Matchers) -> BTreeSet<Labels>;
}

/// Whether the labels of a stream match.
pub(crate) fn fits(wanted: &Matchers, labels: &Labels) -> bool {
    let one = |m: &Matcher| m.is_match(labels.get(&m.name).map_or("", String::as_str));
    wanted.matchers.iter().all(one)
}

async fn range(State(logs): State<Shared>, RawQuery(query): RawQuery) -> Answer {
    answer(logs.as_ref(), &Params::of_query(query))
}

async fn range_form(State(logs): State<Shared>, RawForm(form): RawForm) -> Answer {
    answer(logs.as_ref(), &Params::of(&form))
}

fn window(logs: &dyn Logs, params: &Params) -> Result<(f64, f64), Refused> {
    let now = secs(logs.now());
    let time = params.instant("time").map_err(Refused)?;
    let end = params.instant("end").map_err(Refused)?.or(time).unwrap_or(now);
    let since = params.get("since").map(Span::parse).transpose().map_err(Refused)?;
    let length = since.map_or(3600.0, Span::as_secs_f64);
    let start = params.instant("start").map_err(Refused)?.unwrap_or(end - length);
    if end < start {
        return Err(Refused("end timestamp must not be before or equal to start time".to_owned()));
    }
    Ok((start, end))
}

fn answer(logs: &dyn Logs, params: &Params) -> Answer {
    let text = params
        .get("query")
        .ok_or_else(|| Refused("parse error : syntax error: unexpected $end".to_owned()))?;
    let query = logql::parse(text).map_err(Refused)?;
    let (start, end) = window(logs, params)?;
    if let Some(counted) = &query.counted {
        let step = params
            .get("step")
            .and_then(|step| step.parse().ok().or_else(|| Span::parse(step).ok().map(Span::as_secs_f64)));
        return count(
            logs,
            &query,
            counted,
            (start, end),
            step.unwrap_or(((end - start) / 250.0).max(1.0)),
        );
    }
    let limit = params.number("limit").map_or(USUAL_LIMIT, |limit| limit.max(0.0) as usize);
    if limit > MOST_LINES {
        return Err(Refused(format!(
            "max entries limit per query exceeded, limit > max_entries_limit ({limit} > {MOST_LINES})"
        )));
    }
    let forward = params.get("direction") == Some("forward");
    let mut all: Vec<(Labels, LogLine)> = Vec::new();
    for (labels, lines) in streams(logs, &query, start, end) {
        all.extend(lines.into_iter().map(|line| (labels.clone(), line)));
    }
    all.sort_by_key(|(_, line)| line.at);
    if !forward {
        all.reverse();
    }
    all.truncate(limit);
    let mut result = BTreeMap::<Labels, Vec<Value>>::new();
    for (labels, line) in all {
        result
            .entry(labels)
            .or_default()
            .push(json!([line.at.as_nanosecond().to_string(), line.text]));
    }
    let result: Vec<Value> = result
        .into_iter()
        .map(|(stream, values)| json!({"stream": stream, "values": values}))
        .collect();
    Ok(Json(
        json!({"status": "success", "data": {"resultType": "streams", "result": result, "stats": {}}}),
    ))
}

/// Lines that a query asks for, between two times.
fn streams(logs: &dyn Logs, query: &Query, start: f64, end: f64) -> Vec<(Labels, Vec<LogLine>)> {
    let mut all = logs.lines(&query.streams, at_secs(start), at_secs(end).min(logs.now()));
    for (_, lines) in &mut all {
        lines.retain(|line| query.filters.iter().all(|filter| filter.keeps(&line.text)));
    }
    all.retain(|(_, lines)| !lines.is_empty());
    all
}

fn count(logs: &dyn Logs, query: &Query, counted: &Counted, (start, end): (f64, f64), step: f64) -> Answer {
    if step <= 0.0 || (end - start) / step > MOST_POINTS {
        return Err(Refused(
            "exceeded maximum resolution of 11000 points per timeseries; use a larger step".to_owned(),
        ));
    }
    let mut result = BTreeMap::<Labels, BTreeMap<i64, f64>>::new();
    let steps = ((end - start) / step).floor() as i64;
    for (labels, lines) in streams(logs, query, start - counted.seconds, end) {
        let kept = match &counted.sum {
            None => labels,
            Some(keep) => labels.into_iter().filter(|(key, _)| keep.contains(key)).collect(),
        };
        let times: Vec<f64> = lines.iter().map(|line| secs(line.at)).collect();
        for k in 0..=steps {
            let at = start + step * k as f64;
            let number = times.partition_point(|t| *t <= at) - times.partition_point(|t| *t <= at - counted.seconds);
            if number > 0 {
                let share = if counted.per_second {
                    number as f64 / counted.seconds
                } else {
                    number as f64
                };
                *result.entry(kept.clone()).or_default().entry(k).or_default() += share;
            }
        }
    }
    let result: Vec<Value> = result
        .into_iter()
        .map(|(metric, points)| {
            let values: Vec<Value> = points
                .into_iter()
                .map(|(k, v)| json!([start + step * k as f64, v.to_string()]))
                .collect();
            json!({"metric": metric, "values": values})
        })
        .collect();
    Ok(Json(
        json!({"status": "success", "data": {"resultType": "matrix", "result": result, "stats": {}}}),
    ))
}

async fn labels(State(logs): State<Shared>) -> Answer {
    let names: BTreeSet<String> = logs.labels(&Matchers::empty()).into_iter().flat_map(Labels::into_keys).collect();
    Ok(Json(json!({"status": "success", "data": names})))
}

async fn values(State(logs): State<Shared>, Path(name): Path<String>) -> Answer {
    let all = logs.labels(&Matchers::empty());
    let values: BTreeSet<String> = all.into_iter().filter_map(|mut labels| labels.remove(&name)).collect();
    Ok(Json(json!({"status": "success", "data": values})))
}

async fn series(State(logs): State<Shared>, RawQuery(query): RawQuery) -> Answer {
    let params = Params::of_query(query);
    let mut all = BTreeSet::new();
    for text in params.all("match[]").chain(params.all("match")) {
        all.extend(logs.labels(&logql::parse(text).map_err(Refused)?.streams));
    }
    Ok(Json(json!({"status": "success", "data": all})))
}
