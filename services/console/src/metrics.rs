//! Metrics of the console.

use metrics::{counter, describe_counter};

const SKIPPED: &str = "paramedic_console_skipped_events_total";

/// Describes every metric of this crate.
pub fn describe() {
    describe_counter!(
        SKIPPED,
        "stored events that could not be read or did not continue their incident's log"
    );
}

pub(crate) fn skipped() {
    counter!(SKIPPED).increment(1);
}
