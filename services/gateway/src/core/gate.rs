//! Which alerts count now: those in scope that nobody keeps quiet. What is kept quiet is remembered, and counts from the moment at
//! which nobody does any longer, if it still fires then.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use paramedic_domain::{
    alert::{Alert, AlertStatus},
    correlation::Position,
    event::Event,
    incident::{Incident, Suppressed},
    maintenance::{WindowTold, Windows},
    silence::Quiet,
};

use super::{
    facts::Facts,
    scope::{OutOfScope, Scope},
};

/// What became of an alert at the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It counts.
    Counts,
    /// It is not looked after.
    OutOfScope(OutOfScope),
    /// It is kept quiet: it opens nothing and joins nothing.
    Held(Suppressed),
    /// It ended while it was kept quiet: nobody will hear of it.
    EndedQuietly,
}

/// The state of the gate: a fold over the stream of alerts, so that a replay decides the same.
#[derive(Debug)]
pub struct Gate {
    scope: Scope,
    keepers: Arc<Keepers>,
    /// Firing alerts that are kept quiet, by fingerprint.
    held: BTreeMap<String, Alert>,
    /// When somebody begins or ceases to keep something quiet next; `None`: never, as far as is known.
    next: Option<Timestamp>,
}

/// Who keeps alerts quiet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keepers {
    windows: Windows,
    /// By source.
    quiet: BTreeMap<String, Quiet>,
}

impl Gate {
    /// A gate that keeps nothing quiet yet.
    #[must_use]
    pub fn new(scope: Scope) -> Self {
        Self {
            scope,
            keepers: Arc::default(),
            held: BTreeMap::new(),
            next: None,
        }
    }

    /// Takes what somebody said about windows. To be followed by [`Self::released`].
    pub fn window(&mut self, told: &WindowTold) {
        Arc::make_mut(&mut self.keepers).windows.apply(told);
        self.next = Some(Timestamp::MIN);
    }

    /// Takes what an Alertmanager keeps quiet. To be followed by [`Self::released`].
    pub fn quiet(&mut self, quiet: Quiet) {
        Arc::make_mut(&mut self.keepers).quiet.insert(quiet.source.clone(), quiet);
        self.next = Some(Timestamp::MIN);
    }

    /// Who keeps alerts quiet now.
    #[must_use]
    pub fn keepers(&self) -> &Arc<Keepers> {
        &self.keepers
    }

    /// What becomes of an alert that was reported at `at`. What is part of an incident already is not asked about: its news are
    /// the incident's.
    pub fn admit(&mut self, alert: &Alert, facts: &Facts, at: Timestamp) -> Admission {
        let held_before = self.held.remove(&alert.fingerprint).is_some();
        if let Some(reason) = self.scope.excludes(alert, facts) {
            return Admission::OutOfScope(reason);
        }
        match alert.status {
            AlertStatus::Resolved if held_before => Admission::EndedQuietly,
            AlertStatus::Resolved => Admission::Counts,
            AlertStatus::Firing => match self.keepers.holding(alert, at) {
                Some(by) => {
                    self.held.insert(alert.fingerprint.clone(), alert.clone());
                    Admission::Held(by)
                }
                None => Admission::Counts,
            },
        }
    }

    /// Once somebody began or ceased to keep something quiet: the alerts that nobody keeps quiet any longer, that still fire, and that
    /// count from `at` on, in the order of their fingerprints. `None`: all is as it was.
    pub fn released(&mut self, at: Timestamp) -> Option<Vec<Alert>> {
        if self.next.is_none_or(|next| at < next) {
            return None;
        }
        self.next = self.keepers.next_edge(at);
        let free = |alert: &&Alert| self.keepers.holding(alert, at).is_none();
        let names: Vec<String> = self.held.values().filter(free).map(|alert| alert.fingerprint.clone()).collect();
        Some(names.iter().filter_map(|name| self.held.remove(name)).collect())
    }

    /// When it must be looked at again although nobody said anything.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        self.next
    }

    /// Alerts that are kept quiet and still fire.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }
}

impl Keepers {
    /// The events that are missing for an open incident to say which of its alerts are kept quiet, and which no longer are.
    #[must_use]
    pub fn review(&self, incident: &Incident, position: Position, at: Timestamp) -> Vec<Event> {
        if incident.end.is_some() {
            return Vec::new();
        }
        // One event for all that one silence is about.
        let mut quieted: BTreeMap<(String, Option<Timestamp>), Vec<String>> = BTreeMap::new();
        let mut loud = Vec::new();
        for alert in incident.firing() {
            let known = incident.suppressed.get(&alert.fingerprint);
            match (self.holding(alert, at), known) {
                (Some(now), known) if known != Some(&now) => {
                    quieted.entry((now.by, now.until)).or_default().push(alert.fingerprint.clone());
                }
                (None, Some(_)) => loud.push(alert.clone()),
                (Some(_) | None, _) => {}
            }
        }
        let quieted = quieted.into_iter().map(|((by, until), fingerprints)| Event::AlertsSuppressed {
            fingerprints,
            by,
            until,
            position: Some(position),
        });
        let loud = (!loud.is_empty()).then(|| Event::AlertsCorrelated {
            alerts: loud,
            reason: "nobody keeps it quiet any longer, and it still fires".into(),
            reasons: Vec::new(),
            position: Some(position),
        });
        quieted.chain(loud).collect()
    }

    /// Why an alert is kept quiet at `at`; of several reasons the one that lasts longest.
    #[must_use]
    pub fn holding(&self, alert: &Alert, at: Timestamp) -> Option<Suppressed> {
        let silences = self.quiet.values().filter_map(|quiet| quiet.holding(alert, at));
        let all = self.windows.holding(&alert.labels, at).into_iter().chain(silences);
        // What has no known end lasts longest.
        all.max_by(|a, b| (a.until.is_none(), a.until, &b.by).cmp(&(b.until.is_none(), b.until, &a.by)))
    }

    /// The next time after `at` at which somebody begins or ceases to keep something quiet.
    fn next_edge(&self, at: Timestamp) -> Option<Timestamp> {
        let quiet = self.quiet.values().filter_map(|quiet| quiet.next_edge(at));
        self.windows.next_edge(at).into_iter().chain(quiet).min()
    }
}

#[cfg(test)]
mod tests;
