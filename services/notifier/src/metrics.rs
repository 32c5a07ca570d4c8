//! Metrics of the notifier role.

use metrics::{describe_counter, describe_histogram};

/// Messages that arrived at their provider, by channel.
pub const SENT: &str = "paramedic_notifications_sent_total";
/// Tries that failed, by channel and whether another follows.
pub const FAILED: &str = "paramedic_notifications_failed_total";
/// Time from event to delivery.
pub const DELAY: &str = "paramedic_notification_delay_seconds";

/// Names and help texts, once per process.
pub fn describe() {
    describe_counter!(SENT, "messages that their provider accepted, by channel");
    describe_counter!(
        FAILED,
        "tries to deliver a message that failed, by channel and outcome (retry, given_up)"
    );
    describe_histogram!(
        DELAY,
        metrics::Unit::Seconds,
        "time from an event to the delivery of its message, by channel"
    );
}
