//! Metrics of the analysis service.

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

const DIAGNOSES: &str = "paramedic_diagnoses_total";
const VERIFICATIONS: &str = "paramedic_verifications_total";
const PROBES: &str = "paramedic_probe_seconds";
const MODELS_ASKED: &str = "paramedic_models_asked_total";
const MODEL_DROPPED: &str = "paramedic_model_dropped_total";
const MODEL_TOKENS: &str = "paramedic_model_tokens_total";
const MODEL_MONEY: &str = "paramedic_model_spent_millionths_total";

pub(crate) fn describe() {
    describe_counter!(DIAGNOSES, "investigations, by engine that found a cause, or `inconclusive`");
    describe_counter!(VERIFICATIONS, "verifications, by verdict");
    describe_counter!(
        MODELS_ASKED,
        "questions to a model, by outcome: `agrees`, `disagrees`, `explains`, `void`, or why there was no answer"
    );
    describe_counter!(MODEL_DROPPED, "parts of models' answers that were not believed, by reason");
    describe_counter!(MODEL_TOKENS, "tokens of models, by direction");
    describe_counter!(
        MODEL_MONEY,
        "money spent on models, millionths of the currency that prices are configured in"
    );
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

pub(crate) fn asked(outcome: &'static str) {
    counter!(MODELS_ASKED, "outcome" => outcome).increment(1);
}

pub(crate) fn disbelieved(reason: &'static str) {
    counter!(MODEL_DROPPED, "reason" => reason).increment(1);
}

pub(crate) fn paid(read: u64, written: u64, millionths: u64) {
    counter!(MODEL_TOKENS, "direction" => "read").increment(read);
    counter!(MODEL_TOKENS, "direction" => "written").increment(written);
    counter!(MODEL_MONEY).increment(millionths);
}
