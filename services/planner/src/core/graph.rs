//! The dependency graph of a set of steps: order, levels, ancestors, the longest chain.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use paramedic_domain::id::StepId;
use petgraph::{
    Direction,
    algo::{has_path_connecting, toposort},
    graph::{DiGraph, NodeIndex},
    visit::{Dfs, Reversed},
};

/// An acyclic graph; an edge runs from a dependency to the step that waits for it.
#[derive(Debug, Clone)]
pub struct Graph {
    graph: DiGraph<StepId, ()>,
    nodes: BTreeMap<StepId, NodeIndex>,
}

/// Steps that wait for each other in a circle: each waits for the next, the last is the first again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle(pub Vec<StepId>);

impl std::fmt::Display for Cycle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.0.iter().map(StepId::as_str).collect();
        f.write_str(&names.join(" -> "))
    }
}

impl Graph {
    /// The graph of `(step, dependencies)`. Dependencies that are not among the steps are ignored here: validation
    /// has named them before.
    ///
    /// # Errors
    /// A cycle, if there is one.
    pub fn new(steps: &[(StepId, Vec<StepId>)]) -> Result<Self, Cycle> {
        let mut graph = DiGraph::new();
        let nodes: BTreeMap<StepId, NodeIndex> = steps.iter().map(|(id, _)| (id.clone(), graph.add_node(id.clone()))).collect();
        for (id, dependencies) in steps {
            for dependency in dependencies.iter().filter_map(|dependency| nodes.get(dependency)) {
                graph.update_edge(*dependency, nodes[id], ());
            }
        }
        let graph = Self { graph, nodes };
        match toposort(&graph.graph, None) {
            Ok(_) => Ok(graph),
            Err(inside) => Err(graph.cycle_through(inside.node_id())),
        }
    }

    /// Follows dependencies that lie on a cycle until a step comes up again.
    fn cycle_through(&self, start: NodeIndex) -> Cycle {
        let mut path = vec![start];
        loop {
            let here = path[path.len() - 1];
            let next = self
                .graph
                .neighbors_directed(here, Direction::Incoming)
                .filter(|next| has_path_connecting(&self.graph, here, *next, None))
                .min_by_key(|next| self.graph[*next].clone());
            let Some(next) = next else { break };
            if let Some(at) = path.iter().position(|seen| *seen == next) {
                path.drain(..at);
                path.push(next);
                break;
            }
            path.push(next);
        }
        Cycle(path.into_iter().map(|node| self.graph[node].clone()).collect())
    }

    fn node(&self, id: &StepId) -> Option<NodeIndex> {
        self.nodes.get(id).copied()
    }

    /// Level of every node: the number of steps on the longest chain before it.
    fn depths(&self) -> BTreeMap<NodeIndex, usize> {
        let order = toposort(&self.graph, None).unwrap_or_default();
        let mut depths = BTreeMap::new();
        for node in order {
            let before = self.graph.neighbors_directed(node, Direction::Incoming);
            let depth = before.filter_map(|n| depths.get(&n)).max().map_or(0, |depth: &usize| depth + 1);
            depths.insert(node, depth);
        }
        depths
    }

    /// Steps that can run at the same time, level by level, each level in the order the steps were given.
    #[must_use]
    pub fn levels(&self) -> Vec<Vec<StepId>> {
        let mut levels: Vec<Vec<StepId>> = Vec::new();
        // node indices count up in the order of insertion, and the map is sorted by them
        for (node, depth) in self.depths() {
            if levels.len() <= depth {
                levels.resize(depth + 1, Vec::new());
            }
            levels[depth].push(self.graph[node].clone());
        }
        levels
    }

    /// Every step after all its dependencies; the same input always gives the same order.
    #[must_use]
    pub fn order(&self) -> Vec<StepId> {
        self.levels().into_iter().flatten().collect()
    }

    /// Direct dependencies, in the order the steps were given.
    #[must_use]
    pub fn dependencies(&self, id: &StepId) -> Vec<StepId> {
        let Some(node) = self.node(id) else { return Vec::new() };
        let before: BTreeSet<NodeIndex> = self.graph.neighbors_directed(node, Direction::Incoming).collect();
        before.into_iter().map(|node| self.graph[node].clone()).collect()
    }

    /// Everything that must have succeeded before `id`, without `id`.
    #[must_use]
    pub fn ancestors(&self, id: &StepId) -> BTreeSet<StepId> {
        let Some(node) = self.node(id) else { return BTreeSet::new() };
        let reversed = Reversed(&self.graph);
        let mut walk = Dfs::new(reversed, node);
        let mut found = BTreeSet::new();
        while let Some(next) = walk.next(reversed) {
            if next != node {
                found.insert(self.graph[next].clone());
            }
        }
        found
    }

    /// Whether `later` waits for `earlier`, directly or through others.
    #[must_use]
    pub fn waits(&self, later: &StepId, earlier: &StepId) -> bool {
        match (self.node(earlier), self.node(later)) {
            (Some(from), Some(to)) => from != to && has_path_connecting(&self.graph, from, to, None),
            _ => false,
        }
    }

    /// Makes `later` wait for `earlier`. Nothing happens when it does already; `false` when that would close a cycle.
    pub fn chain(&mut self, earlier: &StepId, later: &StepId) -> bool {
        if self.waits(later, earlier) {
            return true;
        }
        match (self.node(earlier), self.node(later)) {
            (Some(from), Some(to)) if from != to && !self.waits(earlier, later) => {
                self.graph.update_edge(from, to, ());
                true
            }
            _ => false,
        }
    }

    /// Adds a step that waits for `dependencies`. Nothing happens when it is known already.
    pub fn add(&mut self, id: &StepId, dependencies: &[StepId]) {
        if self.nodes.contains_key(id) {
            return;
        }
        let node = self.graph.add_node(id.clone());
        self.nodes.insert(id.clone(), node);
        for dependency in dependencies {
            self.chain(dependency, id);
        }
    }

    /// Takes away that `later` waits directly for `earlier`.
    pub fn unchain(&mut self, earlier: &StepId, later: &StepId) {
        let edge = self
            .node(earlier)
            .zip(self.node(later))
            .and_then(|(from, to)| self.graph.find_edge(from, to));
        if let Some(edge) = edge {
            self.graph.remove_edge(edge);
        }
    }

    /// The chain that takes longest, and how long that is.
    #[must_use]
    pub fn critical_path(&self, duration: impl Fn(&StepId) -> Duration) -> (Vec<StepId>, Duration) {
        let mut best: BTreeMap<NodeIndex, (Duration, Option<NodeIndex>)> = BTreeMap::new();
        for node in toposort(&self.graph, None).unwrap_or_default() {
            let slowest = self
                .graph
                .neighbors_directed(node, Direction::Incoming)
                .filter_map(|before| best.get(&before).map(|(total, _)| (*total, before)))
                .max_by_key(|(total, before)| (*total, std::cmp::Reverse(*before)));
            let own = duration(&self.graph[node]);
            let (total, before) = slowest.map_or((own, None), |(total, before)| (total + own, Some(before)));
            best.insert(node, (total, before));
        }
        let Some((&last, &(total, _))) = best.iter().max_by_key(|(node, (total, _))| (*total, std::cmp::Reverse(**node))) else {
            return (Vec::new(), Duration::ZERO);
        };
        let chain = std::iter::successors(Some(last), |node| best[node].1);
        let mut path: Vec<StepId> = chain.map(|node| self.graph[node].clone()).collect();
        path.reverse();
        (path, total)
    }
}
