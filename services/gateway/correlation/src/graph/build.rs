//! From entities and edges to components and what is around them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Around, Component, Graph, Role};
use crate::topology::{Entity, Relation, Topology};

/// A Service over more workloads than this is no part of any of them: it is called, and calls them.
const MOST_SELECTED: usize = 3;
/// Kinds that run programs: they need names and are measured.
const WORKLOADS: [&str; 6] = ["Deployment", "StatefulSet", "DaemonSet", "Service", "Job", "CronJob"];
/// What a cluster's name server may be called.
const NAME_SERVERS: [&str; 2] = ["coredns", "kube-dns"];

pub(super) fn replace(graph: &mut Graph, topology: &Topology) {
    let known = everything(topology);
    let representative = collapse(topology, &known);
    graph.of.clear();
    for (entity, stands) in &representative {
        let component = graph.intern(stands);
        graph.of.insert(entity.clone(), component);
    }
    name(graph, &representative);
    connect(graph, topology);
    let all: BTreeSet<Component> = graph.of.values().copied().collect();
    graph.known = all.iter().copied().collect();
    let of = |graph: &Graph, roles: &[Role]| {
        all.iter()
            .copied()
            .filter(|one| roles.contains(&graph.role(*one)))
            .collect::<Vec<_>>()
    };
    graph.workloads = of(graph, &[Role::Workload, Role::NameServer, Role::Monitor]);
    graph.nodes = of(graph, &[Role::Node]);
    graph.monitors = of(graph, &[Role::Monitor]);
    graph.name_server = of(graph, &[Role::NameServer]).first().copied();
}

pub(super) fn role(entity: &Entity) -> Role {
    let runs = WORKLOADS.contains(&entity.kind.as_str());
    match entity.kind.as_str() {
        "Node" => Role::Node,
        "Zone" => Role::Zone,
        _ if runs && entity.namespace.as_deref() == Some("kube-system") && NAME_SERVERS.contains(&entity.name.as_str()) => Role::NameServer,
        _ if runs && entity.name.starts_with("prometheus") => Role::Monitor,
        _ if runs || ["Workload", "Pod"].contains(&entity.kind.as_str()) => Role::Workload,
        _ => Role::Other,
    }
}

/// Sets what is around each component, in the order of their numbers.
fn connect(graph: &mut Graph, topology: &Topology) {
    let mut calls: BTreeSet<(Component, Component)> = BTreeSet::new();
    let mut uses: BTreeSet<(Component, Component)> = BTreeSet::new();
    let mut parts: BTreeMap<(Component, Component), u32> = BTreeMap::new();
    for edge in &topology.edges {
        let (from, to) = (graph.of[&edge.from], graph.of[&edge.to]);
        if from == to {
            continue;
        }
        match edge.relation {
            Relation::Calls | Relation::Selects => {
                calls.insert((from, to));
            }
            Relation::RunsOn | Relation::InZone => *parts.entry((from, to)).or_default() += 1,
            Relation::Uses | Relation::Owns => {
                uses.insert((from, to));
            }
        }
    }
    graph.around = vec![Around::default(); graph.len()];
    for (from, to) in calls {
        graph.around[from as usize].callees.push(to);
        graph.around[to as usize].callers.push(from);
    }
    for (from, to) in uses {
        graph.around[from as usize].uses.push(to);
        graph.around[to as usize].users.push(from);
    }
    let mut all: BTreeMap<Component, u32> = BTreeMap::new();
    for ((from, _), count) in &parts {
        *all.entry(*from).or_default() += count;
    }
    for ((from, to), here) in parts {
        #[allow(clippy::cast_precision_loss, reason = "pods of one workload")]
        let share = here as f32 / all[&from] as f32;
        graph.around[from as usize].hosts.push((to, share));
        graph.around[to as usize].guests.push((from, share));
    }
}

fn everything(topology: &Topology) -> BTreeSet<Entity> {
    let of_edges = topology.edges.iter().flat_map(|edge| [&edge.from, &edge.to]);
    let mut all: BTreeSet<Entity> = topology.entities.iter().chain(of_edges).cloned().collect();
    let namespaces: Vec<Entity> = all
        .iter()
        .filter_map(|entity| Some(Entity::of_cluster("Namespace", entity.namespace.as_deref()?)))
        .collect();
    all.extend(namespaces);
    all
}

/// Each entity with the one that stands for its component: the workload for its pods and for the Services that lead to it.
fn collapse(topology: &Topology, known: &BTreeSet<Entity>) -> BTreeMap<Entity, Entity> {
    let mut selected: BTreeMap<&Entity, usize> = BTreeMap::new();
    for edge in topology.edges.iter().filter(|edge| edge.relation == Relation::Selects) {
        *selected.entry(&edge.from).or_default() += 1;
    }
    let mut used: BTreeMap<&Entity, BTreeSet<&Entity>> = BTreeMap::new();
    for edge in topology.edges.iter().filter(|edge| edge.relation == Relation::Uses) {
        used.entry(&edge.to).or_default().insert(&edge.from);
    }
    let mut above: BTreeMap<&Entity, &Entity> = BTreeMap::new();
    for edge in &topology.edges {
        let (part, whole) = match edge.relation {
            Relation::Owns => (&edge.to, &edge.from),
            Relation::Selects if selected[&edge.from] <= MOST_SELECTED => (&edge.from, &edge.to),
            // The configuration, the certificate, the volume of one workload fail with it, and it with them.
            Relation::Uses if used[&edge.to].len() == 1 => (&edge.to, &edge.from),
            Relation::Selects | Relation::Uses | Relation::Calls | Relation::RunsOn | Relation::InZone => continue,
        };
        above.entry(part).or_insert(whole);
    }
    known
        .iter()
        .map(|entity| {
            let mut top = entity;
            // A pod, its ReplicaSet, its Deployment, an operator's object: chains are short, and a ring ends here too.
            for _ in 0..6 {
                match above.get(top) {
                    Some(whole) => top = whole,
                    None => break,
                }
            }
            (entity.clone(), top.clone())
        })
        .collect()
}

fn name(graph: &mut Graph, representative: &BTreeMap<Entity, Entity>) {
    graph.named.clear();
    graph.nameless.clear();
    for entity in representative.keys().filter(|entity| entity.kind != "Namespace") {
        let Some(component) = graph.of.get(entity).copied() else { continue };
        let put = |slot: &mut Option<Component>| {
            if *slot != Some(component) {
                // A workload and its ConfigMap may share a name: the workload is meant.
                let runs = |of: Component| WORKLOADS.contains(&graph.entities[of as usize].kind.as_str());
                *slot = slot
                    .filter(|other| runs(*other) != runs(component))
                    .map(|other| if runs(other) { other } else { component });
            }
        };
        if let Some(namespace) = &entity.namespace {
            put(graph
                .named
                .entry((namespace.clone(), entity.name.clone()))
                .or_insert(Some(component)));
        }
        put(graph.nameless.entry(entity.name.clone()).or_insert(Some(component)));
    }
}
