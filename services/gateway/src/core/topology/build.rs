//! From what is kept of objects to entities, dependencies and facts.

mod calls;
mod index;
mod needs;
mod owners;

use std::collections::BTreeSet;

use paramedic_correlation::topology::{Edge, Entity, Relation, Topology};

use self::index::Index;
use super::{
    inventory::Inventory,
    measured::Measured,
    record::{Detail, Record},
    snapshot::Snapshot,
};
use crate::core::facts::{Facts, WorkloadFacts};

/// What there is and what depends on what. The same inventory and measurements give the same snapshot, to the byte.
#[must_use]
pub fn build(inventory: &Inventory, measured: &Measured) -> Snapshot {
    let index = Index::of(inventory);
    let mut edges = Edges::default();
    owners::owners(&index, &mut edges);
    needs::needs(&index, &mut edges);
    calls::calls(&index, measured, &mut edges);
    let shown = inventory.records().filter(|record| !is_silent(record));
    let mut entities: BTreeSet<Entity> = shown.map(|record| record.entity.clone()).collect();
    entities.extend(edges.0.iter().flat_map(|edge| [edge.from.clone(), edge.to.clone()]));
    Snapshot {
        topology: Topology {
            entities: entities.into_iter().collect(),
            edges: edges.0.into_iter().collect(),
            rules: measured.rules.clone(),
        },
        facts: facts(&index),
        measured: measured.calls.clone(),
    }
}

/// Edges, each once and none from a thing to itself.
#[derive(Debug, Default)]
struct Edges(BTreeSet<Edge>);

impl Edges {
    fn add(&mut self, from: &Entity, relation: Relation, to: &Entity) {
        if from != to {
            self.0.insert(Edge {
                from: from.clone(),
                to: to.clone(),
                relation,
            });
        }
    }
}

fn facts(index: &Index<'_>) -> Facts {
    let mut facts = Facts::default();
    for record in index.records() {
        if let Detail::Namespace(said) = &record.detail {
            facts.namespaces.insert(record.entity.name.clone(), said.clone());
        }
        // What one run of a CronJob says, the CronJob says.
        if record.facts != WorkloadFacts::default() && index.top(&record.entity) == record.entity {
            facts.workloads.insert(record.entity.clone(), record.facts.clone());
        }
    }
    facts
}

/// Whether something else has to name it before it is told of.
fn is_silent(record: &Record) -> bool {
    match record.detail {
        // Only what somebody uses of these says something; ReplicaSets without pods are history.
        Detail::ConfigMap(_) | Detail::Endpoints { .. } => true,
        Detail::Plain => record.entity.kind == "ReplicaSet",
        Detail::Namespace(_)
        | Detail::Node { .. }
        | Detail::Pod { .. }
        | Detail::Workload { .. }
        | Detail::Service { .. }
        | Detail::Claim(_)
        | Detail::Autoscaler(_)
        | Detail::Budget(_)
        | Detail::Policy(_)
        | Detail::Route { .. }
        | Detail::Certificate(_) => false,
    }
}

#[cfg(test)]
mod tests;
