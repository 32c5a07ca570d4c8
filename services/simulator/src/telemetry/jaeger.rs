//! The query API of Jaeger: the one of its web page (`/api`) and the stable one (`/api/v3`).

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    params::Params,
    traces::{Recorded, Span},
};
use crate::{scenario, world::obj::secs};

/// Traces answered when no limit is given, as in the real server.
const USUAL_LIMIT: usize = 20;
/// Most traces one search answers, as in the real server.
const MOST: usize = 1_500;

/// The routes below `/api`.
pub(crate) fn router(traces: Arc<dyn Traces>) -> Router {
    Router::new()
        .route("/api/services", get(services))
        .route("/api/dependencies", get(dependencies))
        .route("/api/services/{service}/operations", get(operations))
        .route("/api/traces", get(search))
        .route("/api/traces/{id}", get(trace))
        .route("/api/v3/services", get(services_v3))
        .route("/api/v3/dependencies", get(dependencies))
        .route("/api/v3/operations", get(operations_v3))
        .route("/api/v3/traces", get(search_v3))
        .route("/api/v3/traces/{id}", get(trace_v3))
        .with_state(traces)
}

/// A refused request; `v3` has its own shape of errors.
struct Refused {
    status: StatusCode,
    message: String,
    v3: bool,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let code = self.status.as_u16();
        let body = if self.v3 {
            json!({"error": {"httpCode": code, "message": self.message}})
        } else {
            json!({"data": null, "total": 0, "limit": 0, "offset": 0, "errors": [{"code": code, "msg": self.message}]})
        };
        (self.status, Json(body)).into_response()
    }
}

type Answer = Result<Json<Value>, Refused>;
type Shared = Arc<dyn Traces>;

/// A cluster as its Jaeger sees it.
pub(crate) trait Traces: Send + Sync {
    /// The simulated time.
    fn now(&self) -> Timestamp;

    /// Services and their operations.
    fn operations(&self) -> BTreeMap<String, Vec<String>>;

    /// Who calls whom: a list of `parent`, `child` and `callCount`.
    fn calls(&self) -> Value;

    /// A trace by its id.
    fn by_id(&self, id: &str) -> Option<Recorded>;

    /// Traces that begin between two times (seconds since 1970), newest first.
    fn between(&self, start: f64, end: f64, keep: &dyn Fn(&Recorded) -> bool, limit: usize) -> Vec<Recorded>;
}

fn refuse<T>(status: StatusCode, message: impl Into<String>, v3: bool) -> Result<T, Refused> {
    Err(Refused {
        status,
        message: message.into(),
        v3,
    })
}

fn page(data: Vec<Value>) -> Answer {
    let total = data.len();
    Ok(Json(json!({"data": data, "total": total, "limit": 0, "offset": 0, "errors": null})))
}

async fn services(State(traces): State<Shared>) -> Answer {
    page(traces.operations().into_keys().map(Value::from).collect())
}

async fn dependencies(State(traces): State<Shared>) -> Json<Value> {
    Json(json!({"data": traces.calls(), "errors": null}))
}

async fn operations(State(traces): State<Shared>, Path(service): Path<String>) -> Answer {
    let mut all = traces.operations();
    page(all.remove(&service).unwrap_or_default().into_iter().map(Value::from).collect())
}

async fn search(State(traces): State<Shared>, RawQuery(query): RawQuery) -> Answer {
    let params = Params::of_query(query);
    let ids: Vec<&str> = params.all("traceID").collect();
    if !ids.is_empty() {
        return page(
            ids.into_iter()
                .filter_map(|id| traces.by_id(id))
                .map(|trace| render(&trace))
                .collect(),
        );
    }
    let Some(service) = params.get("service") else {
        return refuse(StatusCode::BAD_REQUEST, "parameter 'service' is required", false);
    };
    let now = secs(traces.now());
    let time = |key: &str| params.instant(key).or_else(|why| refuse(StatusCode::BAD_REQUEST, why, false));
    let end = time("end")?.unwrap_or(now);
    let lookback = params.get("lookback").and_then(|text| scenario::Span::parse(text).ok());
    let start = time("start")?.unwrap_or(end - lookback.map_or(3600.0, scenario::Span::as_secs_f64));
    let wanted = Wanted {
        service: service.to_owned(),
        operation: params.get("operation").filter(|name| *name != "all").map(str::to_owned),
        shortest: duration(&params, "minDuration", false)?,
        longest: duration(&params, "maxDuration", false)?,
        tags: params
            .get("tags")
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default(),
    };
    let limit = params
        .number("limit")
        .map_or(USUAL_LIMIT, |limit| (limit.max(0.0) as usize).min(MOST));
    let found = traces.between(start, end, &|trace| wanted.has(trace), limit);
    page(found.iter().map(render).collect())
}

async fn trace(State(traces): State<Shared>, Path(id): Path<String>) -> Answer {
    match traces.by_id(&id) {
        Some(trace) => page(vec![render(&trace)]),
        None => refuse(StatusCode::NOT_FOUND, "trace not found", false),
    }
}

/// What a search asks for.
struct Wanted {
    service: String,
    operation: Option<String>,
    shortest: Option<f64>,
    longest: Option<f64>,
    tags: BTreeMap<String, String>,
}

impl Wanted {
    fn has(&self, trace: &Recorded) -> bool {
        trace.spans.iter().any(|span| {
            span.service == self.service
                && self.operation.as_ref().is_none_or(|operation| *operation == span.operation)
                && self.shortest.is_none_or(|least| span.duration >= least)
                && self.longest.is_none_or(|most| span.duration <= most)
                && self.tags.iter().all(|(key, value)| tag(span, key).as_deref() == Some(value))
        })
    }
}

fn tag(span: &Span, key: &str) -> Option<String> {
    if key == "error" {
        return Some(span.failed.to_string());
    }
    span.tags
        .get(key)
        .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

fn duration(params: &Params, key: &str, v3: bool) -> Result<Option<f64>, Refused> {
    let Some(text) = params.get(key).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    // Jaeger takes microseconds too, which scenarios have no use for.
    let micros = text
        .strip_suffix("us")
        .and_then(|number| number.parse::<f64>().ok())
        .map(|number| number / 1e6);
    match micros.map_or_else(|| scenario::Span::parse(text).map(scenario::Span::as_secs_f64), Ok) {
        Ok(seconds) => Ok(Some(seconds)),
        Err(why) => refuse(StatusCode::BAD_REQUEST, format!("unable to parse param '{key}': {why}"), v3),
    }
}

fn micros(seconds: f64) -> u64 {
    (seconds * 1e6).round().max(0.0) as u64
}

fn render(trace: &Recorded) -> Value {
    let mut processes = BTreeMap::<&str, String>::new();
    for span in &trace.spans {
        let next = format!("p{}", processes.len() + 1);
        processes.entry(&span.service).or_insert(next);
    }
    let typed = |key: &str, value: &Value| {
        let kind = match value {
            Value::Bool(_) => "bool",
            Value::Number(number) if number.is_f64() => "float64",
            Value::Number(_) => "int64",
            _ => "string",
        };
        json!({"key": key, "type": kind, "value": value})
    };
    let spans: Vec<Value> = trace
        .spans
        .iter()
        .map(|span| {
            let mut tags: Vec<Value> = span.tags.iter().map(|(key, value)| typed(key, value)).collect();
            tags.push(typed("span.kind", &json!(if span.parent.is_none() { "server" } else { "client" })));
            if span.failed {
                tags.push(typed("error", &json!(true)));
            }
            let reference = |parent: &String| json!({"refType": "CHILD_OF", "traceID": trace.id, "spanID": parent});
            json!({
                "traceID": trace.id, "spanID": span.id, "operationName": span.operation,
                "references": span.parent.iter().map(reference).collect::<Vec<_>>(),
                "startTime": micros(span.start), "duration": micros(span.duration),
                "tags": tags, "logs": [], "processID": processes[span.service.as_str()], "warnings": null,
            })
        })
        .collect();
    let processes: BTreeMap<&String, Value> = processes
        .iter()
        .map(|(service, id)| (id, json!({"serviceName": service, "tags": []})))
        .collect();
    json!({"traceID": trace.id, "spans": spans, "processes": processes, "warnings": null})
}

async fn services_v3(State(traces): State<Shared>) -> Json<Value> {
    let services: Vec<String> = traces.operations().into_keys().collect();
    Json(json!({"services": services}))
}

async fn operations_v3(State(traces): State<Shared>, RawQuery(query): RawQuery) -> Answer {
    let params = Params::of_query(query);
    let Some(service) = params.get("service") else {
        return refuse(StatusCode::BAD_REQUEST, "malformed parameter service: parameter is required", true);
    };
    let all = traces.operations().remove(service).unwrap_or_default();
    let all: Vec<Value> = all.into_iter().map(|name| json!({"name": name, "spanKind": "server"})).collect();
    Ok(Json(json!({"operations": all})))
}

async fn search_v3(State(traces): State<Shared>, RawQuery(query): RawQuery) -> Answer {
    let params = Params::of_query(query);
    let either = |name: &str, old: &str| {
        params.get(name).or_else(|| params.get(old)).map(|_| {
            if params.get(name).is_some() {
                name.to_owned()
            } else {
                old.to_owned()
            }
        })
    };
    let required = |name: &str, old: &str| {
        let Some(key) = either(name, old) else {
            return refuse(
                StatusCode::BAD_REQUEST,
                format!("malformed parameter {name}: parameter is required"),
                true,
            );
        };
        match params.instant(&key) {
            Ok(Some(time)) => Ok(time),
            Ok(None) => refuse(StatusCode::BAD_REQUEST, format!("malformed parameter {name}: empty"), true),
            Err(why) => refuse(StatusCode::BAD_REQUEST, format!("malformed parameter {name}: {why}"), true),
        }
    };
    let start = required("query.startTimeMin", "query.start_time_min")?;
    let end = required("query.startTimeMax", "query.start_time_max")?;
    let value = |name: &str, old: &str| either(name, old).and_then(|key| params.get(&key).map(str::to_owned));
    let key = |name: &str, old: &str| either(name, old).unwrap_or_else(|| name.to_owned());
    let Some(service) = value("query.serviceName", "query.service_name") else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "malformed parameter query.serviceName: parameter is required",
            true,
        );
    };
    let wanted = Wanted {
        service,
        operation: value("query.operationName", "query.operation_name"),
        shortest: duration(&params, &key("query.durationMin", "query.duration_min"), true)?,
        longest: duration(&params, &key("query.durationMax", "query.duration_max"), true)?,
        tags: BTreeMap::new(),
    };
    let depth = value("query.searchDepth", "query.search_depth").and_then(|text| text.parse::<usize>().ok());
    let found = traces.between(start, end, &|trace| wanted.has(trace), depth.unwrap_or(USUAL_LIMIT).min(MOST));
    if found.is_empty() {
        return refuse(StatusCode::NOT_FOUND, "No traces found", true);
    }
    let spans: Vec<Value> = found.iter().flat_map(render_v3).collect();
    Ok(Json(json!({"result": {"resourceSpans": spans}})))
}

async fn trace_v3(State(traces): State<Shared>, Path(id): Path<String>) -> Answer {
    match traces.by_id(&id) {
        Some(trace) => Ok(Json(json!({"result": {"resourceSpans": render_v3(&trace)}}))),
        None => refuse(StatusCode::NOT_FOUND, "trace not found", true),
    }
}

/// The spans of a trace as OTLP JSON, one resource a service.
pub(super) fn render_v3(trace: &Recorded) -> Vec<Value> {
    if let Some(otlp) = &trace.otlp {
        return otlp.clone();
    }
    let mut services = BTreeMap::<&str, Vec<Value>>::new();
    let nanos = |seconds: f64| format!("{}", micros(seconds) * 1000);
    for span in &trace.spans {
        let attributes: Vec<Value> = span
            .tags
            .iter()
            .map(|(key, value)| match value {
                Value::Number(number) => json!({"key": key, "value": {"intValue": number.to_string()}}),
                Value::Bool(flag) => json!({"key": key, "value": {"boolValue": flag}}),
                other => json!({"key": key, "value": {"stringValue": other.as_str().unwrap_or_default()}}),
            })
            .collect();
        services.entry(&span.service).or_default().push(json!({
            "traceId": trace.id, "spanId": span.id, "parentSpanId": span.parent.clone().unwrap_or_default(),
            "name": span.operation, "kind": if span.parent.is_none() { 2 } else { 3 },
            "startTimeUnixNano": nanos(span.start), "endTimeUnixNano": nanos(span.start + span.duration),
            "attributes": attributes, "status": if span.failed { json!({"code": 2}) } else { json!({}) },
        }));
    }
    services
        .into_iter()
        .map(|(service, spans)| {
            json!({
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
                "scopeSpans": [{"scope": {}, "spans": spans}],
            })
        })
        .collect()
}
