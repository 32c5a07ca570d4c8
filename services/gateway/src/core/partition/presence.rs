//! Which alerts fire, and in which group: what vanishes from a group that was sent whole has ended.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, HashSet},
};

use jiff::Timestamp;
use paramedic_correlation::{fingerprint::Fingerprint, moment::Moment, table::Table};
use paramedic_domain::alert::{Alert, AlertStatus, Notification};

use super::{
    change::Source,
    groups::{self, Groups},
};

/// What is known of one alert. A million of them are remembered: what is rare is kept elsewhere.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// As its sender has it.
    starts_at: Moment,
    /// Sequence of the message that brought it.
    sequence: u64,
    /// While it fires: the number of the group that said so last, and where it is among the firing alerts of it.
    group: u32,
    place: u32,
    firing: bool,
}

/// What is known of few alerts.
#[derive(Debug, Clone, Copy, Default)]
struct Past {
    /// The start before the one that counts.
    before: Option<Moment>,
    /// Its start in its incident, where that is another one: it went on firing after its incident was resolved.
    counted_from: Option<Moment>,
}

/// Every alert that is firing or ended lately.
#[derive(Debug, Default)]
pub(super) struct Presence {
    alerts: Table<Seen>,
    /// By the number of the alert.
    past: HashMap<u32, Past>,
    groups: Groups,
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
        let group = groups::key(&notification.source, &notification.group_key);
        let received_at = notification.received_at;
        let late = self.groups.get(group).is_some_and(|known| received_at < known.said);
        Speaker { group, received_at, late }
    }

    /// Alerts that a notification of their group no longer lists, as resolved at `now`. What is late says nothing about alerts that it
    /// cannot know.
    pub(super) fn vanished(&self, speaker: Speaker, notification: &Notification, now: Timestamp) -> Vec<Alert> {
        if !notification.whole_group || speaker.late {
            return Vec::new();
        }
        let Some(group) = self.groups.get(speaker.group) else {
            return Vec::new();
        };
        let number = |alert: &Alert| self.alerts.number(&Fingerprint::from(&*alert.fingerprint));
        let listed: HashSet<u32> = notification.alerts.iter().filter_map(number).collect();
        let missing = group.firing.iter().filter(|number| !listed.contains(number));
        let mut vanished: Vec<Alert> = missing
            .filter_map(|number| Some((self.alerts.fingerprint(*number)?.to_string(), self.alerts.at(*number)?)))
            .filter(|(fingerprint, _)| notification.covers(fingerprint))
            .map(|(fingerprint, seen)| Alert {
                fingerprint,
                status: AlertStatus::Resolved,
                labels: BTreeMap::new(),
                annotations: BTreeMap::new(),
                starts_at: seen.starts_at.into(),
                ends_at: Some(now),
                generator_url: String::new(),
                group_key: notification.group_key.clone(),
            })
            .collect();
        vanished.sort_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
        vanished
    }

    /// Remembers what a notification says about an alert. The alert as its incident shall see it: with the start that counts.
    pub(super) fn seen<'a>(&mut self, speaker: Speaker, alert: &'a Alert, sequence: u64) -> Cow<'a, Alert> {
        let own = Fingerprint::from(&*alert.fingerprint);
        let number = self.alerts.number(&own);
        let known = number.and_then(|number| self.alerts.at(number)).copied();
        let mut past = number.and_then(|number| self.past.get(&number)).copied().unwrap_or_default();
        let firing = alert.status == AlertStatus::Firing;
        let mut starts_at = Moment::from(alert.starts_at);
        let fresh = Seen {
            starts_at,
            sequence,
            group: 0,
            place: 0,
            firing,
        };
        // Whether it is this sender's group that says what is known then.
        let (mut next, says) = match known {
            None => (fresh, true),
            Some(known) if starts_at > known.starts_at => {
                past = Past {
                    before: Some(known.starts_at),
                    counted_from: None,
                };
                (fresh, true)
            }
            Some(known) if starts_at == known.starts_at => {
                let same = Seen {
                    // What ended does not begin again with the same start: such a message is late.
                    firing: firing && known.firing,
                    sequence: if firing { sequence } else { known.sequence },
                    ..known
                };
                (same, true)
            }
            // A resolution whose own firing nobody saw (a person ended the alert by hand, with times of their own) ends the one that is known.
            Some(known) if !firing && past.before != Some(starts_at) && !speaker.late => {
                starts_at = known.starts_at;
                (Seen { firing: false, ..known }, false)
            }
            Some(known) => (known, false),
        };
        if starts_at == next.starts_at {
            starts_at = past.counted_from.unwrap_or(starts_at);
        }
        let before = known.filter(|known| known.firing).map(|known| known.group);
        let stays = before.filter(|group| !says || self.groups.is(*group, speaker.group));
        if let (Some(known), true) = (known.filter(|known| known.firing), stays.is_none() || !next.firing) {
            self.leave(known.group, known.place);
        }
        let number = self.alerts.insert(&own, next);
        if next.firing {
            match stays {
                Some(group) => next.group = group,
                None => (next.group, next.place) = self.groups.join(speaker.group, number),
            }
            if let (Some(known), Some(_)) = (known, stays) {
                next.place = known.place;
            }
            self.groups.said(next.group, speaker.group, speaker.received_at);
            self.alerts.insert(&own, next);
        }
        match past.before.is_some() || past.counted_from.is_some() {
            true => self.past.insert(number, past),
            false => self.past.remove(&number),
        };
        let starts_at = Timestamp::from(starts_at);
        match starts_at == alert.starts_at {
            true => Cow::Borrowed(alert),
            false => Cow::Owned(Alert {
                starts_at,
                ..alert.clone()
            }),
        }
    }

    /// Where the stream has an alert, if it fires.
    pub(super) fn source(&self, fingerprint: &str) -> Option<Source> {
        let number = self.alerts.number(&Fingerprint::from(fingerprint))?;
        let seen = self.alerts.at(number).filter(|seen| seen.firing)?;
        Some(Source {
            fingerprint: fingerprint.to_owned(),
            starts_at: self.counts_from(number, seen).into(),
            sequence: seen.sequence,
        })
    }

    /// Since when an alert fires, as its incident has it; `None` if it does not.
    pub(super) fn fires_since(&self, fingerprint: &str) -> Option<Timestamp> {
        let number = self.alerts.number(&Fingerprint::from(fingerprint))?;
        let seen = self.alerts.at(number).filter(|seen| seen.firing)?;
        Some(self.counts_from(number, seen).into())
    }

    fn counts_from(&self, number: u32, seen: &Seen) -> Moment {
        let past = self.past.get(&number);
        past.and_then(|past| past.counted_from).unwrap_or(seen.starts_at)
    }

    /// From now on the alert counts as having begun at `from`.
    pub(super) fn count_from(&mut self, fingerprint: &str, from: Timestamp) {
        if let Some(number) = self.alerts.number(&Fingerprint::from(fingerprint)) {
            self.past.entry(number).or_default().counted_from = Some(from.into());
        }
    }

    /// Forgets alerts that ended and of which nothing can come any more.
    pub(super) fn forget(&mut self, needed: impl Fn(&Fingerprint) -> bool) {
        self.alerts.retain(|own, seen| seen.firing || needed(own));
        let alerts = &self.alerts;
        self.past.retain(|number, _| alerts.at(*number).is_some());
    }

    /// What is at this place of the group leaves it; what was last there takes its place.
    fn leave(&mut self, group: u32, place: u32) {
        if let Some(moved) = self.groups.leave(group, place).and_then(|moved| self.alerts.at_mut(moved)) {
            moved.place = place;
        }
    }
}
