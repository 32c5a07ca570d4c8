//! The query API of Prometheus.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, RawForm, RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use promql_parser::parser::Expr;
use serde_json::{Value as Json_, json};

use super::{
    params::Params,
    promql::{self, Point, Value},
    series::Labels,
    source::{Metrics, select},
};
use crate::{scenario::Span, world::obj::secs};

/// Most points one series of a range query may have, as in the real server.
const MOST_POINTS: f64 = 11_000.0;

/// The routes below `/api/v1` and the health checks.
pub(crate) fn router(metrics: Arc<dyn Metrics>) -> Router {
    Router::new()
        .route("/api/v1/query", get(query).post(query_form))
        .route("/api/v1/query_range", get(range).post(range_form))
        .route("/api/v1/series", get(series).post(series_form))
        .route("/api/v1/labels", get(labels).post(labels_form))
        .route("/api/v1/label/{name}/values", get(values))
        .route("/api/v1/metadata", get(metadata))
        .route("/api/v1/rules", get(rules))
        .route("/api/v1/alerts", get(alerts))
        .route("/api/v1/status/buildinfo", get(build))
        .route("/-/ready", get(|| async { "Prometheus Server is Ready.\n" }))
        .route("/-/healthy", get(|| async { "Prometheus Server is Healthy.\n" }))
        .with_state(metrics)
}

/// What only Prometheus demands of parameters.
impl Params {
    fn required(&self, key: &str) -> Result<&str, Failure> {
        self.get(key)
            .ok_or_else(|| Failure::bad(format!("invalid parameter \"{key}\": missing")))
    }

    fn time(&self, key: &str) -> Result<Option<f64>, Failure> {
        let bad = |why: String| Failure::bad(format!("invalid parameter \"{key}\": {why}"));
        self.instant(key).map_err(bad)
    }
}

/// A refused query.
struct Failure {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

impl Failure {
    fn bad(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind: "bad_data",
            message: message.into(),
        }
    }

    fn execution(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            kind: "execution",
            message: message.into(),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = json!({"status": "error", "errorType": self.kind, "error": self.message});
        (self.status, Json(body)).into_response()
    }
}

type Shared = Arc<dyn Metrics>;
type Answer = Result<Json<Json_>, Failure>;

fn success(data: Json_) -> Answer {
    Ok(Json(json!({"status": "success", "data": data})))
}

async fn query(State(metrics): State<Shared>, RawQuery(query): RawQuery) -> Answer {
    answer_query(metrics.as_ref(), &Params::of(query.unwrap_or_default().as_bytes()))
}

async fn query_form(State(metrics): State<Shared>, RawForm(form): RawForm) -> Answer {
    answer_query(metrics.as_ref(), &Params::of(&form))
}

async fn range(State(metrics): State<Shared>, RawQuery(query): RawQuery) -> Answer {
    answer_range(metrics.as_ref(), &Params::of(query.unwrap_or_default().as_bytes()))
}

async fn range_form(State(metrics): State<Shared>, RawForm(form): RawForm) -> Answer {
    answer_range(metrics.as_ref(), &Params::of(&form))
}

async fn series(State(metrics): State<Shared>, RawQuery(query): RawQuery) -> Answer {
    answer_series(metrics.as_ref(), &Params::of(query.unwrap_or_default().as_bytes()))
}

async fn series_form(State(metrics): State<Shared>, RawForm(form): RawForm) -> Answer {
    answer_series(metrics.as_ref(), &Params::of(&form))
}

async fn labels(State(metrics): State<Shared>, RawQuery(query): RawQuery) -> Answer {
    answer_labels(metrics.as_ref(), &Params::of(query.unwrap_or_default().as_bytes()))
}

async fn labels_form(State(metrics): State<Shared>, RawForm(form): RawForm) -> Answer {
    answer_labels(metrics.as_ref(), &Params::of(&form))
}

fn answer_query(metrics: &dyn Metrics, params: &Params) -> Answer {
    let query = params.required("query")?;
    let at = params.time("time")?.unwrap_or_else(|| secs(metrics.now()));
    if let Some(written) = metrics.written(query) {
        return success(render(Value::Vector(written), at));
    }
    let expr = promql::parse(query).map_err(Failure::bad)?;
    let view = metrics.view();
    let value = promql::instant(view.as_ref(), &expr, at).map_err(Failure::execution)?;
    success(render(value, at))
}

fn answer_range(metrics: &dyn Metrics, params: &Params) -> Answer {
    let query = params.required("query")?;
    params.required("start")?;
    params.required("end")?;
    let (start, end) = (params.time("start")?.unwrap_or(0.0), params.time("end")?.unwrap_or(0.0));
    let text = params.required("step")?;
    let step = text.parse::<f64>().ok().or_else(|| Span::parse(text).ok().map(Span::as_secs_f64));
    let step = step
        .filter(|step| step.is_finite())
        .ok_or_else(|| Failure::bad(format!("invalid parameter \"step\": cannot parse \"{text}\" to a valid duration")))?;
    if end < start {
        return Err(Failure::bad(
            "invalid parameter \"end\": end timestamp must not be before start time",
        ));
    }
    if step <= 0.0 {
        return Err(Failure::bad(
            "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer",
        ));
    }
    if (end - start) / step > MOST_POINTS {
        return Err(Failure::bad(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ));
    }
    if let Some(written) = metrics.written(query) {
        let times: Vec<f64> = (0..=((end - start) / step) as usize).map(|i| start + step * i as f64).collect();
        let steady = written
            .into_iter()
            .map(|(labels, value)| (labels, times.iter().map(|t| (*t, value)).collect()));
        return success(render(Value::Matrix(steady.collect()), end));
    }
    let expr = promql::parse(query).map_err(Failure::bad)?;
    let view = metrics.view();
    let all = promql::range(view.as_ref(), &expr, start, end, step).map_err(Failure::execution)?;
    success(render(Value::Matrix(all), end))
}

/// The series that the `match[]` selectors match and that had a sample in the last hour before `end`.
fn matching(metrics: &dyn Metrics, params: &Params, needed: bool) -> Result<Vec<Labels>, Failure> {
    let end = params.time("end")?.unwrap_or_else(|| secs(metrics.now()));
    let start = params.time("start")?.unwrap_or(end - 3600.0);
    let mut selectors = Vec::new();
    for text in params.all("match[]") {
        match promql::parse(text).map_err(Failure::bad)? {
            Expr::VectorSelector(selector) => selectors.push(selector),
            _ => {
                return Err(Failure::bad(format!(
                    "invalid parameter \"match[]\": {text} is not a series selector"
                )));
            }
        }
    }
    if selectors.is_empty() && needed {
        return Err(Failure::bad("no match[] parameter provided"));
    }
    let view = metrics.view();
    let found = if selectors.is_empty() {
        view.series(&|_| true)
    } else {
        selectors
            .iter()
            .flat_map(|s| select(view.as_ref(), s.name.as_deref(), &s.matchers))
            .collect()
    };
    let probes: Vec<f64> = (0..=20).map(|i| end - (end - start) * f64::from(i) / 20.0).collect();
    let lives = |sample: &super::series::Sampler<'_>| probes.iter().any(|t| sample(*t).is_some());
    let all: BTreeSet<Labels> = found.into_iter().filter(|s| lives(&s.sample)).map(|s| s.labels).collect();
    Ok(all.into_iter().collect())
}

fn answer_series(metrics: &dyn Metrics, params: &Params) -> Answer {
    let all = matching(metrics, params, true)?;
    success(json!(all.into_iter().map(|labels| labels.0).collect::<Vec<_>>()))
}

fn answer_labels(metrics: &dyn Metrics, params: &Params) -> Answer {
    let names: BTreeSet<String> = matching(metrics, params, false)?
        .into_iter()
        .flat_map(|labels| labels.0.into_keys())
        .collect();
    success(json!(names))
}

async fn values(State(metrics): State<Shared>, Path(name): Path<String>, RawQuery(query): RawQuery) -> Answer {
    let params = Params::of(query.unwrap_or_default().as_bytes());
    let all = matching(metrics.as_ref(), &params, false)?;
    let values: BTreeSet<String> = all.into_iter().filter_map(|mut labels| labels.0.remove(&name)).collect();
    success(json!(values))
}

async fn metadata(State(metrics): State<Shared>) -> Answer {
    let view = metrics.view();
    let names: BTreeSet<String> = view
        .series(&|_| true)
        .into_iter()
        .map(|s| s.labels.get("__name__").to_owned())
        .collect();
    let kind = |name: &str| {
        if name.ends_with("_bucket") {
            "histogram"
        } else if name.ends_with("_total") || name.ends_with("_count") || name.ends_with("_sum") {
            "counter"
        } else {
            "gauge"
        }
    };
    let all = names.into_iter().map(|name| {
        let entry = json!([{"type": kind(&name), "help": metrics.help(&name), "unit": ""}]);
        (name, entry)
    });
    success(Json_::Object(all.collect()))
}

async fn alerts(State(metrics): State<Shared>) -> Answer {
    success(json!({"alerts": metrics.alerts()}))
}

async fn rules(State(metrics): State<Shared>) -> Answer {
    success(json!({"groups": metrics.rule_groups()}))
}

async fn build() -> Answer {
    success(json!({"version": "3.5.0", "revision": "simulated", "branch": "HEAD", "goVersion": ""}))
}

fn render(value: Value, at: f64) -> Json_ {
    let kind = value.kind();
    let result = match value {
        Value::Scalar(number) => json!([at, text(number)]),
        Value::Text(content) => json!([at, content]),
        Value::Vector(all) => all
            .into_iter()
            .map(|(labels, number)| json!({"metric": labels.0, "value": [at, text(number)]}))
            .collect(),
        Value::Matrix(all) => {
            let points = |points: Vec<Point>| points.into_iter().map(|(t, v)| json!([t, text(v)])).collect::<Vec<_>>();
            all.into_iter()
                .map(|(labels, list)| json!({"metric": labels.0, "values": points(list)}))
                .collect()
        }
    };
    json!({"resultType": kind, "result": result})
}

/// A sample value as Prometheus writes it.
fn text(value: f64) -> String {
    if value == f64::INFINITY {
        "+Inf".to_owned()
    } else if value == f64::NEG_INFINITY {
        "-Inf".to_owned()
    } else if value.is_nan() {
        "NaN".to_owned()
    } else {
        value.to_string()
    }
}
