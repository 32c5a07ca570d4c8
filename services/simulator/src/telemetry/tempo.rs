//! The query API of Tempo over the same traces: searches by the name of a service, and one trace by its id.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    routing::get,
};
use serde_json::{Value, json};

use super::{
    jaeger::{Traces, render_v3},
    params::Params,
};

/// Traces answered when no limit is given, as in the real server.
const USUAL_LIMIT: usize = 20;

type Shared = Arc<dyn Traces>;
type Refused = (StatusCode, String);

/// The routes below `/api`.
pub(crate) fn router(traces: Shared) -> Router {
    Router::new()
        .route("/api/search", get(search))
        .route("/api/traces/{id}", get(trace))
        .with_state(traces)
}

/// The service that a TraceQL query selects; other selections are refused.
fn service(query: &str) -> Result<String, Refused> {
    let inside = query.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let condition = inside.and_then(|inside| inside.trim().strip_prefix("resource.service.name"));
    let value = condition.and_then(|rest| rest.trim().strip_prefix('=')).map(str::trim);
    let name = value.and_then(|value| value.strip_prefix('"')?.strip_suffix('"'));
    name.map(str::to_owned).ok_or_else(|| {
        let problem = format!("invalid TraceQL query: {query:?}; this server takes {{ resource.service.name = \"NAME\" }}");
        (StatusCode::BAD_REQUEST, problem)
    })
}

async fn search(State(traces): State<Shared>, RawQuery(query): RawQuery) -> Result<Json<Value>, Refused> {
    let params = Params::of_query(query);
    let service = service(params.get("q").unwrap_or_default())?;
    let time = |key: &str| params.instant(key).map_err(|why| (StatusCode::BAD_REQUEST, why));
    let now = traces.now().as_second() as f64;
    let (start, end) = (time("start")?.unwrap_or(now - 3600.0), time("end")?.unwrap_or(now));
    let limit = params.number("limit").map_or(USUAL_LIMIT, |limit| limit.max(0.0) as usize);
    let found = traces.between(start, end, &|trace| trace.spans.iter().any(|span| span.service == service), limit);
    let rows: Vec<Value> = found
        .iter()
        .map(|trace| {
            let root = &trace.spans[0];
            json!({
                "traceID": trace.id, "rootServiceName": root.service, "rootTraceName": root.operation,
                "startTimeUnixNano": format!("{:.0}", root.start * 1e9), "durationMs": (root.duration * 1e3).round(),
            })
        })
        .collect();
    Ok(Json(json!({"traces": rows, "metrics": {"inspectedTraces": rows.len()}})))
}

async fn trace(State(traces): State<Shared>, Path(id): Path<String>) -> Result<Json<Value>, Refused> {
    match traces.by_id(&id) {
        Some(trace) => Ok(Json(json!({"batches": render_v3(&trace)}))),
        None => Err((StatusCode::NOT_FOUND, "trace not found".to_owned())),
    }
}
