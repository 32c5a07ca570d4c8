//! One cluster's alerts, in the order of the stream, become changes of incidents. The same messages lead to the same changes, on any replica
//! and after any restart: nothing is looked up, no clock is asked.

mod change;
mod groups;
mod keeping;
mod late;
mod presence;
mod ranking;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use paramedic_correlation::{
    Correlator, Settings,
    decision::{Decision, Membership, Nowhere},
};
use paramedic_domain::{
    alert::{Alert, AlertStatus, Notification},
    correlation::{Notice, Position, Stage, Told},
    id::{ClusterId, IncidentId},
};

pub use self::change::{Aside, Change, Effect, Source, Taken};
use self::{
    late::Joins,
    presence::{Presence, Speaker},
};
use super::{facts::Facts, gate::Gate, scope::Scope, topology::Snapshot};

/// How long a resolved incident is remembered: a still firing alert of it opens a new one only after the configured time.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);
/// How often what is over is forgotten.
const SWEEP: SignedDuration = SignedDuration::from_mins(10);

/// The state of one cluster's correlation.
#[derive(Debug)]
pub struct Partition {
    correlator: Correlator,
    presence: Presence,
    joins: Joins,
    /// When incidents were resolved.
    resolved: BTreeMap<IncidentId, Timestamp>,
    refire_after: SignedDuration,
    gate: Gate,
    /// What is known of namespaces and workloads.
    facts: Arc<Facts>,
    /// Time of the newest message: receivers' clocks may disagree, time here does not go back.
    now: Timestamp,
    swept: Timestamp,
}

/// What came of one message.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Changes of incidents, in this order.
    pub effects: Vec<Effect>,
    /// What became of the alerts, for metrics.
    pub words: Vec<&'static str>,
    /// Alerts that began to fire and are in no incident.
    pub aside: Vec<Aside>,
}

impl Partition {
    /// A partition that has read nothing. `refire_after`: time after an incident's resolution from which a still firing alert of it opens a new one.
    #[must_use]
    pub fn new(cluster: ClusterId, refire_after: Duration, scope: Scope) -> Self {
        Self {
            correlator: Correlator::new(cluster, Settings::default()),
            presence: Presence::default(),
            joins: Joins::default(),
            resolved: BTreeMap::new(),
            refire_after: SignedDuration::try_from(refire_after).unwrap_or(SignedDuration::MAX),
            gate: Gate::new(scope),
            facts: Arc::default(),
            now: Timestamp::UNIX_EPOCH,
            swept: Timestamp::UNIX_EPOCH,
        }
    }

    /// When a tick is due if nothing else comes; `None` while all is settled.
    #[must_use]
    pub fn tick_due(&self) -> Option<Timestamp> {
        self.correlator.settle_due().into_iter().chain(self.gate.next()).min()
    }

    /// Takes what a sender said about a group.
    pub fn notified(&mut self, notification: &Notification, sequence: u64) -> Outcome {
        self.advance(notification.received_at);
        let mut turn = Turn::new(sequence);
        self.release(&mut turn);
        let speaker = self.presence.speaker(notification);
        for vanished in self.presence.vanished(speaker, notification, self.now) {
            self.observe(speaker, &vanished, &mut turn);
        }
        for alert in &notification.alerts {
            self.observe(speaker, alert, &mut turn);
        }
        turn.outcome
    }

    /// From here on alerts are read by this snapshot of the cluster.
    pub fn surveyed(&mut self, snapshot: &Snapshot) {
        self.correlator.set_topology(&snapshot.topology);
        self.facts = Arc::new(snapshot.facts.clone());
    }

    /// Takes what it is told besides alerts.
    pub fn told(&mut self, told: &Told, sequence: u64) -> Outcome {
        self.advance(told.at);
        let mut turn = Turn::new(sequence);
        self.release(&mut turn);
        match &told.notice {
            Notice::Tick => {
                let decisions = self.correlator.settle(self.now);
                self.decisions(decisions, None, None, &mut turn);
            }
            Notice::Reached { incident, stage, position } => self.reached(incident, *stage, *position, &mut turn),
            Notice::Merged { from, into, position } => {
                let late = self.joins.after(from, *position);
                let correction = paramedic_domain::correlation::Correction::Merge {
                    from: from.clone(),
                    into: into.clone(),
                };
                // Its events are written already: only what came too late for them is missing.
                self.correlator.correct(&correction, self.now);
                let taken = late.into_iter().filter_map(|fingerprint| self.presence.source(&fingerprint));
                let alerts: Vec<Taken> = taken
                    .map(|source| Taken {
                        source,
                        reason: format!("it joined {from}, which is part of this one"),
                    })
                    .collect();
                if !alerts.is_empty() {
                    turn.add(into.clone(), Change::Take { alerts, from: None });
                }
            }
            Notice::Corrected { correction, by } => {
                let decisions = self.correlator.correct(correction, self.now);
                self.decisions(decisions, None, Some(by), &mut turn);
            }
        }
        turn.outcome
    }

    fn reached(&mut self, incident: &IncidentId, stage: Stage, position: Position, turn: &mut Turn) {
        match stage {
            Stage::WorkedOn | Stage::Escalated => self.correlator.pinned(incident),
            Stage::Resolved | Stage::Cancelled => {
                let late = self.joins.after(incident, position);
                self.correlator.ended(incident);
                if stage == Stage::Resolved {
                    self.resolved.insert(incident.clone(), self.now);
                }
                // They joined when it was over already: a new matter, which nobody would hear of otherwise.
                for fingerprint in late {
                    if let Some(source) = self.presence.source(&fingerprint) {
                        self.presence.count_from(&fingerprint, self.now);
                        turn.add(incident.clone(), Change::Again(source));
                    }
                }
            }
        }
    }

    fn observe(&mut self, speaker: Speaker, alert: &Alert, turn: &mut Turn) {
        let before = self.presence.fires_since(&alert.fingerprint);
        let mut counted = self.presence.seen(speaker, alert, turn.sequence);
        if counted.status == AlertStatus::Firing && self.outlived_its_incident(&counted) {
            self.presence.count_from(&alert.fingerprint, self.now);
            counted.to_mut().starts_at = self.now;
        }
        let goes_on = before == Some(counted.starts_at);
        if !self.passes(&counted, goes_on, turn) {
            return;
        }
        let decisions = self.correlator.observe(&counted, self.now);
        self.decisions(decisions, Some(&counted), None, turn);
        if counted.status == AlertStatus::Firing && self.presence.fires_since(&counted.fingerprint).is_none() {
            // Its end was read before it: it came late, and must not fire for ever.
            let ended = Alert {
                status: AlertStatus::Resolved,
                ends_at: Some(self.now.max(counted.starts_at)),
                ..counted.into_owned()
            };
            let decisions = self.correlator.observe(&ended, self.now);
            self.decisions(decisions, Some(&ended), None, turn);
        }
    }

    /// Whether its incident was resolved so long ago that the fix did not hold.
    fn outlived_its_incident(&self, alert: &Alert) -> bool {
        if self.resolved.is_empty() || self.presence.fires_since(&alert.fingerprint) != Some(alert.starts_at) {
            return false;
        }
        let home = self.correlator.home(&alert.fingerprint);
        let resolved = home.and_then(|home| self.resolved.get(home));
        resolved.is_some_and(|at| alert.starts_at <= *at && self.now.duration_since(*at) > self.refire_after)
    }

    /// `alert`: the one that led to the decisions, if one did; `by`: the person who did.
    fn decisions(&mut self, decisions: Vec<Decision>, alert: Option<&Alert>, by: Option<&str>, turn: &mut Turn) {
        let mut moved: BTreeMap<(Option<IncidentId>, Option<IncidentId>), Vec<Taken>> = BTreeMap::new();
        let mut last = Vec::new();
        for decision in decisions {
            turn.count(&decision);
            match decision {
                Decision::Opened { incident, .. } => {
                    if let Some(alert) = alert {
                        self.joined(&incident, &alert.fingerprint, turn);
                        turn.add(incident, Change::Open(Box::new(alert.clone())));
                    }
                }
                Decision::Joined { incident, membership, .. } => {
                    if let Some(alert) = alert {
                        self.joined(&incident, &alert.fingerprint, turn);
                        let reason = membership.reason();
                        turn.add(
                            incident,
                            Change::Join {
                                alert: Box::new(alert.clone()),
                                reason,
                            },
                        );
                    }
                }
                Decision::Resolved { incident, fingerprint, at } => turn.add(incident, Change::Resolve { fingerprint, at }),
                Decision::Merged { from, into, cause } => {
                    let reason = match (by, &cause) {
                        (Some(by), _) => format!("{by} says so"),
                        (None, Some(cause)) => format!("{cause} explains both"),
                        (None, None) => "one cause explains both".into(),
                    };
                    let absorb = Change::Absorb {
                        from: from.clone(),
                        reason: reason.clone(),
                    };
                    turn.add(into.clone(), absorb);
                    last.push((from, Change::Merge { into, reason }));
                }
                Decision::Moved {
                    from,
                    into,
                    fingerprint,
                    starts_at,
                    membership,
                } => {
                    let source = self.presence.source(&fingerprint).filter(|source| source.starts_at == starts_at);
                    // What has ended meanwhile stays where it was.
                    if let Some(source) = source {
                        let reason = why_moved(membership.as_ref(), by);
                        moved.entry((from, into)).or_default().push(Taken { source, reason });
                    }
                }
                Decision::Ranked { incident } => {
                    if let Some(ranking) = ranking::ranking(&self.correlator, &incident) {
                        last.push((incident, Change::Rank(ranking)));
                    }
                }
                Decision::Nowhere { why, .. } => turn.outcome.aside.extend(alert.and_then(|alert| left_out(alert, why))),
            }
        }
        let mut left = Vec::new();
        for ((from, into), alerts) in moved {
            if let Some(from) = &from {
                let fingerprints = alerts.iter().map(|taken| taken.source.fingerprint.clone()).collect();
                let reason = alerts.first().map(|taken| taken.reason.clone()).unwrap_or_default();
                let into = into.clone();
                left.push((
                    from.clone(),
                    Change::Detach {
                        fingerprints,
                        into,
                        reason,
                    },
                ));
            }
            if let Some(into) = into {
                for taken in &alerts {
                    self.joined(&into, &taken.source.fingerprint, turn);
                }
                turn.add(into, Change::Take { alerts, from });
            }
        }
        // An incident is left when what leaves it has arrived elsewhere, so that no alert is ever in none.
        for (incident, change) in left.into_iter().chain(last) {
            turn.add(incident, change);
        }
    }

    fn joined(&mut self, incident: &IncidentId, fingerprint: &str, turn: &Turn) {
        self.joins.add(incident, fingerprint, turn.next_position(), self.now);
    }

    fn advance(&mut self, to: Timestamp) {
        self.now = self.now.max(to);
        if self.now.duration_since(self.swept) > SWEEP {
            self.swept = self.now;
            let now = self.now;
            self.resolved.retain(|_, at| now.duration_since(*at) < REMEMBERED);
            self.joins.forget(now);
            let correlator = &self.correlator;
            self.presence.forget(|own| correlator.knows(own));
        }
    }
}

fn why_moved(membership: Option<&Membership>, by: Option<&str>) -> String {
    match (membership, by) {
        (_, Some(by)) => format!("{by} says so"),
        (Some(membership), None) => membership.reason(),
        (None, None) => "nothing else happens near it".into(),
    }
}

/// What is said of an alert that the correlator puts into no incident; nothing of what was said before.
fn left_out(alert: &Alert, why: Nowhere) -> Option<Aside> {
    match why {
        Nowhere::Constant => Some(Aside::new(alert, "it always fires")),
        Nowhere::Background => {
            Some(Aside::new(alert, "it pages nobody and no incident explains it")).filter(|_| alert.status == AlertStatus::Firing)
        }
        Nowhere::Repeated | Nowhere::Outdated | Nowhere::NeverFired => None,
    }
}

/// The effects of one message, numbered.
struct Turn {
    sequence: u64,
    outcome: Outcome,
}

impl Turn {
    fn new(sequence: u64) -> Self {
        Self {
            sequence,
            outcome: Outcome::default(),
        }
    }

    fn next_position(&self) -> Position {
        // From 1, so that the first one is beyond what an incident without correlation has.
        let index = u32::try_from(self.outcome.effects.len()).unwrap_or(u32::MAX).saturating_add(1);
        Position {
            sequence: self.sequence,
            index,
        }
    }

    fn add(&mut self, incident: IncidentId, change: Change) {
        let position = self.next_position();
        self.outcome.effects.push(Effect {
            incident,
            position,
            change,
        });
    }

    fn count(&mut self, decision: &Decision) {
        self.outcome.words.push(match decision {
            Decision::Opened { .. } => "opened",
            Decision::Joined { .. } => "joined",
            Decision::Resolved { .. } => "resolved",
            Decision::Merged { .. } => "merged",
            Decision::Moved { .. } => "moved",
            Decision::Ranked { .. } => "ranked",
            Decision::Nowhere { why, .. } => match why {
                Nowhere::Repeated => "repeated",
                Nowhere::Outdated => "outdated",
                Nowhere::NeverFired => "never_fired",
                Nowhere::Constant => "constant",
                Nowhere::Background => "background",
            },
        });
    }
}

#[cfg(test)]
mod tests;
