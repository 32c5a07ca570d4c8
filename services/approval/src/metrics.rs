//! Metrics of the approval role.

use metrics::describe_counter;

/// Gates asked.
pub const ASKED: &str = "paramedic_approval_asked_total";
/// Answers counted, by answer and channel.
pub const DECISIONS: &str = "paramedic_approval_decisions_total";
/// Answers refused, by reason.
pub const REFUSALS: &str = "paramedic_approval_refusals_total";
/// Questions that nobody answered in time.
pub const EXPIRED: &str = "paramedic_approval_expired_total";

/// Times that the next people were asked.
pub const ESCALATED: &str = "paramedic_approval_escalated_total";
/// Reminders.
pub const REMINDED: &str = "paramedic_approval_reminded_total";
/// Attempts to decide by somebody who did not prove who they are, by what they came with.
pub const FORGED: &str = "paramedic_approval_forged_total";

/// Names and help texts, once per process.
pub fn describe() {
    describe_counter!(ASKED, "approval gates that asked people");
    describe_counter!(DECISIONS, "decisions that were counted, by answer and channel");
    describe_counter!(REFUSALS, "decisions that were refused, by reason");
    describe_counter!(EXPIRED, "approval gates that expired without an answer");
    describe_counter!(ESCALATED, "times that the next people were asked about an approval gate");
    describe_counter!(REMINDED, "reminders of approval gates");
    describe_counter!(
        FORGED,
        "attempts to decide by somebody who did not prove who they are, by what they came with"
    );
}
