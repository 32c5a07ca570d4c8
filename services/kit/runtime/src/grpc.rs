//! gRPC: channels to other roles and trace context in metadata.

use std::time::Duration;

use anyhow::Context;
use paramedic_bus::{Headers, trace};
use tonic::{
    Request,
    metadata::{MetadataKey, MetadataValue},
    transport::{Channel, Endpoint},
};

/// Longest wait for a connection to another role.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A channel to `url` that connects when it is first used and again when it was lost.
///
/// # Errors
/// When `url` is not one.
pub fn channel(url: &str, timeout: Duration) -> anyhow::Result<Channel> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let endpoint = Endpoint::from_shared(url.to_owned()).with_context(|| format!("{url:?} is not a gRPC address (http://host:port)"))?;
    Ok(endpoint.connect_timeout(CONNECT_TIMEOUT).timeout(timeout).connect_lazy())
}

/// A request that carries the current span's trace context.
pub fn with_trace<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let mut headers = Headers::new();
    trace::inject(&mut headers);
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (name.parse::<MetadataKey<_>>(), MetadataValue::try_from(value)) {
            request.metadata_mut().insert(name, value);
        }
    }
    request
}

/// The span of a served call, child of the caller's.
pub(crate) fn server_span(request: &axum::http::Request<()>) -> tracing::Span {
    let path = request.uri().path();
    let span = tracing::info_span!("grpc", otel.name = path, otel.kind = "server", path);
    let headers: Headers = request
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    trace::set_parent(&span, &headers);
    span
}
