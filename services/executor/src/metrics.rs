//! What the executor counts.

use metrics::{counter, describe_counter, describe_histogram, histogram};
use paramedic_domain::event::Direction;

/// Names and help texts.
pub(crate) fn describe() {
    describe_counter!(
        "paramedic_executor_steps_total",
        "Attempts at steps by action, direction and outcome (succeeded, or the kind of failure)."
    );
    describe_counter!(
        "paramedic_executor_mutations_total",
        "Mutating requests sent to the cluster, by verb and answer."
    );
    describe_counter!("paramedic_executor_refusals_total", "Mutations that were not sent, by reason.");
    describe_histogram!(
        "paramedic_executor_step_seconds",
        "Duration of attempts at steps in the clock's seconds, by action and direction."
    );
}

pub(crate) fn step(action: &str, direction: Direction, outcome: &'static str, seconds: f64) {
    let direction = match direction {
        Direction::Forward => "forward",
        Direction::Undo => "undo",
    };
    counter!("paramedic_executor_steps_total", "action" => action.to_owned(), "direction" => direction, "outcome" => outcome).increment(1);
    histogram!("paramedic_executor_step_seconds", "action" => action.to_owned(), "direction" => direction).record(seconds);
}

pub(crate) fn mutation(verb: &'static str, answer: &'static str) {
    counter!("paramedic_executor_mutations_total", "verb" => verb, "answer" => answer).increment(1);
}

pub(crate) fn refusal(reason: &'static str) {
    counter!("paramedic_executor_refusals_total", "reason" => reason).increment(1);
}
