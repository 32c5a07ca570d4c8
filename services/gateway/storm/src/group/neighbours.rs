//! A floor: alerts that start within a minute of each other about the same thing or neighbours in the topology are one group, and so
//! are those that are linked through others.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use paramedic_correlation::{
    graph::{Component, Graph},
    locate::locate,
};
use paramedic_domain::alert::{Alert, AlertStatus};

use super::{Contender, Grouped, Grouper, Known};

const NEAR: SignedDuration = SignedDuration::from_secs(60);
/// Groups of fewer alerts are raised for nobody.
const FEWEST: usize = 3;

pub(super) const FLOOR: Contender = Contender {
    name: "1 hop, 60s",
    make: |known| Box::new(Neighbours::new(known)),
};

struct Neighbours {
    graph: Graph,
    /// What needs what.
    needs: BTreeSet<(Component, Component)>,
    seen: Vec<Seen>,
    known: BTreeSet<(String, Timestamp)>,
}

struct Seen {
    fingerprint: String,
    starts_at: Timestamp,
    component: Component,
    /// Index of the first alert of its group.
    group: usize,
}

impl Neighbours {
    fn new(known: Known<'_>) -> Self {
        let mut graph = Graph::default();
        graph.replace(known.topology);
        let ends = |edge: &paramedic_correlation::topology::Edge| Some((graph.component(&edge.from)?, graph.component(&edge.to)?));
        let needs = known
            .topology
            .edges
            .iter()
            .filter_map(ends)
            .filter(|(from, to)| from != to)
            .collect();
        Self {
            graph,
            needs,
            seen: Vec::new(),
            known: BTreeSet::new(),
        }
    }

    fn linked(&self, one: Component, other: Component) -> bool {
        one == other || self.needs.contains(&(one, other)) || self.needs.contains(&(other, one))
    }

    /// The cause needs nothing else that is alerted about; of several such, what most alerts are about.
    fn grouped(&self, members: &[&Seen]) -> Grouped {
        let mut counts: BTreeMap<Component, f64> = BTreeMap::new();
        for member in members {
            *counts.entry(member.component).or_default() += 1.0;
        }
        let leaf = |component: Component| !counts.keys().any(|other| self.needs.contains(&(component, *other)));
        let mut roots: Vec<(bool, f64, Component)> = counts
            .iter()
            .map(|(component, count)| (leaf(*component), *count, *component))
            .collect();
        roots.sort_by(|one, other| (other.0, other.1).partial_cmp(&(one.0, one.1)).unwrap_or(std::cmp::Ordering::Equal));
        Grouped {
            members: members
                .iter()
                .map(|member| (member.fingerprint.clone(), member.starts_at))
                .collect(),
            roots: roots
                .into_iter()
                .map(|(_, count, component)| (self.graph.entity(component).clone(), count))
                .collect(),
            confidence: if members.len() >= FEWEST { 1.0 } else { 0.0 },
        }
    }
}

impl Grouper for Neighbours {
    fn observe(&mut self, alert: &Alert, _received: Timestamp) {
        if alert.status == AlertStatus::Resolved || !self.known.insert((alert.fingerprint.clone(), alert.starts_at)) {
            return;
        }
        let component = locate(alert, &mut self.graph);
        let number = self.seen.len();
        let near = |other: &Seen| other.starts_at.duration_since(alert.starts_at).abs() <= NEAR && self.linked(component, other.component);
        let mut joined: BTreeSet<usize> = self.seen.iter().filter(|other| near(other)).map(|other| other.group).collect();
        let group = joined.pop_first().unwrap_or(number);
        for other in &mut self.seen {
            if joined.contains(&other.group) {
                other.group = group;
            }
        }
        self.seen.push(Seen {
            fingerprint: alert.fingerprint.clone(),
            starts_at: alert.starts_at,
            component,
            group,
        });
    }

    fn groups(&self) -> Vec<Grouped> {
        let mut groups: BTreeMap<usize, Vec<&Seen>> = BTreeMap::new();
        for seen in &self.seen {
            groups.entry(seen.group).or_default().push(seen);
        }
        groups.values().map(|members| self.grouped(members)).collect()
    }
}
