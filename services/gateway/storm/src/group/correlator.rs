//! The product's own correlator, whole and with parts of its evidence.

use std::collections::BTreeMap;

use jiff::Timestamp;
use paramedic_correlation::{Correlator, Settings, decision::Decision, topology::Entity};
use paramedic_domain::{
    alert::Alert,
    id::{ClusterId, IncidentId},
};

use super::{AlertKey, Contender, Grouped, Grouper, Known};

pub(super) const WHOLE: Contender = Contender {
    name: "paramedic",
    make: |known| Product::boxed(known, true, true, true),
};

pub(super) const PARTS: [Contender; 3] = [
    Contender {
        name: "time only",
        make: |known| Product::boxed(known, false, false, false),
    },
    Contender {
        name: "+ labels, owners",
        make: |known| Product::boxed(known, true, false, false),
    },
    Contender {
        name: "+ topology",
        make: |known| Product::boxed(known, true, true, false),
    },
];

struct Product {
    correlator: Correlator,
    incidents: BTreeMap<AlertKey, IncidentId>,
}

impl Product {
    fn boxed(known: Known<'_>, identity: bool, topology: bool, for_correction: bool) -> Box<dyn Grouper> {
        let cluster: ClusterId = "storm".parse().unwrap_or_else(|_| unreachable!("a word is a name"));
        let mut correlator = Correlator::new(
            cluster,
            Settings {
                identity,
                topology,
                for_correction,
            },
        );
        correlator.set_topology(known.topology);
        Box::new(Self {
            correlator,
            incidents: BTreeMap::new(),
        })
    }
}

impl Grouper for Product {
    fn observe(&mut self, alert: &Alert, received: Timestamp) {
        if let Some(due) = self.correlator.settle_due().filter(|due| *due <= received) {
            let decisions = self.correlator.settle(due);
            self.follow(decisions, alert);
        }
        let decisions = self.correlator.observe(alert, received);
        self.follow(decisions, alert);
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
    fn follow(&mut self, decisions: Vec<Decision>, alert: &Alert) {
        for decision in decisions {
            match decision {
                Decision::Opened { incident, .. } | Decision::Joined { incident, .. } => {
                    self.incidents.insert((alert.fingerprint.clone(), alert.starts_at), incident);
                }
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
                Decision::Ranked { .. } | Decision::Resolved { .. } | Decision::Nowhere { .. } => {}
            }
        }
    }
}
