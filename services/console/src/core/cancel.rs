//! Ending an incident by a person's decision.

use paramedic_domain::{event::Event, incident::Incident};

/// Longest reason that is stored, characters.
const MAX_REASON: usize = 2000;

/// The missing events: none for an incident that does not exist or has ended.
#[must_use]
pub fn decide(incident: &Incident, by: &str, reason: &str) -> Vec<Event> {
    if incident.opened_at.is_none() || incident.end.is_some() {
        return Vec::new();
    }
    vec![Event::IncidentCancelled {
        by: by.to_owned(),
        reason: reason.chars().take(MAX_REASON).collect(),
    }]
}
