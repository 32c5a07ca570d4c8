//! What a pager does about an incident: it rings while a person is needed, and is silent otherwise. What only informs goes to the
//! channels that people read.

use super::message::Message;

/// What to do with an incident's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// A person is needed: ring, or say more on the page that rings.
    Ring,
    /// Somebody looks at it: stop ringing.
    Acknowledge,
    /// Nobody is needed any more.
    Close,
}

/// The kinds of events that a pager is told about.
pub const KINDS: [&str; 14] = [
    "analysis_inconclusive",
    "plan_refused",
    "approval_requested",
    "approval_reminded",
    "approval_escalated",
    "approval_acknowledged",
    "approval_granted",
    "approval_denied",
    "rollback_asked",
    "rollback_decided",
    "step_expiry_failed",
    "incident_escalated",
    "incident_resolved",
    "incident_cancelled",
];

/// What a message of these kinds means for the page; what is sent to try the pager rings.
#[must_use]
pub fn page(message: &Message) -> Page {
    match message.kind {
        "approval_acknowledged" | "rollback_decided" => Page::Acknowledge,
        // whoever answered looks at it; where others must approve too, they are still needed
        "approval_granted" | "approval_denied" if message.settles.is_some() => Page::Acknowledge,
        "incident_resolved" | "incident_cancelled" => Page::Close,
        _ => Page::Ring,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        compose, fixture,
        story::{self, Story},
    };

    #[test]
    fn a_page_rings_for_a_question_and_is_closed_at_the_end() {
        let log = fixture::whole();
        let pages: Vec<(&str, Page)> = log
            .recorded
            .iter()
            .filter_map(|one| compose::message(&Story::at(&log.recorded, one.envelope.seq).ok()??))
            .filter(|message| KINDS.contains(&message.kind))
            .map(|message| (message.kind, page(&message)))
            .collect();
        assert_eq!(
            pages,
            [
                ("approval_requested", Page::Ring),
                ("approval_granted", Page::Acknowledge),
                ("incident_resolved", Page::Close)
            ]
        );
        assert!(
            KINDS.iter().all(|kind| story::KINDS.contains(kind)),
            "a pager waits for what nobody is told"
        );
    }
}
