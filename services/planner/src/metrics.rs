//! Metrics of the planner.

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

const PLANS: &str = "paramedic_plans_total";
const SECONDS: &str = "paramedic_plan_seconds";

pub(crate) fn describe() {
    describe_counter!(PLANS, "plans made, by outcome: proposed, refused");
    describe_histogram!(
        SECONDS,
        Unit::Seconds,
        "time from a diagnosis to its plan, with every question to the executor"
    );
}

pub(crate) fn planned(proposed: bool, took: std::time::Duration) {
    counter!(PLANS, "outcome" => if proposed { "proposed" } else { "refused" }).increment(1);
    histogram!(SECONDS).record(took.as_secs_f64());
}
