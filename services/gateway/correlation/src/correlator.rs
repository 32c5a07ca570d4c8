//! From a stream of alerts to groups. The same input in the same order leads to the same groups, everywhere and always.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{
    alert::{Alert, AlertStatus, Severity},
    id::{ClusterId, IncidentId},
};
use sha2::{Digest as _, Sha256};

use crate::{
    class::{Nature, nature},
    decision::{Decision, Membership, Nowhere, Root},
    graph::Graph,
    group::{Group, Hypothesis, hypothesis},
    locate::locate,
    signal::{Link, Signal},
    topology::Topology,
    weights,
};

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

/// One alert as it is remembered.
#[derive(Debug, Clone, Copy)]
struct Known {
    starts_at: Timestamp,
    firing: bool,
    group: Option<u32>,
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
    /// All groups, by number; a merged one is `None`.
    groups: BTreeMap<u32, Group>,
    next: u32,
    /// Open groups by the hypotheses that they have.
    index: HashMap<Hypothesis, Vec<u32>>,
}

/// A group takes nothing more whose latest onset is this much older.
const GROWS: SignedDuration = SignedDuration::from_secs(45 * 60);

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
            groups: BTreeMap::new(),
            next: 0,
            index: HashMap::new(),
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
        let key = key(&alert.fingerprint);
        let known = self.alerts.get(&key).copied();
        match alert.status {
            AlertStatus::Firing => self.fires(key, known, alert, received),
            AlertStatus::Resolved => self.resolves(key, known, alert, received),
        }
    }

    fn fires(&mut self, key: u128, known: Option<Known>, alert: &Alert, received: Timestamp) -> Vec<Decision> {
        let nowhere = |why| {
            vec![Decision::Nowhere {
                fingerprint: alert.fingerprint.clone(),
                why,
            }]
        };
        let again = match known {
            Some(known) if known.starts_at > alert.starts_at => return nowhere(Nowhere::Outdated),
            Some(known) if known.starts_at == alert.starts_at => {
                return nowhere(if known.firing { Nowhere::Repeated } else { Nowhere::Outdated });
            }
            known => known.and_then(|known| known.group),
        };
        let nature = self.nature(alert.name());
        let mut remember = Known {
            starts_at: alert.starts_at,
            firing: true,
            group: None,
        };
        if nature.constant {
            self.alerts.insert(key, remember);
            return nowhere(Nowhere::Constant);
        }
        let component = if self.settings.identity {
            locate(alert, &mut self.graph)
        } else {
            self.graph.stranger(crate::topology::Entity::of_cluster("Alert", "any"))
        };
        let signal = Signal::new(component, nature, alert.starts_at, received, self.settings.for_correction);
        let links = signal.links(&self.graph);
        // An alert that fires again goes where it was, as long as that still grows.
        if let Some(group) = again.filter(|group| self.grows(*group, &signal)) {
            remember.group = Some(group);
            self.alerts.insert(key, remember);
            let group = self.groups.get_mut(&group).expect("it grows, so it is there");
            group.firing += 1;
            return vec![Decision::Joined {
                incident: group.id.clone(),
                fingerprint: alert.fingerprint.clone(),
                membership: Membership::Again,
            }];
        }
        let scores = self.scores(&signal, &links);
        let best = scores.first().copied();
        let quiet = alert.severity() == Severity::Info;
        let needed = weights::JOIN + if quiet { weights::JOIN_QUIET } else { 0.0 };
        let (number, decision) = match best {
            Some((number, score, link)) if score >= needed => {
                let decision = Decision::Joined {
                    incident: self.groups[&number].id.clone(),
                    fingerprint: alert.fingerprint.clone(),
                    membership: self.membership(&link, &signal, score),
                };
                (number, decision)
            }
            _ if quiet => {
                self.alerts.insert(key, remember);
                return nowhere(Nowhere::Background);
            }
            _ => {
                let id = IncidentId::derive(&[self.cluster.as_str(), &alert.fingerprint, &alert.starts_at.to_string()]);
                let number = self.next;
                self.next += 1;
                self.groups.insert(number, Group::new(id.clone(), received, signal.onset));
                (
                    number,
                    Decision::Opened {
                        incident: id,
                        fingerprint: alert.fingerprint.clone(),
                    },
                )
            }
        };
        remember.group = Some(number);
        self.alerts.insert(key, remember);
        let group = self.groups.get_mut(&number).expect("found or made above");
        group.add(key, &signal, &links, &self.graph);
        group.firing += 1;
        for link in &links {
            let of = self.index.entry(hypothesis(link, signal.class)).or_default();
            if !of.contains(&number) {
                of.push(number);
            }
        }
        let mut decisions = vec![decision];
        let others: Vec<u32> = scores.iter().map(|(other, ..)| *other).filter(|other| *other != number).collect();
        self.merge(number, &others, &mut decisions);
        decisions
    }

    fn resolves(&mut self, key: u128, known: Option<Known>, alert: &Alert, received: Timestamp) -> Vec<Decision> {
        let nowhere = |why| {
            vec![Decision::Nowhere {
                fingerprint: alert.fingerprint.clone(),
                why,
            }]
        };
        match known {
            None => nowhere(Nowhere::NeverFired),
            Some(known) if !known.firing => nowhere(Nowhere::Repeated),
            Some(known) if known.starts_at > alert.starts_at => nowhere(Nowhere::Outdated),
            Some(known) => {
                self.alerts.insert(key, Known { firing: false, ..known });
                let Some(group) = known.group.and_then(|group| self.groups.get_mut(&group)) else {
                    return nowhere(Nowhere::Background);
                };
                group.firing = group.firing.saturating_sub(1);
                vec![Decision::Resolved {
                    incident: group.id.clone(),
                    fingerprint: alert.fingerprint.clone(),
                    at: alert.ends_at.unwrap_or(received),
                }]
            }
        }
    }

    fn nature(&mut self, name: &str) -> Nature {
        if let Some(known) = self.natures.get(name) {
            return *known;
        }
        let known = nature(name, self.rules.get(name).copied());
        self.natures.insert(name.to_owned(), known);
        known
    }

    fn grows(&self, group: u32, signal: &Signal) -> bool {
        self.groups.get(&group).is_some_and(|group| {
            let since = signal.seconds_after(group.origin) - group.latest;
            since < GROWS.as_secs_f32() && signal.seconds_after(group.origin) > -GROWS.as_secs_f32()
        })
    }

    /// Open groups that the signal may belong to, the best first.
    fn scores(&self, signal: &Signal, links: &[Link]) -> Vec<(u32, f32, Link)> {
        let mut candidates: Vec<u32> = links
            .iter()
            .filter_map(|link| self.index.get(&hypothesis(link, signal.class)))
            .flatten()
            .copied()
            .collect();
        candidates.sort_unstable();
        candidates.dedup();
        let mut scores: Vec<(u32, f32, Link)> = candidates
            .into_iter()
            .filter(|number| self.grows(*number, signal))
            .filter_map(|number| {
                let (score, link) = self.groups.get(&number)?.score(signal, links)?;
                Some((number, score, link))
            })
            .collect();
        scores.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        scores
    }

    /// Merges `number` with the others that one cause explains together with it. The older one stays.
    fn merge(&mut self, number: u32, others: &[u32], decisions: &mut Vec<Decision>) {
        let mut number = number;
        for other in others {
            let (Some(one), Some(two)) = (self.groups.get(&number), self.groups.get(other)) else {
                continue;
            };
            if one.affinity(two, &self.graph) <= 0.0 {
                continue;
            }
            let (into, from) = (number.min(*other), number.max(*other));
            let Some(gone) = self.groups.remove(&from) else { continue };
            for (_, of) in &mut self.index {
                if let Some(at) = of.iter().position(|group| *group == from) {
                    if of.contains(&into) {
                        of.remove(at);
                    } else {
                        of[at] = into;
                    }
                }
            }
            for member in &gone.members {
                if let Some(known) = self.alerts.get_mut(member) {
                    known.group = Some(into);
                }
            }
            let stays = self.groups.get_mut(&into).expect("looked at above");
            stays.absorb(&gone, &self.graph);
            decisions.push(Decision::Merged {
                from: gone.id,
                into: stays.id.clone(),
            });
            number = into;
        }
    }

    fn membership(&self, link: &Link, signal: &Signal, score: f32) -> Membership {
        Membership::Linked {
            component: self.graph.entity(signal.component).clone(),
            cause: self.graph.entity(link.cause.component).clone(),
            way: link.cause.way,
            calls: link.cause.calls,
            score,
        }
    }

    /// Every group, in the order in which they were opened.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values()
    }

    /// The group's causes, the likeliest first, with their shares of belief.
    #[must_use]
    pub fn roots(&self, group: &Group) -> Vec<Root> {
        let mut roots: Vec<Root> = Vec::new();
        for (hypothesis, belief) in group.beliefs() {
            let entity = self.graph.entity(hypothesis.component);
            match roots.iter_mut().find(|root| root.entity == *entity) {
                Some(root) => root.belief += belief,
                None => roots.push(Root {
                    entity: entity.clone(),
                    belief: *belief,
                    surge: hypothesis.surge,
                    explains: group.support(*hypothesis).map_or(0, |support| support.explained),
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
