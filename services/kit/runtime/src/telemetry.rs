//! Logs, traces and metrics of this process.

use std::{sync::OnceLock, time::Duration};

use anyhow::Context;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use opentelemetry::{KeyValue, global, trace::TracerProvider};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{LogFormat, Telemetry};

/// Keeps the exporters; [`Guard::flush`] hands over what they still hold.
#[must_use]
pub struct Guard {
    tracer: Option<SdkTracerProvider>,
}

/// Longest wait for the collector when the process ends.
const FLUSH: Duration = Duration::from_secs(5);

impl Guard {
    /// Exports the spans that are still here.
    pub fn flush(&self) {
        if let Some(tracer) = &self.tracer
            && let Err(error) = tracer.shutdown_with_timeout(FLUSH)
        {
            tracing::warn!(%error, "could not export the last spans");
        }
    }
}

/// Installs the process's subscriber, W3C propagation and, where an endpoint is set, OTLP export. Log lines go to
/// standard error, so that standard output stays for results.
///
/// # Errors
/// When a filter cannot be parsed, the endpoint is no URL, or a subscriber was installed before.
pub fn init(service: &str, settings: &Telemetry) -> anyhow::Result<Guard> {
    global::set_text_map_propagator(TraceContextPropagator::new());
    let filter =
        EnvFilter::try_new(&settings.log).with_context(|| format!("configuration key telemetry.log: cannot parse {:?}", settings.log))?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match settings.log_format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Pretty => lines.compact().boxed(),
    };
    let tracer = (!settings.otlp_endpoint.is_empty())
        .then(|| exporter(service, &settings.otlp_endpoint))
        .transpose()?;
    let spans = tracer
        .as_ref()
        .map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer("paramedic")));
    // Traces hold our own spans; those of the transport libraries would bury them.
    let spans = spans.map(|layer| layer.with_filter(EnvFilter::new("off,paramedic=info,paramedic_bus=info,paramedic_runtime=info,paramedic_gateway=info,paramedic_analysis=info,paramedic_planner=info,paramedic_executor=info,paramedic_approval=info,paramedic_notifier=info,paramedic_console=info")));
    tracing_subscriber::registry()
        .with(spans)
        .with(lines.with_filter(filter))
        .try_init()
        .context("telemetry is already installed")?;
    Ok(Guard { tracer })
}

fn exporter(service: &str, endpoint: &str) -> anyhow::Result<SdkTracerProvider> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .with_context(|| format!("configuration key telemetry.otlp_endpoint: cannot export to {endpoint:?}"))?;
    let resource = Resource::builder()
        .with_service_name(service.to_owned())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .build())
}

/// The process's metrics, installed on first use.
pub fn metrics() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder is installed; /metrics stays empty");
        }
        handle
    })
}
