//! Metrics of the gateway.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

const ALERTS: &str = "paramedic_gateway_alerts_total";
const REPEATED: &str = "paramedic_gateway_repeated_total";
const REQUESTED: &str = "paramedic_gateway_requests_total";
const REJECTED: &str = "paramedic_gateway_rejected_total";
const TRUNCATED: &str = "paramedic_gateway_truncated_total";
const IN_FLIGHT: &str = "paramedic_gateway_in_flight_bytes";
const COMPLETIONS: &str = "paramedic_gateway_completions_total";
const SPOOLED: &str = "paramedic_gateway_spooled_total";
const FORWARDED: &str = "paramedic_gateway_forwarded_total";
const DAMAGED: &str = "paramedic_gateway_spool_damaged_total";
const SPOOL_BYTES: &str = "paramedic_gateway_spool_bytes";
const SPOOL_NOTIFICATIONS: &str = "paramedic_gateway_spool_notifications";
const WARNINGS_SEEN: &str = "paramedic_gateway_warning_events_total";
const WARNINGS_FIRING: &str = "paramedic_gateway_warning_alerts";
const WARNINGS_PASSED_OVER: &str = "paramedic_gateway_warning_events_passed_over_total";
const WARNINGS_UNWATCHED: &str = "paramedic_gateway_warning_watch_failures_total";
const HELD: &str = "paramedic_gateway_alerts_held";
const RULES_FAILED: &str = "paramedic_gateway_triage_failures_total";
const SILENCES: &str = "paramedic_gateway_silence_polls_total";
const QUIET: &str = "paramedic_gateway_kept_quiet";
const CORRELATED: &str = "paramedic_gateway_correlated_total";
const CORRELATED_TO: &str = "paramedic_gateway_correlated_to";
const LEADING: &str = "paramedic_gateway_leading";
const UNWRITABLE: &str = "paramedic_gateway_unwritable_total";
const TOPOLOGY_LEADS: &str = "paramedic_gateway_topology_leads";
const TOPOLOGY_WATCHING: &str = "paramedic_gateway_topology_watching";
const TOPOLOGY_OBJECTS: &str = "paramedic_gateway_topology_objects";
const TOPOLOGY_ANNOUNCED: &str = "paramedic_gateway_topology_announced_total";
const TOPOLOGY_ENTITIES: &str = "paramedic_gateway_topology_entities";
const TOPOLOGY_EDGES: &str = "paramedic_gateway_topology_edges";

/// Describes every metric of this crate; once per process is enough, more often does no harm.
pub fn describe() {
    describe_counter!(ALERTS, "alerts made durable, by source and status");
    describe_counter!(
        REPEATED,
        "notifications that were already in the stream (retries, highly available pairs)"
    );
    describe_counter!(
        REQUESTED,
        "requests for changes that are durable, by source and whether they were so before (repeated)"
    );
    describe_counter!(REJECTED, "webhooks answered with 4xx or 503, by source and reason");
    describe_counter!(TRUNCATED, "alerts that Alertmanager left out of webhooks because of its max_alerts");
    describe_gauge!(IN_FLIGHT, Unit::Bytes, "room taken by webhooks that are not answered yet");
    describe_counter!(
        COMPLETIONS,
        "truncated groups by source and outcome (completed from Alertmanager's API, failed, no_url)"
    );
    describe_counter!(SPOOLED, "notifications kept in the spool because the bus was away, by source");
    describe_counter!(FORWARDED, "notifications forwarded from the spool to the bus, by source");
    describe_counter!(
        DAMAGED,
        "notifications in the spool that can never be forwarded and were kept aside"
    );
    describe_gauge!(SPOOL_BYTES, Unit::Bytes, "room taken in the spool");
    describe_gauge!(SPOOL_NOTIFICATIONS, "notifications that wait in the spool");
    describe_gauge!(HELD, "firing alerts that people or other alerts keep quiet");
    describe_counter!(
        RULES_FAILED,
        "alerts of which a rule of gateway.triage.rules could not say whether it holds, by the rule's number from 0"
    );
    describe_counter!(WARNINGS_SEEN, "warning events of Kubernetes that were seen");
    describe_gauge!(WARNINGS_FIRING, "alerts of warning events that fire");
    describe_counter!(
        WARNINGS_PASSED_OVER,
        "warning events that no alert followed from because too many are followed"
    );
    describe_counter!(WARNINGS_UNWATCHED, "failures of the watch over warning events");
    describe_counter!(
        SILENCES,
        "questions to Alertmanagers what they keep quiet, by source and outcome (ok, failed)"
    );
    describe_gauge!(QUIET, "what an Alertmanager keeps quiet, by source and kind (silence, alert)");
    describe_counter!(CORRELATED, "alerts of the stream by what became of them");
    describe_gauge!(CORRELATED_TO, "sequence in the stream of alerts up to which incidents were written");
    describe_gauge!(LEADING, "1 while this replica correlates");
    describe_counter!(
        UNWRITABLE,
        "changes that could not be written because the log of their incident is damaged"
    );
    describe_gauge!(TOPOLOGY_LEADS, "1 where this replica watches the cluster for all of them");
    describe_gauge!(
        TOPOLOGY_WATCHING,
        "1 where a kind of object is watched, 0 where that fails or is refused, by kind"
    );
    describe_gauge!(TOPOLOGY_OBJECTS, "objects that are watched, by kind");
    describe_counter!(TOPOLOGY_ANNOUNCED, "snapshots of the topology that differed from the one before");
    describe_gauge!(TOPOLOGY_ENTITIES, "things in the last of them");
    describe_gauge!(TOPOLOGY_EDGES, "dependencies in the last of them");
}

pub(crate) fn accepted(source: &str, status: &'static str, alerts: u64) {
    counter!(ALERTS, "source" => source.to_owned(), "status" => status).increment(alerts);
}

pub(crate) fn repeated(source: &str) {
    counter!(REPEATED, "source" => source.to_owned()).increment(1);
}

pub(crate) fn requested(source: &str, repeated: bool) {
    let repeated = if repeated { "true" } else { "false" };
    counter!(REQUESTED, "source" => source.to_owned(), "repeated" => repeated).increment(1);
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

pub(crate) fn completion(source: &str, outcome: &'static str) {
    counter!(COMPLETIONS, "source" => source.to_owned(), "outcome" => outcome).increment(1);
}

pub(crate) fn spooled(source: &str, notifications: usize) {
    counter!(SPOOLED, "source" => source.to_owned()).increment(notifications as u64);
}

pub(crate) fn forwarded(source: &str) {
    counter!(FORWARDED, "source" => source.to_owned()).increment(1);
}

pub(crate) fn damaged() {
    counter!(DAMAGED).increment(1);
}

pub(crate) fn spool(notifications: usize, bytes: u64) {
    gauge!(SPOOL_NOTIFICATIONS).set(notifications as f64);
    gauge!(SPOOL_BYTES).set(bytes as f64);
}

pub(crate) fn warning_seen() {
    counter!(WARNINGS_SEEN).increment(1);
}

pub(crate) fn warnings(firing: usize, passed_over: u64) {
    gauge!(WARNINGS_FIRING).set(firing as f64);
    counter!(WARNINGS_PASSED_OVER).increment(passed_over);
}

pub(crate) fn warnings_unwatched() {
    counter!(WARNINGS_UNWATCHED).increment(1);
}

pub(crate) fn held(alerts: usize) {
    gauge!(HELD).set(alerts as f64);
}

pub(crate) fn rule_failed(number: usize) {
    counter!(RULES_FAILED, "rule" => number.to_string()).increment(1);
}

pub(crate) fn silences(source: &str, is_ok: bool) {
    let outcome = if is_ok { "ok" } else { "failed" };
    counter!(SILENCES, "source" => source.to_owned(), "outcome" => outcome).increment(1);
}

pub(crate) fn quiet(source: &str, silences: usize, alerts: usize) {
    gauge!(QUIET, "source" => source.to_owned(), "kind" => "silence").set(silences as f64);
    gauge!(QUIET, "source" => source.to_owned(), "kind" => "alert").set(alerts as f64);
}

pub(crate) fn correlated(outcome: &'static str) {
    counter!(CORRELATED, "outcome" => outcome).increment(1);
}

pub(crate) fn correlated_to(sequence: u64) {
    gauge!(CORRELATED_TO).set(sequence as f64);
}

pub(crate) fn leading(leads: bool) {
    gauge!(LEADING).set(f64::from(u8::from(leads)));
}

pub(crate) fn unwritable() {
    counter!(UNWRITABLE).increment(1);
}

pub(crate) fn topology_leads(leads: bool) {
    gauge!(TOPOLOGY_LEADS).set(f64::from(u8::from(leads)));
}

pub(crate) fn watching(kind: &'static str, works: bool) {
    gauge!(TOPOLOGY_WATCHING, "kind" => kind).set(f64::from(u8::from(works)));
}

pub(crate) fn topology_objects(kind: &'static str, objects: usize) {
    gauge!(TOPOLOGY_OBJECTS, "kind" => kind).set(objects as f64);
}

pub(crate) fn topology_announced(entities: usize, edges: usize) {
    counter!(TOPOLOGY_ANNOUNCED).increment(1);
    gauge!(TOPOLOGY_ENTITIES).set(entities as f64);
    gauge!(TOPOLOGY_EDGES).set(edges as f64);
}
