//! `/healthz`, `/readyz` and `/metrics` of every process.

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use paramedic_bus::SharedBus;
use tokio_util::sync::CancellationToken;

use crate::WithoutBus;

/// Longest wait for the bus: shorter than a probe's, so that a slow bus is said so and not a probe that failed.
const PATIENCE: Duration = Duration::from_secs(2);

struct Admin {
    bus: SharedBus,
    drain: CancellationToken,
    /// By role; `None`: it needs the bus.
    without_bus: Vec<(&'static str, Option<WithoutBus>)>,
}

/// The routes. Ready means: started, not draining, and the bus answers, or every role of the process can do without it for now.
pub fn routes(bus: SharedBus, drain: CancellationToken, without_bus: Vec<(&'static str, Option<WithoutBus>)>) -> Router {
    let metrics = crate::telemetry::metrics();
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route(
            "/metrics",
            get(async move || ([("content-type", "text/plain; version=0.0.4")], metrics.render())),
        )
        .with_state(Arc::new(Admin { bus, drain, without_bus }))
}

async fn ready(State(admin): State<Arc<Admin>>) -> impl IntoResponse {
    if admin.drain.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned());
    }
    let problem = match tokio::time::timeout(PATIENCE, admin.bus.ping()).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("the bus did not answer within {} s", PATIENCE.as_secs())),
    };
    let mut able = true;
    let mut page = format!("{}\n", problem.as_deref().unwrap_or("ok"));
    for (role, without_bus) in &admin.without_bus {
        match without_bus.as_ref().map(|standing| standing()) {
            Some(Ok(standing)) => page.push_str(&format!("{role}: {standing}\n")),
            Some(Err(standing)) => {
                able = false;
                page.push_str(&format!("{role}: {standing}\n"));
            }
            None => able = false,
        }
    }
    let status = if problem.is_none() || able {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, page)
}
