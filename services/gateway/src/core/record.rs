//! The events that an incident's log lacks for what the correlator decided.
//!
//! Decisions carry their position in the stream, and an incident remembers how far its correlation has come: whatever is decided again,
//! by a replica that took over, or by one that does not know yet that it was replaced, is written once.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{
    alert::{Alert, AlertStatus, Severity},
    correlation::{Position, Ranking},
    event::Event,
    id::IncidentId,
    incident::{Incident, Status},
};

use super::{
    gate::Keepers,
    notification::weight,
    title::{headline, line, title},
    triage::{self, Assessment},
};

/// So many alerts within [`STORM_WITHIN`] are a storm: more than anybody reads one by one.
const STORM: usize = 10;
const STORM_WITHIN: SignedDuration = SignedDuration::from_mins(5);

/// Something to be written to an incident's log.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// How far into the stream it reaches.
    pub position: Position,
    /// What.
    pub what: What,
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// Alerts join. The first ones open the incident.
    Join(Vec<Joiner>),
    /// An alert ended.
    Resolve {
        /// Which.
        fingerprint: String,
        /// When.
        at: Timestamp,
    },
    /// Alerts leave.
    Detach {
        /// Which.
        fingerprints: Vec<String>,
        /// Where to.
        into: Option<IncidentId>,
        /// Why.
        reason: String,
    },
    /// It continues as another.
    Merge {
        /// The other.
        into: IncidentId,
        /// Why.
        reason: String,
    },
    /// What its alerts point to.
    Rank(Ranking),
    /// What is kept quiet at a time.
    Keep(Arc<Keepers>, Timestamp),
}

/// An alert that joins.
#[derive(Debug, Clone, PartialEq)]
pub struct Joiner {
    /// It.
    pub alert: Alert,
    /// Why it belongs there.
    pub reason: String,
    /// How urgent it is.
    pub urgency: Assessment,
}

/// The events that are missing for these entries, in order.
#[must_use]
pub fn missing(incident: &Incident, entries: &[Entry], traceparent: Option<&str>, now: Timestamp) -> Vec<Event> {
    let mut writer = Writer {
        after: incident.clone(),
        events: Vec::new(),
        joining: Joining::default(),
        traceparent,
        now,
    };
    for entry in entries.iter().filter(|entry| entry.position > incident.position) {
        writer.write(entry);
    }
    writer.flush();
    writer.triage(entries);
    writer.declare_storm();
    writer.events
}

/// Whether nothing can join any more. Where a person took over, what still belongs to it does.
#[must_use]
pub fn closed(incident: &Incident) -> bool {
    incident.end.as_ref().is_some_and(|end| end.status != Status::Escalated)
}

/// Most bytes of alerts in one event: a message of the bus has at most a megabyte.
const MAX_EVENT_BYTES: usize = 512 << 10;
/// Most alerts that leave in one event: fingerprints have up to 64 bytes.
const MAX_LEAVING: usize = 5_000;
/// Longest reason, in characters. It names what labels name, which may be anything.
const MAX_REASON: usize = 1_000;

/// Alerts that are written together.
#[derive(Default)]
struct Joining {
    alerts: Vec<Alert>,
    reasons: Vec<String>,
    bytes: usize,
    /// The greatest of them.
    severity: Option<Severity>,
    position: Position,
}

struct Writer<'a> {
    after: Incident,
    events: Vec<Event>,
    joining: Joining,
    traceparent: Option<&'a str>,
    now: Timestamp,
}

impl Writer<'_> {
    fn write(&mut self, entry: &Entry) {
        if !matches!(entry.what, What::Join(_)) {
            self.flush();
        }
        match &entry.what {
            What::Join(alerts) => {
                if !closed(&self.after) {
                    for joiner in alerts {
                        self.join(joiner);
                    }
                    self.joining.position = entry.position;
                }
            }
            What::Resolve { fingerprint, at } => {
                let known = self
                    .after
                    .alerts
                    .get(fingerprint)
                    .filter(|known| known.status == AlertStatus::Firing);
                if let Some(known) = known {
                    let at = if *at >= known.starts_at { *at } else { self.now };
                    self.push(Event::AlertsResolved {
                        fingerprints: vec![fingerprint.clone()],
                        at,
                    });
                }
            }
            What::Detach {
                fingerprints,
                into,
                reason,
            } => self.detach(fingerprints, into.as_ref(), reason, entry.position),
            What::Merge { into, reason } => {
                if self.after.opened_at.is_some() && self.after.end.is_none() {
                    self.push(Event::IncidentMerged {
                        into: into.clone(),
                        reason: reason.clone(),
                    });
                }
            }
            What::Keep(keepers, at) => {
                for event in keepers.review(&self.after, entry.position, *at) {
                    self.push(event);
                }
            }
            What::Rank(ranking) => {
                let news = self.after.ranking.as_ref() != Some(ranking);
                if news && self.after.opened_at.is_some() && self.after.end.is_none() {
                    self.push(Event::RootsRanked {
                        title: headline(&self.after, ranking),
                        ranking: ranking.clone(),
                        position: entry.position,
                    });
                }
            }
        }
    }

    fn join(&mut self, joiner: &Joiner) {
        let Joiner { alert, reason, urgency } = joiner;
        let bytes = weight(alert) + alert.group_key.len() + reason.len().min(4 * MAX_REASON);
        if self.joining.bytes + bytes > MAX_EVENT_BYTES {
            // Its position is that of the last entry that is in it as a whole: what is cut here is looked at again after a crash.
            self.flush();
        }
        let Joining {
            alerts,
            reasons,
            severity,
            bytes: total,
            ..
        } = &mut self.joining;
        // A new start of an alert that is about to join takes its place.
        if let Some(index) = alerts.iter().position(|other| other.fingerprint == alert.fingerprint) {
            if alerts[index].starts_at < alert.starts_at {
                self.flush();
                self.join(joiner);
            }
            return;
        }
        let known = self.after.alerts.get(&alert.fingerprint);
        if known.is_none_or(|known| known.starts_at < alert.starts_at) {
            *severity = (*severity).max(Some(urgency.severity));
            *total += bytes;
            alerts.push(alert.clone());
            reasons.push(match known {
                Some(_) => "it fires again".to_owned(),
                None => line(reason, MAX_REASON),
            });
        }
    }

    fn detach(&mut self, fingerprints: &[String], into: Option<&IncidentId>, reason: &str, position: Position) {
        let leaving: Vec<String> = fingerprints
            .iter()
            .filter(|fingerprint| self.after.alerts.contains_key(*fingerprint))
            .cloned()
            .collect();
        let reason = &line(reason, MAX_REASON);
        let open = self.after.opened_at.is_some() && self.after.end.is_none();
        let ends = open && leaving.len() == self.after.alerts.len();
        let parts = leaving.chunks(MAX_LEAVING);
        let last = parts.len().saturating_sub(1);
        for (number, part) in parts.enumerate() {
            self.push(Event::AlertsDetached {
                fingerprints: part.to_vec(),
                into: into.cloned(),
                reason: reason.clone(),
                // It is done when all of it is written: a crash may come in between.
                position: if number == last && !ends { position } else { self.after.position },
            });
        }
        if ends {
            self.push(match into {
                Some(into) => Event::IncidentMerged {
                    into: into.clone(),
                    reason: reason.clone(),
                },
                None => Event::IncidentResolved {
                    reason: format!("none of its alerts belongs to an incident: {reason}"),
                },
            });
        }
    }

    fn flush(&mut self) {
        let Joining {
            alerts,
            reasons,
            severity,
            position,
            bytes: _,
        } = std::mem::take(&mut self.joining);
        let Some(first) = alerts.first() else { return };
        let event = if self.after.opened_at.is_none() {
            Event::IncidentOpened {
                title: title(first),
                severity: severity.unwrap_or_else(|| first.severity()),
                traceparent: self.traceparent.map(str::to_owned),
                request: None,
                alerts,
            }
        } else {
            let one = reasons.iter().all(|reason| *reason == reasons[0]);
            Event::AlertsCorrelated {
                reason: match one {
                    true => reasons[0].clone(),
                    false => format!("{}; each of the others has a reason of its own", reasons[0]),
                },
                reasons: if one { Vec::new() } else { reasons },
                position: Some(position),
                alerts,
            }
        };
        self.push(event);
    }

    /// Entries that are written already are looked at too: a crash may have come between them and this.
    fn triage(&mut self, entries: &[Entry]) {
        let joiners = entries.iter().flat_map(|entry| match &entry.what {
            What::Join(joiners) => joiners.as_slice(),
            What::Resolve { .. } | What::Detach { .. } | What::Merge { .. } | What::Rank(_) | What::Keep(..) => &[],
        });
        let members = joiners.filter(|joiner| self.after.alerts.contains_key(&joiner.alert.fingerprint));
        let urgencies: Vec<&Assessment> = members.map(|joiner| &joiner.urgency).collect();
        if let Some(event) = triage::decide(&self.after, urgencies) {
            self.push(event);
        }
    }

    fn declare_storm(&mut self) {
        let incident = &self.after;
        if self.events.is_empty() || incident.storm.is_some() || incident.end.is_some() {
            return;
        }
        let lately = |at: Timestamp| self.now.duration_since(at) <= STORM_WITHIN;
        let recent = incident.members.values().filter(|member| lately(member.joined_at)).count();
        if recent >= STORM {
            let alerts = u32::try_from(incident.alerts.len()).unwrap_or(u32::MAX);
            self.push(Event::StormDeclared {
                alerts,
                reason: format!("{recent} alerts joined within {} minutes", STORM_WITHIN.as_mins()),
            });
        }
    }

    fn push(&mut self, event: Event) {
        self.after.follow(&event, self.now, None);
        self.events.push(event);
    }
}

#[cfg(test)]
mod tests;
