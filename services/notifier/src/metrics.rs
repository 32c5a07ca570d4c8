//! Metrics of the notifier role.

use metrics::{describe_counter, describe_gauge, describe_histogram};

/// Messages that arrived at their provider, by channel.
pub const SENT: &str = "paramedic_notifications_sent_total";
/// Tries that failed, by channel and whether another follows.
pub const FAILED: &str = "paramedic_notifications_failed_total";
/// 1 while a channel's messages wait because its provider does not answer.
pub const OPEN: &str = "paramedic_notification_channel_open";
/// Time from event to delivery.
pub const DELAY: &str = "paramedic_notification_delay_seconds";

/// Names and help texts, once per process.
pub fn describe() {
    describe_counter!(SENT, "messages that their provider accepted, by channel");
    describe_counter!(
        FAILED,
        "tries to deliver a message that failed, by channel and outcome (retry, given_up)"
    );
    describe_gauge!(OPEN, "1 while the messages of a channel wait because its provider does not answer");
    describe_histogram!(
        DELAY,
        metrics::Unit::Seconds,
        "time from an event to the delivery of its message, by channel"
    );
}
