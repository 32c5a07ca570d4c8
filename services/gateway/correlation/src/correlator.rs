//! From a stream of alerts to incidents. The same input in the same order leads to the same incidents, everywhere and always.

mod incident;
mod review;

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{
    alert::{Alert, AlertStatus, Severity},
    id::{ClusterId, IncidentId},
};
use sha2::{Digest as _, Sha256};

use crate::{
    class::{Nature, nature},
    decision::{Decision, Nowhere, Root},
    graph::Graph,
    locate::locate,
    signal::{Link, Signal},
    topology::{Entity, Topology},
    weights,
};

pub use incident::Incident;

/// What evidence is used; everything, unless it is measured what one kind is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Labels and owners: which alerts are about the same thing.
    pub identity: bool,
    /// What depends on what.
    pub topology: bool,
    /// Each rule's `for` is subtracted.
    pub for_correction: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            identity: true,
            topology: true,
            for_correction: true,
        }
    }
}

/// What is remembered of one alert.
#[derive(Debug, Clone, Copy)]
struct Known {
    starts_at: Timestamp,
    firing: bool,
    incident: Option<u32>,
}

/// A firing that is young enough to be explained anew.
#[derive(Debug, Clone)]
struct Recent {
    fingerprint: String,
    starts_at: Timestamp,
    signal: Signal,
    /// It pages nobody by itself.
    quiet: bool,
    incident: Option<u32>,
}

/// The correlator of one cluster.
#[derive(Debug)]
pub struct Correlator {
    cluster: ClusterId,
    settings: Settings,
    graph: Graph,
    rules: HashMap<String, u32>,
    natures: HashMap<String, Nature>,
    alerts: HashMap<u128, Known>,
    /// By the order in which they came.
    recent: BTreeMap<u64, Recent>,
    arrivals: u64,
    incidents: BTreeMap<u32, Incident>,
    next: u32,
    /// All onsets are counted from here.
    origin: Option<Timestamp>,
    reviewed: Timestamp,
    dirty: bool,
}

/// How far back everything is explained anew.
const WINDOW: SignedDuration = SignedDuration::from_secs(60 * 60);
/// Shortest time between two reviews while alerts come.
const REVIEW_EVERY: SignedDuration = SignedDuration::from_secs(15);

impl Correlator {
    /// A correlator that has seen nothing.
    #[must_use]
    pub fn new(cluster: ClusterId, settings: Settings) -> Self {
        Self {
            cluster,
            settings,
            graph: Graph::default(),
            rules: HashMap::new(),
            natures: HashMap::new(),
            alerts: HashMap::new(),
            recent: BTreeMap::new(),
            arrivals: 0,
            incidents: BTreeMap::new(),
            next: 0,
            origin: None,
            reviewed: Timestamp::MIN,
            dirty: false,
        }
    }

    /// Takes a new topology in place of the current one.
    pub fn set_topology(&mut self, topology: &Topology) {
        if self.settings.topology {
            self.graph.replace(topology);
        } else {
            let edges = topology
                .edges
                .iter()
                .filter(|edge| self.settings.identity && edge.relation.is_identity());
            self.graph.replace(&Topology {
                entities: topology.entities.clone(),
                edges: edges.cloned().collect(),
                rules: Vec::new(),
            });
        }
        self.rules = topology.rules.iter().map(|rule| (rule.alert.clone(), rule.for_seconds)).collect();
        self.natures.clear();
    }

    /// Takes one alert, received at `received`.
    pub fn observe(&mut self, alert: &Alert, received: Timestamp) -> Vec<Decision> {
        let mut decisions = Vec::new();
        if self.dirty && received.duration_since(self.reviewed) >= REVIEW_EVERY {
            decisions = self.settle(received);
        }
        let key = key(&alert.fingerprint);
        let known = self.alerts.get(&key).copied();
        decisions.push(match alert.status {
            AlertStatus::Firing => self.fires(key, known, alert, received),
            AlertStatus::Resolved => self.resolves(key, known, alert, received),
        });
        decisions
    }

    /// Explains everything recent anew. To be called when no alert has come for a while; the same calls at the same places of the
    /// stream lead to the same incidents.
    pub fn settle(&mut self, now: Timestamp) -> Vec<Decision> {
        self.reviewed = now;
        self.dirty = false;
        self.review(now)
    }

    fn fires(&mut self, key: u128, known: Option<Known>, alert: &Alert, received: Timestamp) -> Decision {
        let fingerprint = alert.fingerprint.clone();
        match known {
            Some(known) if known.starts_at > alert.starts_at => {
                return Decision::Nowhere {
                    fingerprint,
                    why: Nowhere::Outdated,
                };
            }
            Some(known) if known.starts_at == alert.starts_at => {
                let why = if known.firing { Nowhere::Repeated } else { Nowhere::Outdated };
                return Decision::Nowhere { fingerprint, why };
            }
            _ => {}
        }
        let nature = self.nature(alert.name());
        let mut remember = Known {
            starts_at: alert.starts_at,
            firing: true,
            incident: None,
        };
        if nature.constant {
            self.alerts.insert(key, remember);
            return Decision::Nowhere {
                fingerprint,
                why: Nowhere::Constant,
            };
        }
        let component = if self.settings.identity {
            locate(alert, &mut self.graph)
        } else {
            self.graph.stranger(Entity::of_cluster("Alert", "any"))
        };
        let signal = Signal::new(component, nature, alert.starts_at, received, self.settings.for_correction);
        let origin = *self.origin.get_or_insert(signal.onset);
        let quiet = alert.severity() == Severity::Info;
        let (incident, decision) = match self.best(&signal, origin) {
            Some((number, score, link)) => {
                let incident = &self.incidents[&number];
                let membership = crate::decision::Membership {
                    component: self.graph.entity(signal.component).clone(),
                    cause: self.graph.entity(link.cause.component).clone(),
                    way: link.cause.way,
                    calls: link.cause.calls,
                    score,
                };
                let incident = incident.id.clone();
                (
                    Some(number),
                    Decision::Joined {
                        incident,
                        fingerprint,
                        membership,
                    },
                )
            }
            None if quiet => (
                None,
                Decision::Nowhere {
                    fingerprint,
                    why: Nowhere::Background,
                },
            ),
            None => {
                let number = self.open(&alert.fingerprint, alert.starts_at, received);
                let incident = self.incidents[&number].id.clone();
                (Some(number), Decision::Opened { incident, fingerprint })
            }
        };
        remember.incident = incident;
        self.alerts.insert(key, remember);
        if let Some(incident) = incident.and_then(|number| self.incidents.get_mut(&number)) {
            incident.add(component, signal.seconds_after(origin));
        }
        self.recent.insert(
            self.arrivals,
            Recent {
                fingerprint: alert.fingerprint.clone(),
                starts_at: alert.starts_at,
                signal,
                quiet,
                incident,
            },
        );
        self.arrivals += 1;
        self.dirty = true;
        decision
    }

    fn open(&mut self, fingerprint: &str, starts_at: Timestamp, now: Timestamp) -> u32 {
        let id = IncidentId::derive(&[self.cluster.as_str(), fingerprint, &starts_at.to_string()]);
        let number = self.next;
        self.next += 1;
        self.incidents.insert(number, Incident::new(id, now));
        number
    }

    fn resolves(&mut self, key: u128, known: Option<Known>, alert: &Alert, received: Timestamp) -> Decision {
        let fingerprint = alert.fingerprint.clone();
        let why = match known {
            None => Nowhere::NeverFired,
            Some(known) if !known.firing => Nowhere::Repeated,
            Some(known) if known.starts_at > alert.starts_at => Nowhere::Outdated,
            Some(known) => {
                self.alerts.insert(key, Known { firing: false, ..known });
                match known.incident.and_then(|number| self.incidents.get(&number)) {
                    Some(incident) => {
                        return Decision::Resolved {
                            incident: incident.id.clone(),
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
        let scores = self.incidents.iter().filter_map(|(number, incident)| {
            let (score, link) = incident.score(signal, &links, onset, background)?;
            Some((*number, score, link))
        });
        // Among equals the oldest.
        scores.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
    }

    /// Every incident that has alerts, in the order in which they were opened.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.values()
    }

    /// The incident's causes, the likeliest first.
    #[must_use]
    pub fn roots(&self, incident: &Incident) -> Vec<Root> {
        let mut roots: Vec<Root> = Vec::new();
        for belief in &incident.causes {
            let entity = self.graph.entity(belief.hypothesis.component);
            match roots.iter_mut().find(|root| root.entity == *entity) {
                Some(root) => root.belief += belief.share,
                None => roots.push(Root {
                    entity: entity.clone(),
                    belief: belief.share,
                    surge: belief.hypothesis.surge,
                    explains: belief.explains,
                }),
            }
        }
        roots.sort_by(|a, b| b.belief.total_cmp(&a.belief));
        roots
    }
}

/// Fingerprints are 64 bits from Alertmanager and anything from others: 128 bits of SHA-256 keep a million of them apart.
#[must_use]
pub fn key(fingerprint: &str) -> u128 {
    let digest = Sha256::digest(fingerprint.as_bytes());
    digest[..16].iter().fold(0, |all, byte| (all << 8) | u128::from(*byte))
}
