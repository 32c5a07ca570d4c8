//! What one alert changes at once.

use std::num::NonZeroU32;

use jiff::Timestamp;
use paramedic_domain::alert::{Alert, AlertStatus, Severity};

use super::{AGAIN, Correlator, Known, Recent};
use crate::{
    class::{Nature, nature},
    decision::{Decision, Membership, Nowhere},
    effect::Way,
    fingerprint::Fingerprint,
    footprint::{Mark, Observation},
    graph::Component,
    locate::locate,
    moment::Moment,
    signal::Signal,
    topology::Entity,
};

impl Correlator {
    /// Takes an alert; what it changes is added to the decisions.
    pub(super) fn take(&mut self, alert: &Alert, received: Timestamp, decisions: &mut Vec<Decision>) {
        let fingerprint = Fingerprint::from(&*alert.fingerprint);
        match alert.status {
            AlertStatus::Firing => self.fires(fingerprint, alert, received, decisions),
            AlertStatus::Resolved => self.resolves(&fingerprint, alert, received, decisions),
        }
    }

    fn fires(&mut self, key: Fingerprint, alert: &Alert, received: Timestamp, decisions: &mut Vec<Decision>) {
        let known = self.alerts.get(&key).copied();
        let starts_at = Moment::from(alert.starts_at);
        let fingerprint = || alert.fingerprint.clone();
        let nowhere = |why| Decision::Nowhere {
            fingerprint: alert.fingerprint.clone(),
            why,
        };
        match known {
            Some(known) if known.starts_at > starts_at => return decisions.push(nowhere(Nowhere::Outdated)),
            Some(known) if known.starts_at == starts_at && (known.fired || alert.status == AlertStatus::Resolved) => {
                let why = if known.firing { Nowhere::Repeated } else { Nowhere::Outdated };
                return decisions.push(nowhere(why));
            }
            _ => {}
        }
        let (name, nature) = self.nature(alert.name());
        let mut remember = Known {
            starts_at,
            firing: true,
            fired: alert.status == AlertStatus::Firing,
            incident: None,
            changed: received.into(),
        };
        if nature.constant {
            self.alerts.insert(&key, remember);
            return decisions.push(nowhere(Nowhere::Constant));
        }
        let component = if self.settings.identity {
            locate(alert, &mut self.graph)
        } else {
            self.graph.stranger(Entity::of_cluster("Alert", "any"))
        };
        let signal = Signal::new(component, nature, alert.starts_at, received, self.settings.for_correction);
        let origin = *self.origin.get_or_insert(signal.onset);
        // What is over pages nobody, either.
        let quiet = alert.severity() == Severity::Info || alert.status == AlertStatus::Resolved;
        // What comes and goes has one cause: it goes where it was.
        let before = known.filter(|known| received.duration_since(known.changed.into()) < AGAIN);
        let home = before.and_then(|known| known.incident()).map(|number| self.incidents.heir(number));
        let home = home.filter(|number| self.incidents.get(*number).is_some());
        let fires_again = home.is_some() || before.is_some_and(|known| known.incident().is_none());
        let found = match home {
            Some(number) => Some((number, self.itself(component))),
            None if fires_again => None,
            None => self.best(&signal.since(origin, self.lift(name))),
        };
        let mut opened = None;
        let incident = match found {
            Some((number, membership)) => {
                decisions.extend(self.incidents.id(number).map(|incident| Decision::Joined {
                    incident: incident.clone(),
                    fingerprint: fingerprint(),
                    membership,
                }));
                Some(number)
            }
            None if quiet => {
                decisions.push(nowhere(Nowhere::Background));
                None
            }
            None => {
                let number = self.incidents.open(&self.cluster, &key, starts_at, received);
                decisions.extend(self.incidents.id(number).map(|incident| Decision::Opened {
                    incident: incident.clone(),
                    fingerprint: fingerprint(),
                }));
                opened = Some(number);
                Some(number)
            }
        };
        remember.incident = incident.and_then(NonZeroU32::new);
        self.alerts.insert(&key, remember);
        if let Some(incident) = incident.and_then(|number| self.incidents.get_mut(number)) {
            incident.add(&signal);
        }
        let recent = Recent {
            fingerprint: key,
            name,
            starts_at,
            signal,
            quiet,
            incident,
            said: false,
            fires_again,
            settled: false,
        };
        self.recent.insert(self.arrivals, recent);
        self.arrivals += 1;
        self.unsettle(received);
        if let Some(number) = opened {
            self.explain_alone(number, &signal, name, received);
            decisions.extend(self.ranked());
        }
    }

    /// Why an alert about what has trouble already is part of it.
    pub(super) fn itself(&self, component: Component) -> Membership {
        let entity = self.graph.entity(component);
        Membership {
            component: entity.clone(),
            cause: entity.clone(),
            via: entity.clone(),
            way: Way::Itself,
            calls: 0,
            score: 0.0,
        }
    }

    pub(super) fn membership(&self, cause: Component, mark: &Mark, score: f32) -> Membership {
        Membership {
            component: self.graph.entity(mark.component).clone(),
            cause: self.graph.entity(cause).clone(),
            via: self.graph.entity(mark.via).clone(),
            way: mark.way,
            calls: mark.calls,
            score,
        }
    }

    fn resolves(&mut self, key: &Fingerprint, alert: &Alert, received: Timestamp, decisions: &mut Vec<Decision>) {
        let before = self.alerts.get(key).copied();
        let unseen = before.is_none_or(|known| !known.firing && known.starts_at < alert.starts_at.into());
        // It began and ended between two messages, which says as much about a cause as what goes on.
        if unseen && !alert.labels.is_empty() {
            self.fires(key.clone(), alert, received, decisions);
        }
        let fingerprint = alert.fingerprint.clone();
        let why = match self.alerts.get_mut(key) {
            None => Nowhere::NeverFired,
            Some(known) if !known.firing => Nowhere::Repeated,
            Some(known) if known.starts_at > alert.starts_at.into() => Nowhere::Outdated,
            Some(known) => {
                (known.firing, known.changed) = (false, received.into());
                if !known.fired && known.incident.is_none() {
                    return;
                }
                let incident = known.incident().map(|number| self.incidents.heir(number));
                match incident.and_then(|number| self.incidents.id(number)) {
                    Some(incident) => {
                        return decisions.push(Decision::Resolved {
                            incident: incident.clone(),
                            fingerprint,
                            at: alert.ends_at.unwrap_or(received),
                        });
                    }
                    None => Nowhere::Background,
                }
            }
        };
        decisions.push(Decision::Nowhere { fingerprint, why });
    }

    /// The number of a name, and what alerts of that name tell.
    fn nature(&mut self, name: &str) -> (usize, Nature) {
        if let Some(known) = self.natures.get(name) {
            return *known;
        }
        let known = (self.names.len(), nature(name, self.rules.get(name).copied()));
        self.names.push(name.to_owned());
        self.natures.insert(name.to_owned(), known);
        known
    }

    /// What the past says about alerts of the name with this number.
    pub(super) fn lift(&self, name: usize) -> f32 {
        if self.settings.learned {
            self.learned.lift(&self.names[name])
        } else {
            0.0
        }
    }

    /// The incident that makes the observation likeliest, if one does, and why.
    fn best(&self, one: &Observation) -> Option<(u32, Membership)> {
        let scores = self.incidents.near(one).filter_map(|(number, incident)| {
            let (score, mark) = incident.score(one, &self.background)?;
            Some((number, score, mark))
        });
        // Among equals the oldest.
        let (number, score, mark) = scores.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
        let cause = self.incidents.get(number)?.causes.first()?.hypothesis.component;
        Some((number, self.membership(cause, &mark, score)))
    }
}
