//! Kubernetes warning events as alerts: many events about the pods of one workload are one alert, which fires once there were enough
//! of them in a while and ends when none comes any longer.

mod identity;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::alert::{Alert, AlertStatus};

use self::identity::labels;
use super::{identity as fingerprints, problems};

/// Alerts followed at once: beyond it events of further ones are passed over and counted.
pub const MAX_FOLLOWED: usize = 10_000;
/// Objects named in an alert.
const MAX_NAMED: usize = 5;
/// Longest message of an event that is kept, characters.
const MAX_MESSAGE: usize = 1000;
/// An alert that still fires is told again after this long: its incident may be over meanwhile.
const REPEATED: SignedDuration = SignedDuration::from_mins(30);

/// A warning event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The event's own UID.
    pub uid: String,
    /// `BackOff`, ...
    pub reason: String,
    /// For people.
    pub message: String,
    /// Kind of the object that it is about.
    pub kind: String,
    /// Its namespace; `""`: none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How often it happened.
    pub count: u32,
    /// When it happened first.
    pub first: Timestamp,
    /// When it happened last.
    pub last: Timestamp,
}

/// When events become an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// So many of them ...
    pub occurrences: u32,
    /// ... within this time.
    pub within: Duration,
    /// It ends after this long without another one.
    pub quiet: Duration,
    /// Reasons of which one event is enough.
    pub at_once: BTreeSet<String>,
    /// Reasons that mean nothing.
    pub ignored: BTreeSet<String>,
}

/// Everything that is followed.
#[derive(Debug)]
pub struct Warnings {
    settings: Settings,
    /// By fingerprint.
    followed: BTreeMap<String, Followed>,
    /// How often each event happened when it was seen last, and whose it is.
    counts: BTreeMap<String, (u32, String)>,
    passed_over: u64,
}

#[derive(Debug)]
struct Followed {
    labels: BTreeMap<String, String>,
    /// When, and how often at that time.
    recent: VecDeque<(Timestamp, u32)>,
    last: Timestamp,
    message: String,
    /// Objects that it happened to.
    objects: BTreeSet<String>,
    /// The alert as it was told, and when.
    told: Option<(Alert, Timestamp)>,
}

impl Warnings {
    /// Nothing is followed yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            followed: BTreeMap::new(),
            counts: BTreeMap::new(),
            passed_over: 0,
        }
    }

    /// Goes on with alerts that a predecessor told of.
    pub fn restore(&mut self, firing: Vec<Alert>, now: Timestamp) {
        for alert in firing {
            let followed = Followed {
                labels: alert.labels.clone(),
                recent: VecDeque::new(),
                last: now,
                message: alert.annotations.get("summary").cloned().unwrap_or_default(),
                objects: BTreeSet::new(),
                told: Some((alert.clone(), now)),
            };
            self.followed.insert(alert.fingerprint, followed);
        }
    }

    /// Takes an event that happened (again), or, when it was `listed`, one that had happened before anybody watched. The alert that
    /// fires now, if one begins to.
    pub fn see(&mut self, warning: &Warning, listed: bool, now: Timestamp) -> Option<Alert> {
        if self.settings.ignored.contains(&warning.reason) {
            return None;
        }
        let known = self.counts.get(&warning.uid).map(|(count, _)| *count);
        let (at, times) = match known {
            Some(known) => (now, warning.count.saturating_sub(known)),
            // The clock of the cluster may be another one: what happens while somebody watches happens now.
            None if !listed => (now, 1),
            None => (warning.last.min(now), self.lately(warning)),
        };
        let labels = labels(&warning.reason, &warning.kind, &warning.namespace, &warning.name);
        let fingerprint = fingerprints::fingerprint(&labels);
        if times == 0 || (!self.followed.contains_key(&fingerprint) && self.followed.len() >= MAX_FOLLOWED) {
            self.passed_over += u64::from(times > 0);
            return None;
        }
        self.counts.insert(warning.uid.clone(), (warning.count, fingerprint.clone()));
        let followed = self.followed.entry(fingerprint.clone()).or_insert_with(|| Followed {
            labels,
            recent: VecDeque::new(),
            last: at,
            message: String::new(),
            objects: BTreeSet::new(),
            told: None,
        });
        followed.last = followed.last.max(at);
        followed.message = problems::cut(&warning.message, MAX_MESSAGE);
        if followed.objects.len() < MAX_NAMED {
            followed.objects.insert(format!("{}/{}", warning.kind, warning.name));
        }
        followed.recent.push_back((at, times));
        followed.forget(now, self.settings.within);
        let needed = if self.settings.at_once.contains(&warning.reason) {
            1
        } else {
            self.settings.occurrences
        };
        let happened: u32 = followed.recent.iter().fold(0, |sum, (_, times)| sum.saturating_add(*times));
        let is_stale = now.duration_since(followed.last) >= signed(self.settings.quiet);
        (followed.told.is_none() && happened >= needed && !is_stale).then(|| followed.fire(&fingerprint, now))
    }

    /// Forgets an event that the cluster forgot.
    pub fn gone(&mut self, uid: &str) {
        self.counts.remove(uid);
    }

    /// Alerts that ended, and those that are to be told again.
    pub fn look(&mut self, now: Timestamp) -> Vec<Alert> {
        let quiet = signed(self.settings.quiet);
        let mut told = Vec::new();
        for (fingerprint, followed) in &mut self.followed {
            let is_over = now.duration_since(followed.last) >= quiet;
            match &followed.told {
                Some((alert, _)) if is_over => told.push(Alert {
                    status: AlertStatus::Resolved,
                    ends_at: Some(followed.last.max(alert.starts_at)),
                    ..alert.clone()
                }),
                Some((_, at)) if now.duration_since(*at) >= REPEATED => told.push(followed.fire(fingerprint, now)),
                Some(_) | None => {}
            }
        }
        self.followed.retain(|_, followed| now.duration_since(followed.last) < quiet);
        let followed = &self.followed;
        self.counts.retain(|_, (_, fingerprint)| followed.contains_key(fingerprint));
        told
    }

    /// When to look next, at the latest.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        let due = |followed: &Followed| {
            let over = later(followed.last, signed(self.settings.quiet));
            let again = followed.told.as_ref().map(|(_, at)| later(*at, REPEATED));
            again.map_or(over, |again| over.min(again))
        };
        self.followed.values().map(due).min()
    }

    /// Alerts that fire.
    #[must_use]
    pub fn firing(&self) -> usize {
        self.followed.values().filter(|followed| followed.told.is_some()).count()
    }

    /// Events that were passed over since the last question because too many alerts are followed.
    pub fn passed_over(&mut self) -> u64 {
        std::mem::take(&mut self.passed_over)
    }

    /// How often an event happened within the time that counts, as far as its count and times tell.
    fn lately(&self, warning: &Warning) -> u32 {
        let all = warning.last.duration_since(warning.first).as_secs_f64();
        let counted = self.settings.within.as_secs_f64();
        if all <= counted {
            return warning.count.max(1);
        }
        // Evenly spread; at least the last one is of that time.
        (f64::from(warning.count) * counted / all).max(1.0) as u32
    }
}

impl Followed {
    fn forget(&mut self, now: Timestamp, within: Duration) {
        while self.recent.front().is_some_and(|(at, _)| now.duration_since(*at) > signed(within)) {
            self.recent.pop_front();
        }
    }

    /// The alert, as it is told at `now`.
    fn fire(&mut self, fingerprint: &str, now: Timestamp) -> Alert {
        let first = self.recent.front().map_or(self.last, |(at, _)| *at);
        let starts_at = self.told.as_ref().map_or(first, |(alert, _)| alert.starts_at);
        let objects = self.objects.iter().cloned().collect::<Vec<_>>().join(", ");
        let alert = Alert {
            fingerprint: fingerprint.to_owned(),
            status: AlertStatus::Firing,
            labels: self.labels.clone(),
            annotations: [("summary".to_owned(), self.message.clone()), ("objects".to_owned(), objects)].into(),
            starts_at,
            ends_at: None,
            generator_url: String::new(),
            group_key: fingerprints::group_key(&self.labels),
        };
        self.told = Some((alert.clone(), now));
        alert
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
