//! HTTP: one server shape, one client.

use std::time::Duration;

use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
    response::Response,
};
use paramedic_bus::{Headers, trace};
use tracing::Instrument;

/// Longest wait for a connection to any outside service.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for a whole answer; probes and channels set shorter ones.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The process's HTTP client.
///
/// # Errors
/// When no TLS roots can be loaded.
pub fn client() -> reqwest::Result<reqwest::Client> {
    builder().build()
}

/// A client with the process's TLS, times and name, for those who need something else besides.
pub fn builder() -> reqwest::ClientBuilder {
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .user_agent(concat!("paramedic/", env!("CARGO_PKG_VERSION")))
}

/// Gives every request a span (child of the caller's, where it sent a trace context).
pub fn traced(routes: Router) -> Router {
    routes.layer(middleware::from_fn(async |request: Request, next: Next| -> Response {
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        if matches!(path.as_str(), "/healthz" | "/readyz" | "/metrics") {
            return next.run(request).await;
        }
        let given = |name: &str| Some((name.to_owned(), request.headers().get(name)?.to_str().ok()?.to_owned()));
        let headers: Headers = trace::HEADERS.into_iter().filter_map(given).collect();
        let span = tracing::info_span!("http", otel.name = format!("{method} {path}"), otel.kind = "server", %method, path, status = tracing::field::Empty);
        trace::set_parent(&span, &headers);
        let response = next.run(request).instrument(span.clone()).await;
        span.record("status", response.status().as_u16());
        response
    }))
}
