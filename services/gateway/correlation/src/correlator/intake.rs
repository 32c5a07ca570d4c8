//! What one alert changes at once.

use jiff::Timestamp;
use paramedic_domain::alert::{Alert, AlertStatus, Severity};

use super::{Correlator, Known, Recent, key};
use crate::{
    class::{Nature, nature},
    decision::{Decision, Membership, Nowhere},
    locate::locate,
    signal::{Link, Signal},
    topology::Entity,
    weights,
};

impl Correlator {
    /// Takes an alert; what it changes is added to the decisions.
    pub(super) fn take(&mut self, alert: &Alert, received: Timestamp, decisions: &mut Vec<Decision>) {
        let key = key(&alert.fingerprint);
        let known = self.alerts.get(&key).copied();
        match alert.status {
            AlertStatus::Firing => self.fires(key, known, alert, received, decisions),
            AlertStatus::Resolved => decisions.push(self.resolves(key, known, alert, received)),
        }
    }

    fn fires(&mut self, key: u128, known: Option<Known>, alert: &Alert, received: Timestamp, decisions: &mut Vec<Decision>) {
        let fingerprint = || alert.fingerprint.clone();
        let nowhere = |why| Decision::Nowhere {
            fingerprint: alert.fingerprint.clone(),
            why,
        };
        match known {
            Some(known) if known.starts_at > alert.starts_at => return decisions.push(nowhere(Nowhere::Outdated)),
            Some(known) if known.starts_at == alert.starts_at => {
                let why = if known.firing { Nowhere::Repeated } else { Nowhere::Outdated };
                return decisions.push(nowhere(why));
            }
            _ => {}
        }
        let nature = self.nature(alert.name());
        let mut remember = Known {
            starts_at: alert.starts_at,
            firing: true,
            incident: None,
            changed: received,
        };
        if nature.constant {
            self.alerts.insert(key, remember);
            return decisions.push(nowhere(Nowhere::Constant));
        }
        let component = if self.settings.identity {
            locate(alert, &mut self.graph)
        } else {
            self.graph.stranger(Entity::of_cluster("Alert", "any"))
        };
        let signal = Signal::new(component, nature, alert.starts_at, received, self.settings.for_correction);
        let origin = *self.origin.get_or_insert(signal.onset);
        let quiet = alert.severity() == Severity::Info;
        let mut opened = None;
        let incident = match self.best(&signal, origin) {
            Some((number, score, link)) => {
                let membership = self.membership(&signal, &link, score);
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
                let number = self.incidents.open(&self.cluster, &alert.fingerprint, alert.starts_at, received);
                decisions.extend(self.incidents.id(number).map(|incident| Decision::Opened {
                    incident: incident.clone(),
                    fingerprint: fingerprint(),
                }));
                opened = Some(number);
                Some(number)
            }
        };
        remember.incident = incident;
        self.alerts.insert(key, remember);
        if let Some(incident) = incident.and_then(|number| self.incidents.get_mut(number)) {
            incident.add(component, signal.seconds_after(origin));
            incident.size += 1;
        }
        let recent = Recent {
            fingerprint: alert.fingerprint.clone(),
            starts_at: alert.starts_at,
            signal,
            quiet,
            incident,
            said: false,
        };
        self.recent.insert(self.arrivals, recent);
        self.arrivals += 1;
        self.unsettle(received);
        if let Some(number) = opened {
            self.explain_alone(number, self.arrivals - 1, decisions);
        }
    }

    pub(super) fn membership(&self, signal: &Signal, link: &Link, score: f32) -> Membership {
        Membership {
            component: self.graph.entity(signal.component).clone(),
            cause: self.graph.entity(link.cause.component).clone(),
            way: link.cause.way,
            calls: link.cause.calls,
            score,
        }
    }

    fn resolves(&mut self, key: u128, known: Option<Known>, alert: &Alert, received: Timestamp) -> Decision {
        let fingerprint = alert.fingerprint.clone();
        let why = match known {
            None => Nowhere::NeverFired,
            Some(known) if !known.firing => Nowhere::Repeated,
            Some(known) if known.starts_at > alert.starts_at => Nowhere::Outdated,
            Some(known) => {
                let ended = Known {
                    firing: false,
                    changed: received,
                    ..known
                };
                self.alerts.insert(key, ended);
                let incident = known.incident.map(|number| self.incidents.heir(number));
                match incident.and_then(|number| self.incidents.id(number)) {
                    Some(incident) => {
                        return Decision::Resolved {
                            incident: incident.clone(),
                            fingerprint,
                            at: alert.ends_at.unwrap_or(received),
                        };
                    }
                    None => Nowhere::Background,
                }
            }
        };
        Decision::Nowhere { fingerprint, why }
    }

    fn nature(&mut self, name: &str) -> Nature {
        if let Some(known) = self.natures.get(name) {
            return *known;
        }
        let known = nature(name, self.rules.get(name).copied());
        self.natures.insert(name.to_owned(), known);
        known
    }

    /// The incident that makes the signal likeliest, if one does.
    fn best(&self, signal: &Signal, origin: Timestamp) -> Option<(u32, f32, Link)> {
        let links = signal.links(&self.graph);
        let background = weights::background(self.graph.len());
        let onset = signal.seconds_after(origin);
        let scores = self.incidents.numbered().filter_map(|(number, incident)| {
            let (score, link) = incident.score(signal, &links, onset, background)?;
            Some((number, score, link))
        });
        // Among equals the oldest.
        scores.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
    }
}
