//! The product's own correlator, whole and with parts of its evidence.

use std::{collections::BTreeMap, sync::OnceLock};

use jiff::{SignedDuration, Timestamp};
use paramedic_correlation::{
    Correlator, Settings,
    decision::Decision,
    learned::Learned,
    topology::{Entity, Topology},
};
use paramedic_domain::{
    alert::Alert,
    id::{ClusterId, IncidentId},
};

use super::{AlertKey, Contender, Grouped, Grouper, Known};
use crate::{
    generate::{Spec, Variant, generate},
    intake,
};

pub(super) const WHOLE: Contender = Contender {
    name: "paramedic",
    make: |known| Product::boxed(known, Settings::default(), Learned::default()),
};

pub(super) const PARTS: [Contender; 5] = [
    Contender {
        name: "time only",
        make: |known| Product::boxed(known, TIME, Learned::default()),
    },
    Contender {
        name: "+ labels, owners",
        make: |known| Product::boxed(known, LABELS, Learned::default()),
    },
    Contender {
        name: "+ topology",
        make: |known| Product::boxed(known, TOPOLOGY, Learned::default()),
    },
    Contender {
        name: "+ for correction",
        make: |known| Product::boxed(known, FOR, Learned::default()),
    },
    Contender {
        name: "+ learned",
        make: |known| Product::boxed(known, Settings::default(), trained()),
    },
];

const TIME: Settings = Settings {
    identity: false,
    topology: false,
    for_correction: false,
    learned: false,
};
const LABELS: Settings = Settings { identity: true, ..TIME };
const TOPOLOGY: Settings = Settings { topology: true, ..LABELS };
const FOR: Settings = Settings {
    for_correction: true,
    ..TOPOLOGY
};

struct Product {
    correlator: Correlator,
    incidents: BTreeMap<AlertKey, IncidentId>,
}

impl Product {
    fn boxed(known: Known<'_>, settings: Settings, learned: Learned) -> Box<dyn Grouper> {
        Box::new(Self {
            correlator: correlator(known.topology, settings, learned),
            incidents: BTreeMap::new(),
        })
    }
}

fn correlator(topology: &Topology, settings: Settings, learned: Learned) -> Correlator {
    let cluster: ClusterId = "storm".parse().unwrap_or_else(|_| unreachable!("a word is a name"));
    let mut correlator = Correlator::new(cluster, settings);
    correlator.set_topology(topology);
    correlator.teach(learned);
    correlator
}

/// Storms that are learned from: none that anything is measured on.
const LESSONS: std::ops::Range<u64> = 1_000..1_012;
/// After so long nothing of a storm is looked at any more.
const LONG_AFTER: SignedDuration = SignedDuration::from_hours(6);

/// What a correlator has learned that saw other estates' storms before, without being told what they were.
fn trained() -> Learned {
    static TRAINED: OnceLock<Learned> = OnceLock::new();
    TRAINED.get_or_init(|| LESSONS.fold(Learned::default(), lesson)).clone()
}

fn lesson(learned: Learned, seed: u64) -> Learned {
    let storm = generate(Spec {
        seed,
        services: 40,
        incidents: 2,
        variant: Variant::Plain,
    });
    let mut correlator = correlator(&storm.topology, Settings::default(), learned);
    for post in &storm.posts {
        let body = serde_json::to_vec(&post.webhook).unwrap_or_default();
        // The measured storms say so when a post cannot be read; this one only teaches less.
        for alert in intake::read(body).unwrap_or_default() {
            if let Some(due) = correlator.settle_due().filter(|due| *due <= post.at) {
                correlator.settle(due);
            }
            correlator.observe(&alert, post.at);
        }
    }
    if let Some(last) = storm.posts.last() {
        correlator.settle(last.at + LONG_AFTER);
    }
    correlator.learned().clone()
}

impl Grouper for Product {
    fn observe(&mut self, alert: &Alert, received: Timestamp) {
        if let Some(due) = self.correlator.settle_due().filter(|due| *due <= received) {
            self.settle(due);
        }
        let decisions = self.correlator.observe(alert, received);
        for decision in &decisions {
            if let Decision::Opened { incident, .. } | Decision::Joined { incident, .. } = decision {
                let key = (alert.fingerprint.clone(), alert.starts_at);
                self.incidents.insert(key, incident.clone());
            }
        }
        self.follow(decisions);
    }

    fn rest(&mut self) {
        if let Some(due) = self.correlator.settle_due() {
            self.settle(due);
        }
    }

    fn groups(&self) -> Vec<Grouped> {
        let mut members: BTreeMap<&IncidentId, Vec<AlertKey>> = BTreeMap::new();
        for (alert, incident) in &self.incidents {
            members.entry(incident).or_default().push(alert.clone());
        }
        self.correlator
            .incidents()
            .filter_map(|incident| {
                let roots = self.correlator.roots(incident);
                Some(Grouped {
                    members: members.remove(&incident.id)?,
                    confidence: f64::from(incident.confidence()),
                    roots: roots
                        .into_iter()
                        .map(|root| (root.entity, f64::from(root.belief)))
                        .collect::<Vec<(Entity, f64)>>(),
                })
            })
            .collect()
    }
}

impl Product {
    fn settle(&mut self, due: Timestamp) {
        let decisions = self.correlator.settle(due);
        self.follow(decisions);
    }

    /// Puts alerts where they belong now.
    fn follow(&mut self, decisions: Vec<Decision>) {
        for decision in decisions {
            match decision {
                Decision::Merged { from, into, .. } => {
                    for incident in self.incidents.values_mut().filter(|incident| **incident == from) {
                        incident.clone_from(&into);
                    }
                }
                Decision::Moved {
                    into: Some(into),
                    fingerprint,
                    starts_at,
                    ..
                } => {
                    self.incidents.insert((fingerprint, starts_at), into);
                }
                Decision::Moved {
                    into: None,
                    fingerprint,
                    starts_at,
                    ..
                } => {
                    self.incidents.remove(&(fingerprint, starts_at));
                }
                Decision::Opened { .. }
                | Decision::Joined { .. }
                | Decision::Ranked { .. }
                | Decision::Resolved { .. }
                | Decision::Nowhere { .. } => {}
            }
        }
    }
}
