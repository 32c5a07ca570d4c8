//! Who calls whom: by configuration, by declaration, by routes, and as it was measured.

use paramedic_correlation::topology::{Entity, Relation};

use super::{
    Edges,
    index::{Index, namespace, sibling},
};
use crate::core::topology::{
    measured::{End, Measured},
    record::{Detail, Needs},
};

pub(super) fn calls(index: &Index<'_>, measured: &Measured, edges: &mut Edges) {
    for record in index.records() {
        let entity = &record.entity;
        match &record.detail {
            Detail::Workload { needs, .. } | Detail::Pod { needs, .. } => {
                let top = index.top(entity);
                configured(index, &top, needs, edges);
                declared(index, &top, &record.declared, edges);
            }
            Detail::Service { external: Some(host), .. } => {
                if let Some(service) = index.service(host, namespace(entity)) {
                    edges.add(entity, Relation::Calls, &service);
                }
            }
            Detail::Route { services, .. } => {
                for service in services {
                    edges.add(entity, Relation::Calls, service);
                }
            }
            Detail::Plain
            | Detail::Namespace(_)
            | Detail::Node { .. }
            | Detail::Service { external: None, .. }
            | Detail::Endpoints { .. }
            | Detail::ConfigMap(_)
            | Detail::Claim(_)
            | Detail::Autoscaler(_)
            | Detail::Budget(_)
            | Detail::Policy(_)
            | Detail::Certificate(_) => {}
        }
        // What is declared at a Service is what stands behind it calls.
        if let Detail::Service { .. } = record.detail
            && !record.declared.is_empty()
        {
            for workload in index.behind_of(entity).into_iter().flatten() {
                declared(index, workload, &record.declared, edges);
            }
        }
    }
    for call in &measured.calls {
        let (from, to) = (caller(index, &call.from), called(index, &call.to));
        if let (Some(from), Some(to)) = (from, to) {
            add(index, &from, &to, edges);
        }
    }
}

/// Hosts that stand in the environment, the arguments, and the ConfigMaps that a workload reads.
fn configured(index: &Index<'_>, workload: &Entity, needs: &Needs, edges: &mut Edges) {
    let own = namespace(workload);
    let mut call = |host: &str| {
        if let Some(service) = index.service(host, own) {
            add(index, workload, &service, edges);
        }
    };
    needs.hosts.iter().for_each(|host| call(host));
    for (name, part) in &needs.config_maps {
        let record = index.get(&sibling(workload, "ConfigMap", name));
        let Some(Detail::ConfigMap(named)) = record.map(|record| &record.detail) else {
            continue;
        };
        let read = named.iter().filter(|(key, _)| part.has(key));
        read.flat_map(|(_, hosts)| hosts).for_each(|host| call(host));
    }
}

/// What people say that a workload calls: a Service, or a workload that has none.
fn declared(index: &Index<'_>, workload: &Entity, names: &[String], edges: &mut Edges) {
    let own = namespace(workload);
    for name in names {
        let called = index.service(name, own).or_else(|| {
            let (name, namespace) = name.split_once('.').unwrap_or((name, own));
            index.workload(namespace, name).cloned()
        });
        if let Some(called) = called {
            add(index, workload, &called, edges);
        }
    }
}

/// Nobody depends on itself, even where its configuration holds its own address.
fn add(index: &Index<'_>, from: &Entity, to: &Entity, edges: &mut Edges) {
    if !index.behind_of(to).is_some_and(|behind| behind.contains(from)) {
        edges.add(from, Relation::Calls, to);
    }
}

/// The workload that calls are measured from.
fn caller(index: &Index<'_>, end: &End) -> Option<Entity> {
    let found = match &end.namespace {
        Some(namespace) => index.workload(namespace, &end.name).cloned(),
        None => index.anywhere(&end.name).cloned(),
    }?;
    // A Service calls nobody: what stands behind it does, if that is one thing.
    match index.behind_of(&found) {
        Some(behind) if behind.len() == 1 => behind.first().cloned(),
        Some(_) | None => Some(found),
    }
}

/// The Service, or else the workload, that is called.
fn called(index: &Index<'_>, end: &End) -> Option<Entity> {
    match &end.namespace {
        Some(namespace) => index
            .service(&end.name, namespace)
            .or_else(|| index.workload(namespace, &end.name).cloned()),
        None => index.anywhere(&end.name).cloned(),
    }
}
