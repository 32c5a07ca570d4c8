//! From entities and edges to components and their causes.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Cause, Component, Graph, Way,
    causes::{self, Need},
};
use crate::{
    topology::{Entity, Relation, Topology},
    weights,
};

/// A Service over more workloads than this is no part of any of them: it is called, and calls them.
const MOST_SELECTED: usize = 3;
/// Chances that what stands on something suffers from its failure.
const ON_NODE_LEAST: f32 = 0.35;
const IN_ZONE: f32 = 0.95;
const BY_CONFIGURATION: f32 = 0.8;
/// Every workload asks the cluster's name server, but most answers are remembered for a while.
const BY_NAME_SERVER: f32 = 0.55;
/// Being of one namespace.
const IN_NAMESPACE: f32 = 0.12;
/// Kinds that run programs: they need names and are measured.
const WORKLOADS: [&str; 6] = ["Deployment", "StatefulSet", "DaemonSet", "Service", "Job", "CronJob"];

pub(super) fn replace(graph: &mut Graph, topology: &Topology) {
    let known = everything(topology);
    let representative = collapse(topology, &known);
    graph.of.clear();
    for (entity, stands) in &representative {
        let component = graph.intern(stands);
        graph.of.insert(entity.clone(), component);
    }
    name(graph, &representative);
    let needs = needs(graph, topology);
    let mut called_by = vec![Vec::new(); graph.len()];
    for (from, all) in needs.iter().enumerate() {
        for need in all.iter().filter(|need| need.call) {
            called_by[need.component as usize].push(Component::try_from(from).unwrap_or(Component::MAX));
        }
    }
    let hosted = hosted(graph, topology);
    let monitors = monitors(graph);
    let mut breadth = vec![0.0_f32; graph.len()];
    for component in 0..graph.len() {
        let from = Component::try_from(component).unwrap_or(Component::MAX);
        let mut all = causes::needed(from, &needs);
        for cause in &all {
            breadth[cause.component as usize] += weights::visible(cause);
        }
        let new = |found: &Vec<Cause>, more: Vec<Cause>| -> Vec<Cause> {
            let known: BTreeSet<(Component, Way)> = found.iter().map(|cause| (cause.component, cause.way)).collect();
            more.into_iter()
                .filter(|cause| !known.contains(&(cause.component, cause.way)))
                .collect()
        };
        let more = new(&all, causes::callers(from, &called_by));
        all.extend(more);
        let more = new(&all, causes::beside(from, &called_by, &needs));
        all.extend(more);
        all.extend(causes::rivals(from, &called_by, &needs));
        all.extend(causes::crowd(from, &needs, &hosted));
        all.extend(monitors.iter().filter(|monitor| **monitor != from).map(|monitor| Cause {
            component: *monitor,
            way: Way::Measured,
            calls: 0,
            steps: 1,
            strength: 1.0,
        }));
        graph.causes[component] = all.into();
    }
    graph.breadth = breadth;
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

/// What runs on each node, with the share of it that does.
fn hosted(graph: &Graph, topology: &Topology) -> BTreeMap<Component, Vec<(Component, f32)>> {
    let mut hosted: BTreeMap<Component, BTreeSet<Component>> = BTreeMap::new();
    for edge in topology.edges.iter().filter(|edge| edge.relation == Relation::RunsOn) {
        let runs = graph.of[&edge.from];
        // What runs everywhere crowds nobody in particular.
        if graph.entity(runs).kind != "DaemonSet" {
            hosted.entry(graph.of[&edge.to]).or_default().insert(runs);
        }
    }
    let list = |(node, runs): (Component, BTreeSet<Component>)| (node, runs.into_iter().map(|one| (one, 1.0)).collect());
    hosted.into_iter().map(list).collect()
}

fn needs(graph: &Graph, topology: &Topology) -> Vec<Vec<Need>> {
    let mut direct: Vec<BTreeMap<(Component, bool), f32>> = vec![BTreeMap::new(); graph.len()];
    let mut pods: BTreeMap<Component, BTreeMap<Component, u32>> = BTreeMap::new();
    for edge in &topology.edges {
        let (from, to) = (graph.of[&edge.from], graph.of[&edge.to]);
        if from == to {
            continue;
        }
        match edge.relation {
            Relation::Calls | Relation::Selects => {
                direct[from as usize].insert((to, true), 1.0);
            }
            Relation::RunsOn => *pods.entry(from).or_default().entry(to).or_default() += 1,
            Relation::InZone => {
                direct[from as usize].insert((to, false), IN_ZONE);
            }
            Relation::Uses | Relation::Owns => {
                direct[from as usize].insert((to, false), BY_CONFIGURATION);
            }
        }
    }
    for (from, nodes) in pods {
        let all: u32 = nodes.values().sum();
        for (node, here) in nodes {
            #[allow(clippy::cast_precision_loss, reason = "pods of one workload")]
            let share = here as f32 / all.max(1) as f32;
            direct[from as usize].insert((node, false), ON_NODE_LEAST + (1.0 - ON_NODE_LEAST) * share);
        }
    }
    let name_server = name_server(graph);
    for (component, needs) in direct.iter_mut().enumerate() {
        let from = Component::try_from(component).unwrap_or(Component::MAX);
        let entity = &graph.entities[component];
        if !WORKLOADS.contains(&entity.kind.as_str()) {
            continue;
        }
        if let Some(server) = name_server.filter(|server| *server != from) {
            needs.entry((server, false)).or_insert(BY_NAME_SERVER);
        }
        let namespace = entity
            .namespace
            .as_deref()
            .and_then(|name| graph.component(&Entity::of_cluster("Namespace", name)));
        if let Some(namespace) = namespace {
            needs.insert((namespace, false), IN_NAMESPACE);
        }
    }
    let list = |direct: BTreeMap<(Component, bool), f32>| {
        direct
            .into_iter()
            .map(|((component, call), strength)| Need { component, call, strength })
            .collect()
    };
    direct.into_iter().map(list).collect()
}

fn name_server(graph: &Graph) -> Option<Component> {
    ["coredns", "kube-dns"].iter().find_map(|name| graph.named("kube-system", name))
}

/// What collects metrics.
fn monitors(graph: &Graph) -> Vec<Component> {
    let measures = |entity: &Entity| WORKLOADS.contains(&entity.kind.as_str()) && entity.name.starts_with("prometheus");
    graph
        .of
        .values()
        .copied()
        .filter(|component| measures(&graph.entities[*component as usize]))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}
