//! `/healthz`, `/readyz` and `/metrics` of every process.

use std::sync::Arc;

use axum::{Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use paramedic_bus::SharedBus;
use tokio_util::sync::CancellationToken;

struct Admin {
    bus: SharedBus,
    drain: CancellationToken,
}

/// The routes. Ready means: started, not draining, and the bus answers.
pub fn routes(bus: SharedBus, drain: CancellationToken) -> Router {
    let metrics = crate::telemetry::metrics();
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route(
            "/metrics",
            get(async move || ([("content-type", "text/plain; version=0.0.4")], metrics.render())),
        )
        .with_state(Arc::new(Admin { bus, drain }))
}

async fn ready(State(admin): State<Arc<Admin>>) -> impl IntoResponse {
    if admin.drain.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned());
    }
    match admin.bus.ping().await {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
    }
}
