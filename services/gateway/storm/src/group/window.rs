//! A floor: whatever arrives within five minutes is one group.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use paramedic_correlation::{graph::Graph, locate::locate, topology::Entity};
use paramedic_domain::alert::{Alert, AlertStatus};

use super::{AlertKey, Contender, Grouped, Grouper, Known};

const LENGTH: SignedDuration = SignedDuration::from_mins(5);
/// Groups of fewer alerts are raised for nobody.
const FEWEST: usize = 3;

pub(super) const FLOOR: Contender = Contender {
    name: "window 5m",
    make: |known| Box::new(Windows::new(known)),
};

struct Windows {
    graph: Graph,
    known: BTreeSet<AlertKey>,
    groups: Vec<(Timestamp, Vec<(AlertKey, Entity)>)>,
}

impl Windows {
    fn new(known: Known<'_>) -> Self {
        let mut graph = Graph::default();
        graph.replace(known.topology);
        Self {
            graph,
            known: BTreeSet::new(),
            groups: Vec::new(),
        }
    }
}

impl Grouper for Windows {
    fn observe(&mut self, alert: &Alert, received: Timestamp) {
        let key = (alert.fingerprint.clone(), alert.starts_at);
        if alert.status == AlertStatus::Resolved || !self.known.insert(key.clone()) {
            return;
        }
        let component = locate(alert, &mut self.graph);
        let entity = self.graph.entity(component).clone();
        match self.groups.last_mut() {
            Some((begin, members)) if received.duration_since(*begin) < LENGTH => members.push((key, entity)),
            _ => self.groups.push((received, vec![(key, entity)])),
        }
    }

    fn groups(&self) -> Vec<Grouped> {
        self.groups.iter().map(|(_, members)| grouped(members)).collect()
    }
}

/// The cause is what most alerts are about.
fn grouped(members: &[(AlertKey, Entity)]) -> Grouped {
    let mut counts: BTreeMap<&Entity, f64> = BTreeMap::new();
    for (_, entity) in members {
        *counts.entry(entity).or_default() += 1.0;
    }
    let mut roots: Vec<(Entity, f64)> = counts.into_iter().map(|(entity, count)| (entity.clone(), count)).collect();
    roots.sort_by(|one, other| other.1.total_cmp(&one.1));
    Grouped {
        members: members.iter().map(|(key, _)| key.clone()).collect(),
        roots,
        confidence: if members.len() >= FEWEST { 1.0 } else { 0.0 },
    }
}
