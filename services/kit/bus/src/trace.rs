//! W3C trace context in message headers.

use opentelemetry::{
    Context, global,
    propagation::{Extractor, Injector},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::Headers;

/// Header of the W3C trace context.
pub const TRACEPARENT: &str = "traceparent";

/// Every header of the W3C trace context.
pub const HEADERS: [&str; 2] = [TRACEPARENT, "tracestate"];

struct Carrier<'a>(&'a mut Headers);

impl Injector for Carrier<'_> {
    fn set(&mut self, key: &str, value: String) {
        self.0.insert(key.to_owned(), value);
    }
}

struct Reader<'a>(&'a Headers);

impl Extractor for Reader<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

/// Puts the current span's context into headers. Without a tracer there is nothing to put.
pub fn inject(headers: &mut Headers) {
    let context = Span::current().context();
    global::get_text_map_propagator(|propagator| propagator.inject_context(&context, &mut Carrier(headers)));
}

/// The current span's `traceparent`, if it is traced.
#[must_use]
pub fn current() -> Option<String> {
    let mut headers = Headers::new();
    inject(&mut headers);
    headers.remove(TRACEPARENT)
}

/// Makes the context in `headers` the parent of `span`.
pub fn set_parent(span: &Span, headers: &Headers) {
    adopt(
        span,
        global::get_text_map_propagator(|propagator| propagator.extract(&Reader(headers))),
    );
}

/// Makes a `traceparent` the parent of `span`: for work that people start long after the message that led to it.
pub fn join(span: &Span, traceparent: &str) {
    set_parent(span, &Headers::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]));
}

fn adopt(span: &Span, context: Context) {
    // Fails only when no tracer is installed, and then there is no trace to join.
    let _ = span.set_parent(context);
}

/// Headers for an event of an incident: the current span's context, unless it belongs to another trace than the
/// incident; then the incident's own.
pub(crate) fn for_incident(headers: &mut Headers, incident: Option<&str>) {
    inject(headers);
    let Some(incident) = incident else { return };
    let same_trace = headers.get(TRACEPARENT).and_then(|current| trace_id(current)) == trace_id(incident);
    if !same_trace {
        headers.insert(TRACEPARENT.to_owned(), incident.to_owned());
    }
}

/// `00-<trace id>-<span id>-<flags>`.
fn trace_id(traceparent: &str) -> Option<&str> {
    traceparent.split('-').nth(1)
}
