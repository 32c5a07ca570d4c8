//! What one thing depends on and what depends on it, for people.

use std::collections::BTreeSet;

use paramedic_correlation::topology::{Entity, Relation, Topology};
use serde::Serialize;

/// One thing with everything next to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Neighbours {
    /// What was asked for.
    pub entity: Entity,
    /// What is the same thing under other names: the Services that lead to it, its ReplicaSets and pods.
    pub same: BTreeSet<Entity>,
    /// What it depends on.
    pub needs: BTreeSet<Neighbour>,
    /// What depends on it.
    pub needed_by: BTreeSet<Neighbour>,
}

/// One dependency.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Neighbour {
    /// How.
    pub relation: Relation,
    /// What is at the other end.
    pub entity: Entity,
    /// The name of the thing at this end.
    pub through: Entity,
}

/// Everything next to an entity; `None` when the topology does not know it.
#[must_use]
pub fn neighbours(topology: &Topology, entity: &Entity) -> Option<Neighbours> {
    let is_known = topology.entities.contains(entity) || topology.edges.iter().any(|edge| edge.from == *entity || edge.to == *entity);
    if !is_known {
        return None;
    }
    let mut same = BTreeSet::from([entity.clone()]);
    // Parts of parts: each round goes one step down the chain of owners.
    loop {
        let more: Vec<Entity> = topology
            .edges
            .iter()
            .filter_map(|edge| match edge.relation {
                Relation::Owns => same.contains(&edge.from).then_some(&edge.to),
                Relation::Selects => (edge.to == *entity).then_some(&edge.from),
                Relation::Calls | Relation::RunsOn | Relation::InZone | Relation::Uses => None,
            })
            .filter(|part| !same.contains(part))
            .cloned()
            .collect();
        if more.is_empty() {
            break;
        }
        same.extend(more);
    }
    let outside = |inside: &Entity, outside: &Entity, relation| {
        (same.contains(inside) && !same.contains(outside)).then(|| Neighbour {
            relation,
            entity: outside.clone(),
            through: inside.clone(),
        })
    };
    let needs = topology
        .edges
        .iter()
        .filter_map(|edge| outside(&edge.from, &edge.to, edge.relation));
    let needed_by = topology
        .edges
        .iter()
        .filter_map(|edge| outside(&edge.to, &edge.from, edge.relation));
    let (needs, needed_by) = (needs.collect(), needed_by.collect());
    same.remove(entity);
    Some(Neighbours {
        entity: entity.clone(),
        same,
        needs,
        needed_by,
    })
}

#[cfg(test)]
mod tests {
    use paramedic_correlation::topology::Edge;

    use super::*;

    #[test]
    fn neighbours_are_those_of_every_name_of_a_thing() {
        let entity = |text: &str| text.parse::<Entity>().unwrap();
        let edge = |from: &str, relation, to: &str| Edge {
            from: entity(from),
            to: entity(to),
            relation,
        };
        let topology = Topology {
            edges: vec![
                edge("Deployment/shop/web", Relation::Calls, "Service/shop/cart"),
                edge("Service/shop/cart", Relation::Selects, "Deployment/shop/cart"),
                edge("Deployment/shop/cart", Relation::Owns, "ReplicaSet/shop/cart-a"),
                edge("ReplicaSet/shop/cart-a", Relation::Owns, "Pod/shop/cart-a-1"),
                edge("Pod/shop/cart-a-1", Relation::RunsOn, "Node/n1"),
                edge("Deployment/shop/cart", Relation::Uses, "ConfigMap/shop/cart"),
                edge("Deployment/shop/web", Relation::Calls, "Service/shop/other"),
            ],
            ..Topology::default()
        };
        let found = neighbours(&topology, &entity("Deployment/shop/cart")).unwrap();
        let words = |all: &BTreeSet<Neighbour>| -> Vec<String> {
            let word = |one: &Neighbour| format!("{:?} {} {}", one.relation, one.through, one.entity);
            all.iter().map(word).collect()
        };
        assert_eq!(
            words(&found.needs),
            ["RunsOn Pod/shop/cart-a-1 Node/n1", "Uses Deployment/shop/cart ConfigMap/shop/cart"]
        );
        assert_eq!(words(&found.needed_by), ["Calls Service/shop/cart Deployment/shop/web"]);
        assert_eq!(found.same.len(), 3);
        assert!(neighbours(&topology, &entity("Deployment/shop/nobody")).is_none());
    }
}
