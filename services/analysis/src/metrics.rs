//! Metrics of the analysis service.

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

const DIAGNOSES: &str = "paramedic_diagnoses_total";
const VERIFICATIONS: &str = "paramedic_verifications_total";
const PROBES: &str = "paramedic_probe_seconds";

pub(crate) fn describe() {
    describe_counter!(DIAGNOSES, "investigations, by engine that found a cause, or `inconclusive`");
    describe_counter!(VERIFICATIONS, "verifications, by verdict");
    describe_histogram!(PROBES, Unit::Seconds, "answers of evidence sources, by source and outcome");
}

pub(crate) fn diagnosed(engine: &str) {
    counter!(DIAGNOSES, "engine" => engine.to_owned()).increment(1);
}

pub(crate) fn verified(verdict: &'static str) {
    counter!(VERIFICATIONS, "verdict" => verdict).increment(1);
}

pub(crate) fn probed(source: &'static str, ok: bool, seconds: f64) {
    histogram!(PROBES, "source" => source, "outcome" => if ok { "ok" } else { "failed" }).record(seconds);
}
