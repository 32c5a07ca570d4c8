//! What workloads read, keep data on, and are bound by.

use paramedic_correlation::topology::{Entity, Relation};

use super::{
    Edges,
    index::{Index, namespace, sibling},
};
use crate::core::topology::record::{Detail, Needs};

pub(super) fn needs(index: &Index<'_>, edges: &mut Edges) {
    for record in index.records() {
        let entity = &record.entity;
        let own_namespace = || Entity::of_cluster("Namespace", namespace(entity));
        match &record.detail {
            Detail::Workload { needs, .. } => {
                let top = index.top(entity);
                read(&top, needs, edges);
                for claim in &needs.claims {
                    edges.add(&top, Relation::Uses, &sibling(entity, "PersistentVolumeClaim", claim));
                }
            }
            Detail::Pod { needs, .. } => {
                read(&index.top(entity), needs, edges);
                for claim in &needs.claims {
                    edges.add(entity, Relation::Uses, &sibling(entity, "PersistentVolumeClaim", claim));
                }
            }
            Detail::Claim(Some(volume)) => edges.add(entity, Relation::Uses, &Entity::of_cluster("PersistentVolume", volume)),
            // A policy for a whole namespace binds the namespace, any other one the workloads that it is about.
            Detail::Policy(selector) if selector.is_everything() => edges.add(&own_namespace(), Relation::Uses, entity),
            Detail::Policy(selector) => {
                for workload in index.selected(namespace(entity), selector) {
                    edges.add(&workload, Relation::Uses, entity);
                }
            }
            Detail::Plain if entity.kind == "ResourceQuota" => edges.add(&own_namespace(), Relation::Uses, entity),
            Detail::Certificate(Some(secret)) => edges.add(secret, Relation::Uses, entity),
            Detail::Route { uses, .. } => {
                for used in uses {
                    edges.add(entity, Relation::Uses, used);
                }
            }
            Detail::Plain
            | Detail::Namespace(_)
            | Detail::Node { .. }
            | Detail::Service { .. }
            | Detail::Endpoints { .. }
            | Detail::ConfigMap(_)
            | Detail::Claim(None)
            | Detail::Autoscaler(_)
            | Detail::Budget(_)
            | Detail::Certificate(None) => {}
        }
    }
}

fn read(by: &Entity, needs: &Needs, edges: &mut Edges) {
    for map in needs.config_maps.keys() {
        edges.add(by, Relation::Uses, &sibling(by, "ConfigMap", map));
    }
    for secret in &needs.secrets {
        edges.add(by, Relation::Uses, &sibling(by, "Secret", secret));
    }
}
