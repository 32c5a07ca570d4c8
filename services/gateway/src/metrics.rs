//! Metrics of the gateway.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

const ALERTS: &str = "paramedic_gateway_alerts_total";
const REPEATED: &str = "paramedic_gateway_repeated_total";
const REJECTED: &str = "paramedic_gateway_rejected_total";
const TRUNCATED: &str = "paramedic_gateway_truncated_total";
const IN_FLIGHT: &str = "paramedic_gateway_in_flight_bytes";
const CORRELATED: &str = "paramedic_gateway_correlated_total";

/// Describes every metric of this crate; once per process is enough, more often does no harm.
pub fn describe() {
    describe_counter!(ALERTS, "alerts made durable, by source and status");
    describe_counter!(
        REPEATED,
        "notifications that were already in the stream (retries, highly available pairs)"
    );
    describe_counter!(REJECTED, "webhooks answered with 4xx or 503, by source and reason");
    describe_counter!(TRUNCATED, "alerts that Alertmanager left out of webhooks because of its max_alerts");
    describe_gauge!(IN_FLIGHT, Unit::Bytes, "room taken by webhooks that are not answered yet");
    describe_counter!(CORRELATED, "alerts of the stream by what became of them");
}

pub(crate) fn accepted(source: &str, status: &'static str, alerts: u64) {
    counter!(ALERTS, "source" => source.to_owned(), "status" => status).increment(alerts);
}

pub(crate) fn repeated(source: &str) {
    counter!(REPEATED, "source" => source.to_owned()).increment(1);
}

pub(crate) fn rejected(source: &str, reason: &'static str) {
    counter!(REJECTED, "source" => source.to_owned(), "reason" => reason).increment(1);
}

pub(crate) fn truncated(source: &str, alerts: u64) {
    counter!(TRUNCATED, "source" => source.to_owned()).increment(alerts);
}

pub(crate) fn in_flight(bytes: u64) {
    gauge!(IN_FLIGHT).set(bytes as f64);
}

pub(crate) fn correlated(outcome: &'static str) {
    counter!(CORRELATED, "outcome" => outcome).increment(1);
}
