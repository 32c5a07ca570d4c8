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
    /// Fingerprints of the alerts that fire, by group.
    groups: HashMap<u128, BTreeMap<Box<str>, u128>>,
}

impl Presence {
    /// Alerts that a notification of their group no longer lists, as resolved at `now`.
    pub(super) fn vanished(&self, notification: &Notification, now: Timestamp) -> Vec<Alert> {
        if !notification.whole_group {
            return Vec::new();
        }
        let Some(group) = self.groups.get(&group_of(notification)) else {
            return Vec::new();
        };
        let mut missing = group.iter().filter(|(fingerprint, _)| notification.covers(fingerprint)).peekable();
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
    pub(super) fn seen(&mut self, notification: &Notification, alert: &Alert, sequence: u64) -> Alert {
        let (group, own) = (group_of(notification), key(&alert.fingerprint));
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
            Some(known) if !firing && known.before != Some(alert.starts_at) => {
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
            let members = self.groups.entry(next.group).or_default();
            if !members.contains_key(&*alert.fingerprint) {
                members.insert(alert.fingerprint.as_str().into(), own);
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
            members.remove(fingerprint);
            if members.is_empty() {
                self.groups.remove(&group);
            }
        }
    }
}

fn group_of(notification: &Notification) -> u128 {
    key(&format!("{}\n{}", notification.source, notification.group_key))
}
