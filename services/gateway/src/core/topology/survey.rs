//! The watch over a cluster: what comes in, and when a snapshot goes out.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use paramedic_correlation::topology::{Entity, Rule};
use paramedic_domain::digest::Digest;

use super::{
    build::build,
    inventory::Inventory,
    kind::Kind,
    measured::{Call, Measured},
    record::Record,
    snapshot::Snapshot,
};

/// A measured call is remembered this long after it was last seen: some are made once a day.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);
/// Kinds that a cluster may do without are waited for this long: a broken conversion of one must not hold up all others.
const OPTIONAL_WAIT: Duration = Duration::from_secs(60);

/// What is listed and watched together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// Of this kind,
    pub kind: Kind,
    /// in this namespace; `None`: in all of them, or outside of them.
    pub namespace: Option<String>,
}

/// What a watch says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// These are all of a scope.
    Listed(Scope, Vec<Record>),
    /// One is new or changed.
    Put(Box<Record>),
    /// One is gone, or no longer matters.
    Gone(Entity),
    /// A scope may not be read, or the cluster does not have the kind.
    Refused(Scope),
}

/// What Prometheus answered; `None` where it did not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// Calls of the last hour.
    pub calls: Option<BTreeSet<Call>>,
    /// How long rules wait.
    pub rules: Option<Vec<Rule>>,
}

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paces {
    /// Shortest time between two snapshots.
    pub debounce: Duration,
    /// Shortest time between two snapshots of the same shape.
    pub pods: Duration,
    /// Longest time until the last one is said again.
    pub restated: Duration,
}

/// What was said last, by whomever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// When.
    pub at: Timestamp,
    /// Its digest.
    pub digest: Digest,
    /// Its shape; `None` when its content is no longer there.
    pub shape: Option<Digest>,
}

/// What is to be said now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Say {
    /// This is new.
    New(Box<Snapshot>),
    /// The last one still holds.
    Again,
}

/// Everything that is known, and what is still waited for.
#[derive(Debug)]
pub struct Survey {
    paces: Paces,
    begun: Timestamp,
    inventory: Inventory,
    calls: BTreeMap<Call, Timestamp>,
    rules: Vec<Rule>,
    /// Not yet listed.
    missing: BTreeSet<Scope>,
    /// Whether Prometheus was not asked yet.
    unasked: bool,
    /// Something came in since the last look.
    changed: bool,
    /// The last look found that only pods came and went.
    held: bool,
    looked: Option<Timestamp>,
    said: Option<Said>,
}

impl Survey {
    /// Begins with nothing but what was `said` last, and measured then.
    #[must_use]
    pub fn new(
        paces: Paces,
        begun: Timestamp,
        scopes: impl IntoIterator<Item = Scope>,
        asks: bool,
        said: Option<Said>,
        before: Measured,
    ) -> Self {
        let (calls, rules) = if asks { (before.calls, before.rules) } else { Default::default() };
        Self {
            paces,
            begun,
            inventory: Inventory::default(),
            calls: calls.into_iter().map(|call| (call, begun)).collect(),
            rules,
            missing: scopes.into_iter().collect(),
            unasked: asks,
            changed: true,
            held: false,
            looked: None,
            said,
        }
    }

    /// Takes what a watch says. What may not be read any more stays as it was: nothing changes because a look failed.
    pub fn take(&mut self, change: Change) {
        let changed = match change {
            Change::Listed(scope, records) => {
                self.missing.remove(&scope);
                let listed: BTreeSet<Entity> = records.iter().map(|record| record.entity.clone()).collect();
                let mut changed = self.inventory.retain(scope.kind, scope.namespace.as_deref(), &listed);
                for record in records {
                    changed |= self.inventory.put(record);
                }
                changed
            }
            Change::Put(record) => self.inventory.put(*record),
            Change::Gone(entity) => self.inventory.remove(&entity),
            Change::Refused(scope) => {
                self.missing.remove(&scope);
                false
            }
        };
        self.changed |= changed;
    }

    /// Takes what Prometheus answered.
    pub fn measure(&mut self, asked: Asked, now: Timestamp) {
        self.unasked = false;
        if let Some(calls) = asked.calls {
            let before = self.calls.len();
            self.changed |= calls.iter().any(|call| !self.calls.contains_key(call));
            self.calls.extend(calls.into_iter().map(|call| (call, now)));
            let oldest = earlier(now, REMEMBERED);
            self.calls.retain(|_, seen| *seen >= oldest);
            self.changed |= self.calls.len() < before;
        }
        if let Some(rules) = asked.rules {
            self.changed |= rules != self.rules;
            self.rules = rules;
        }
    }

    /// When to look whether something has to be said; `None`: not before something comes in.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        let restate = self.said.as_ref().map(|said| later(said.at, self.paces.restated));
        let look = self.ready_from().and_then(|ready| {
            let next = |wait| self.said.as_ref().map(|said| later(said.at, wait));
            let pause = self.looked.map(|looked| later(looked, self.paces.debounce));
            if self.changed {
                next(self.paces.debounce).into_iter().chain(pause).chain([ready]).max()
            } else if self.held {
                next(self.paces.pods)
            } else {
                None
            }
        });
        look.into_iter().chain(restate).min()
    }

    /// Since when everything is there that is waited for; in the future while only kinds are missing that a cluster may do without.
    fn ready_from(&self) -> Option<Timestamp> {
        if self.unasked || self.missing.iter().any(|scope| !scope.kind.resource().optional) {
            return None;
        }
        Some(if self.missing.is_empty() {
            self.begun
        } else {
            later(self.begun, OPTIONAL_WAIT)
        })
    }

    /// Looks whether something has to be said.
    pub fn look(&mut self, now: Timestamp) -> Option<Say> {
        let is_ready = self.ready_from().is_some_and(|ready| ready <= now);
        if is_ready && (self.changed || self.held) {
            self.looked = Some(now);
            (self.changed, self.held) = (false, false);
            let measured = Measured {
                calls: self.calls.keys().cloned().collect(),
                rules: self.rules.clone(),
            };
            let snapshot = build(&self.inventory, &measured);
            let Some(said) = &self.said else {
                return Some(Say::New(Box::new(snapshot)));
            };
            if said.digest != snapshot.digest() {
                if said.shape != Some(snapshot.shape()) || later(said.at, self.paces.pods) <= now {
                    return Some(Say::New(Box::new(snapshot)));
                }
                self.held = true;
            }
        }
        let said = self.said.as_ref()?;
        (later(said.at, self.paces.restated) <= now).then_some(Say::Again)
    }

    /// Learns what was said: by this one, or by another as it turned out.
    pub fn said(&mut self, said: Option<Said>) {
        self.said = said;
    }

    /// What was to be said could not be: it is looked at again.
    pub fn failed(&mut self, now: Timestamp) {
        self.looked = Some(now);
        self.changed = true;
    }

    /// How many objects of a kind are known.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        self.inventory.count(kind)
    }
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    time.saturating_add(by).unwrap_or(Timestamp::MAX)
}

fn earlier(time: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    time.saturating_sub(by).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests;
