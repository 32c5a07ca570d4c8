//! The topology as the correlator uses it: components (a workload with its pods and Services is one) and what is around each.

mod build;

use std::collections::{HashMap, HashSet};

use crate::topology::{Entity, Topology};

/// Index of a component; it stays the same as long as the component is known or needed, whatever topologies come.
pub type Component = u32;

/// What a component is, as far as trouble spreads differently from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It runs programs.
    Workload,
    /// It resolves names for all workloads.
    NameServer,
    /// It measures everything.
    Monitor,
    /// A machine.
    Node,
    /// Machines that fail together.
    Zone,
    /// Anything else: configuration, volumes, namespaces, what no topology knows.
    Other,
}

/// What is around a component. A share is that of its parts, 0 to 1.
#[derive(Debug, Clone, Default)]
pub struct Around {
    /// What calls it.
    pub callers: Vec<Component>,
    /// What it calls.
    pub callees: Vec<Component>,
    /// Nodes that it runs on (or the zone that a node stands in), with the share of it that does.
    pub hosts: Vec<(Component, f32)>,
    /// What runs on this node (nodes of this zone), with the share of it that does.
    pub guests: Vec<(Component, f32)>,
    /// Configuration, secrets and volumes that it has in common with others.
    pub uses: Vec<Component>,
    /// What reads this.
    pub users: Vec<Component>,
}

/// Components, and what is around each.
#[derive(Debug, Default)]
pub struct Graph {
    /// The entity that stands for each component.
    entities: Vec<Entity>,
    roles: Vec<Role>,
    around: Vec<Around>,
    /// Components by the entity that stands for them.
    own: HashMap<Entity, Component>,
    /// Components of everything that the current topology has, and of what it does not know but alerts are about.
    of: HashMap<Entity, Component>,
    /// Components that the current topology has.
    known: HashSet<Component>,
    /// Components that stand for nothing now, to be used again; the least last.
    free: Vec<Component>,
    /// Components by namespace and name, whatever the kind; `None` where the name means several.
    named: HashMap<(String, String), Option<Component>>,
    /// Components by name alone.
    nameless: HashMap<String, Option<Component>>,
    workloads: Vec<Component>,
    nodes: Vec<Component>,
    monitors: Vec<Component>,
    name_server: Option<Component>,
}

impl Graph {
    /// The entity that stands for a component.
    #[must_use]
    pub fn entity(&self, component: Component) -> &Entity {
        &self.entities[component as usize]
    }

    /// What a component is.
    #[must_use]
    pub fn role(&self, component: Component) -> Role {
        self.roles[component as usize]
    }

    /// Whether it keeps data for others: a StatefulSet, which is measured by an exporter beside it rather than by its requests.
    #[must_use]
    pub fn is_store(&self, component: Component) -> bool {
        self.entity(component).kind == "StatefulSet"
    }

    /// What is around a component.
    #[must_use]
    pub fn around(&self, component: Component) -> &Around {
        &self.around[component as usize]
    }

    /// Everything that runs programs, name server and monitors included.
    #[must_use]
    pub fn workloads(&self) -> &[Component] {
        &self.workloads
    }

    /// Every node.
    #[must_use]
    pub fn nodes(&self) -> &[Component] {
        &self.nodes
    }

    /// What measures everything.
    #[must_use]
    pub fn monitors(&self) -> &[Component] {
        &self.monitors
    }

    /// What resolves names.
    #[must_use]
    pub fn name_server(&self) -> Option<Component> {
        self.name_server
    }

    /// Number of components.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entities.len()
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entities.is_empty()
    }

    /// The component of an entity of the topology.
    #[must_use]
    pub fn component(&self, entity: &Entity) -> Option<Component> {
        self.of.get(entity).copied()
    }

    /// The component of this name in a namespace, if only one has it.
    #[must_use]
    pub fn named(&self, namespace: &str, name: &str) -> Option<Component> {
        // Tuples of borrowed strings cannot be looked up without owning them; this is not the hot path (known alerts are not located).
        self.named.get(&(namespace.to_owned(), name.to_owned())).copied().flatten()
    }

    /// The component of this name in any namespace, if only one has it.
    #[must_use]
    pub fn named_anywhere(&self, name: &str) -> Option<Component> {
        self.nameless.get(name).copied().flatten()
    }

    /// The component of something that the topology does not know: it gets one of its own that suffers from nothing else.
    pub fn stranger(&mut self, entity: Entity) -> Component {
        if let Some(known) = self.of.get(&entity) {
            return *known;
        }
        let component = self.intern(&entity);
        self.of.insert(entity, component);
        component
    }

    /// Forgets components that the topology does not have and that nothing needs any more, by their indices. How many.
    pub fn forget(&mut self, needed: &[bool]) -> usize {
        let before = self.free.len();
        let (known, free) = (&self.known, &mut self.free);
        self.own.retain(|_, component| {
            let stays = known.contains(component) || needed[*component as usize];
            if !stays {
                free.push(*component);
            }
            stays
        });
        let own = &self.own;
        self.of
            .retain(|entity, component| known.contains(component) || own.contains_key(entity));
        self.free.sort_unstable_by(|a, b| b.cmp(a));
        self.free.len() - before
    }

    /// What a component that no topology knew turned out to be; `None` if it is still unknown, or was known already.
    #[must_use]
    pub fn recognised(&self, component: Component) -> Option<Component> {
        let entity = self.entity(component);
        if self.of.contains_key(entity) {
            return None;
        }
        let known = match &entity.namespace {
            Some(namespace) => self.named(namespace, &entity.name),
            None => self.named_anywhere(&entity.name),
        };
        known.filter(|known| *known != component)
    }

    /// Takes a new topology in place of the current one.
    pub fn replace(&mut self, topology: &Topology) {
        build::replace(self, topology);
    }

    /// Forgets what depends on what; what is one component stays one.
    pub fn isolate(&mut self) {
        self.around.fill(Around::default());
        self.workloads.clear();
        self.nodes.clear();
        self.monitors.clear();
        self.name_server = None;
    }

    fn intern(&mut self, entity: &Entity) -> Component {
        if let Some(known) = self.own.get(entity) {
            return *known;
        }
        let component = self.free.pop().unwrap_or_else(|| {
            self.entities.push(entity.clone());
            self.roles.push(Role::Other);
            self.around.push(Around::default());
            Component::try_from(self.entities.len() - 1).unwrap_or(Component::MAX)
        });
        let at = component as usize;
        (self.entities[at], self.roles[at]) = (entity.clone(), build::role(entity));
        self.own.insert(entity.clone(), component);
        component
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_that_nothing_needs_is_forgotten_and_its_number_used_again() {
        let entity = |name: &str| Entity::in_namespace("Deployment", "n", name);
        let mut graph = Graph::default();
        graph.replace(&Topology {
            entities: vec![entity("known")],
            ..Topology::default()
        });
        let known = graph.component(&entity("known")).unwrap();
        let forget = |graph: &mut Graph, needed: &[Component]| {
            let needed: Vec<bool> = (0..).take(graph.len()).map(|component| needed.contains(&component)).collect();
            graph.forget(&needed)
        };
        let [a, b] = ["a", "b"].map(|name| graph.stranger(entity(name)));
        assert_eq!(forget(&mut graph, &[b]), 1);
        assert_eq!((graph.component(&entity("a")), graph.component(&entity("b"))), (None, Some(b)));
        let c = graph.stranger(Entity::of_cluster("Node", "c"));
        assert_eq!((c, graph.role(c)), (a, Role::Node));
        assert_eq!(graph.component(&entity("known")), Some(known));
        assert_eq!(forget(&mut graph, &[b, c]), 0);
    }
}
