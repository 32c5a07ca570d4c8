//! Who joined an incident lately: what joined when it was over already has to be told to somebody.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{correlation::Position, id::IncidentId};

/// Longer than it takes until the stream says that an incident is over.
const KEPT: SignedDuration = SignedDuration::from_mins(10);
/// More alerts than can join between the end of an incident and the notice of it.
const MOST: usize = 100_000;

/// The latest joins, oldest first.
#[derive(Debug, Default)]
pub(super) struct Joins(VecDeque<Join>);

#[derive(Debug)]
struct Join {
    incident: IncidentId,
    fingerprint: Box<str>,
    position: Position,
    at: Timestamp,
}

impl Joins {
    pub(super) fn add(&mut self, incident: &IncidentId, fingerprint: &str, position: Position, at: Timestamp) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(Join {
            incident: incident.clone(),
            fingerprint: fingerprint.into(),
            position,
            at,
        });
    }

    /// Alerts that joined the incident after this position.
    pub(super) fn after(&self, incident: &IncidentId, position: Position) -> Vec<String> {
        let late = self.0.iter().filter(|join| join.incident == *incident && join.position > position);
        late.map(|join| join.fingerprint.to_string()).collect()
    }

    pub(super) fn forget(&mut self, now: Timestamp) {
        while self.0.front().is_some_and(|join| now.duration_since(join.at) > KEPT) {
            self.0.pop_front();
        }
    }
}
