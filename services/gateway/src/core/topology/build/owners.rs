//! What is made of what, what leads to what, and where it runs.

use std::collections::BTreeMap;

use paramedic_correlation::topology::{Entity, Relation};

use super::{
    Edges,
    index::{Index, namespace},
};
use crate::core::topology::record::Detail;

pub(super) fn owners(index: &Index<'_>, edges: &mut Edges) {
    let mut above: BTreeMap<Entity, Vec<&Entity>> = BTreeMap::new();
    for record in index.records() {
        let entity = &record.entity;
        match &record.detail {
            Detail::Pod { node, .. } => {
                chain(index, entity, edges);
                if let Some(node) = node {
                    edges.add(entity, Relation::RunsOn, &Entity::of_cluster("Node", node));
                }
            }
            Detail::Workload { .. } => match &record.owner {
                Some(owner) if index.top(entity) == *entity => above.entry(owner.clone()).or_default().push(entity),
                Some(owner) => edges.add(owner, Relation::Owns, entity),
                None => {}
            },
            Detail::Node { zone, addresses } => {
                if let Some(zone) = zone {
                    edges.add(entity, Relation::InZone, &Entity::of_cluster("Zone", zone));
                }
                // Alerts of what runs on the node itself name it by address.
                for address in addresses {
                    edges.add(&Entity::of_cluster("Instance", address), Relation::Selects, entity);
                }
            }
            Detail::Autoscaler(Some(target)) => edges.add(entity, Relation::Selects, target),
            Detail::Budget(selector) => {
                for workload in index.selected(namespace(entity), selector) {
                    edges.add(entity, Relation::Selects, &workload);
                }
            }
            Detail::Plain
            | Detail::Namespace(_)
            | Detail::Service { .. }
            | Detail::Endpoints { .. }
            | Detail::ConfigMap(_)
            | Detail::Claim(_)
            | Detail::Autoscaler(None)
            | Detail::Policy(_)
            | Detail::Route { .. }
            | Detail::Certificate(_) => {}
        }
    }
    for (service, behind) in index.behind() {
        for workload in behind {
            edges.add(service, Relation::Selects, workload);
        }
    }
    // What an operator makes one workload of is that workload; what it makes several of only leads to them.
    for (operated, workloads) in above {
        let relation = if workloads.len() == 1 { Relation::Owns } else { Relation::Selects };
        for workload in workloads {
            edges.add(&operated, relation, workload);
        }
    }
}

/// From a pod to what it belongs to: its ReplicaSet is between, and of those only the ones with pods.
fn chain(index: &Index<'_>, pod: &Entity, edges: &mut Edges) {
    let top = index.top(pod);
    let mut part = pod.clone();
    while part != top {
        let Some(whole) = index.owner(&part) else { break };
        edges.add(&whole, Relation::Owns, &part);
        part = whole;
    }
}
