//! Which alerts each group has: what vanishes from a group that was sent whole has ended.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use paramedic_correlation::correlator::key;
use paramedic_domain::alert::{Alert, AlertStatus, Notification};

use super::change::Source;

/// What is known of one alert.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// The group that said so last.
    group: u128,
    /// As its sender has it.
    starts_at: Timestamp,
    /// The start before that.
    before: Option<Timestamp>,
    /// Its start in its incident, where that is another one: it went on firing after its incident was resolved.
    counted_from: Option<Timestamp>,
    firing: bool,
    /// Sequence of the message that brought it.
    sequence: u64,
}

/// Every alert that is firing or ended lately.
#[derive(Debug, Default)]
pub(super) struct Presence {
    alerts: HashMap<u128, Seen>,
    groups: HashMap<u128, Group>,
}

/// A group of which alerts fire.
#[derive(Debug, Default)]
struct Group {
    /// By fingerprint.
    firing: BTreeMap<Box<str>, u128>,
    /// When the newest notification of it was received.
    said: Timestamp,
}

/// Whose notification it is, and whether a newer one of its group was read before: what one gateway kept in its spool comes after what
/// others took meanwhile.
#[derive(Debug, Clone, Copy)]
pub(super) struct Speaker {
    group: u128,
    received_at: Timestamp,
    late: bool,
}

impl Presence {
    /// Whose a notification is.
    pub(super) fn speaker(&self, notification: &Notification) -> Speaker {
        let group = key(&format!("{}\n{}", notification.source, notification.group_key));
        let received_at = notification.received_at;
        let late = self.groups.get(&group).is_some_and(|known| received_at < known.said);
        Speaker { group, received_at, late }
    }

    /// Alerts that a notification of their group no longer lists, as resolved at `now`. What is late says nothing about alerts that it
    /// cannot know.
    pub(super) fn vanished(&self, speaker: Speaker, notification: &Notification, now: Timestamp) -> Vec<Alert> {
        if !notification.whole_group || speaker.late {
            return Vec::new();
        }
        let Some(group) = self.groups.get(&speaker.group) else {
            return Vec::new();
        };
        let mut missing = group
            .firing
            .iter()
            .filter(|(fingerprint, _)| notification.covers(fingerprint))
            .peekable();
        if missing.peek().is_none() {
            return Vec::new();
        }
        let listed: std::collections::HashSet<&str> = notification.alerts.iter().map(|alert| alert.fingerprint.as_str()).collect();
        missing
            .filter(|(fingerprint, _)| !listed.contains(&***fingerprint))
            .filter_map(|(fingerprint, key)| {
                let seen = self.alerts.get(key)?;
                Some(Alert {
                    fingerprint: fingerprint.to_string(),
                    status: AlertStatus::Resolved,
                    labels: BTreeMap::new(),
                    annotations: BTreeMap::new(),
                    starts_at: seen.starts_at,
                    ends_at: Some(now),
                    generator_url: String::new(),
                    group_key: notification.group_key.clone(),
                })
            })
            .collect()
    }

    /// Remembers what a notification says about an alert. The alert as its incident shall see it: with the start that counts.
    pub(super) fn seen(&mut self, speaker: Speaker, alert: &Alert, sequence: u64) -> Alert {
        let (group, own) = (speaker.group, key(&alert.fingerprint));
        let known = self.alerts.get(&own).copied();
        let firing = alert.status == AlertStatus::Firing;
        let mut counted = alert.clone();
        let next = match known {
            None => Seen {
                group,
                starts_at: alert.starts_at,
                before: None,
                counted_from: None,
                firing,
                sequence,
            },
            Some(known) if alert.starts_at > known.starts_at => Seen {
                group,
                starts_at: alert.starts_at,
                before: Some(known.starts_at),
                counted_from: None,
                firing,
                sequence,
            },
            Some(known) if alert.starts_at == known.starts_at => Seen {
                group,
                // What ended does not begin again with the same start: such a message is late.
                firing: firing && known.firing,
                sequence: if firing { sequence } else { known.sequence },
                ..known
            },
            // A resolution whose own firing nobody saw (a person ended the alert by hand, with times of their own) ends the one that is known.
            Some(known) if !firing && known.before != Some(alert.starts_at) && !speaker.late => {
                counted.starts_at = known.starts_at;
                Seen { firing: false, ..known }
            }
            Some(known) => known,
        };
        if counted.starts_at == next.starts_at {
            counted.starts_at = next.counted_from.unwrap_or(next.starts_at);
        }
        if let Some(known) = known.filter(|known| known.firing && (known.group != next.group || !next.firing)) {
            self.leave(known.group, &alert.fingerprint);
        }
        if next.firing {
            let group = self.groups.entry(next.group).or_default();
            if !group.firing.contains_key(&*alert.fingerprint) {
                group.firing.insert(alert.fingerprint.as_str().into(), own);
            }
            if next.group == speaker.group {
                group.said = group.said.max(speaker.received_at);
            }
        }
        self.alerts.insert(own, next);
        counted
    }

    /// Where the stream has an alert, if it fires.
    pub(super) fn source(&self, fingerprint: &str) -> Option<Source> {
        let seen = self.alerts.get(&key(fingerprint)).filter(|seen| seen.firing)?;
        Some(Source {
            fingerprint: fingerprint.to_owned(),
            starts_at: seen.counted_from.unwrap_or(seen.starts_at),
            sequence: seen.sequence,
        })
    }

    /// From now on the alert counts as having begun at `from`.
    pub(super) fn count_from(&mut self, fingerprint: &str, from: Timestamp) {
        if let Some(seen) = self.alerts.get_mut(&key(fingerprint)) {
            seen.counted_from = Some(from);
        }
    }

    /// Forgets alerts that ended and of which nothing can come any more.
    pub(super) fn forget(&mut self, needed: impl Fn(u128) -> bool) {
        self.alerts.retain(|own, seen| seen.firing || needed(*own));
    }

    fn leave(&mut self, group: u128, fingerprint: &str) {
        if let Some(members) = self.groups.get_mut(&group) {
            members.firing.remove(fingerprint);
            if members.firing.is_empty() {
                self.groups.remove(&group);
            }
        }
    }
}
