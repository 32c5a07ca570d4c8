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
    members: BTreeMap<IncidentId, Vec<AlertKey>>,
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
            members: BTreeMap::new(),
        })
    }
}

impl Grouper for Product {
    fn observe(&mut self, alert: &Alert, received: Timestamp) {
        for decision in self.correlator.observe(alert, received) {
            match decision {
                Decision::Opened { incident, .. } | Decision::Joined { incident, .. } => {
                    let key = (alert.fingerprint.clone(), alert.starts_at);
                    self.members.entry(incident).or_default().push(key);
                }
                Decision::Merged { from, into } => {
                    let moved = self.members.remove(&from).unwrap_or_default();
                    self.members.entry(into).or_default().extend(moved);
                }
                Decision::Resolved { .. } | Decision::Nowhere { .. } => {}
            }
        }
    }

    fn groups(&self) -> Vec<Grouped> {
        self.correlator
            .groups()
            .map(|group| {
                let roots = self.correlator.roots(group);
                Grouped {
                    members: self.members.get(&group.id).cloned().unwrap_or_default(),
                    confidence: roots.first().map_or(0.0, |root| sureness(root.explains)),
                    roots: roots
                        .into_iter()
                        .map(|root| (root.entity, f64::from(root.belief)))
                        .collect::<Vec<(Entity, f64)>>(),
                }
            })
            .collect()
    }
}

/// How many alerts one cause explains, between 0 and 1: three of them are as likely an incident as not.
fn sureness(explained: u32) -> f64 {
    let explained = f64::from(explained);
    explained / (explained + 3.0)
}
