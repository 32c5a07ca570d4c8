//! The topology as the correlator uses it: components (a workload with its pods and Services is one) and what each may suffer from.

mod build;
mod causes;

use std::collections::HashMap;

use crate::topology::{Entity, Topology};

pub use causes::{Cause, Way};

/// Index of a component; it stays the same for the life of a graph, whatever topologies come.
pub type Component = u32;

/// Components, and what each may suffer from.
#[derive(Debug, Default)]
pub struct Graph {
    /// The entity that stands for each component.
    entities: Vec<Entity>,
    /// Components by the entity that stands for them.
    own: HashMap<Entity, Component>,
    /// Components of everything that the current topology has.
    of: HashMap<Entity, Component>,
    /// Components by namespace and name, whatever the kind; `None` where the name means several.
    named: HashMap<(String, String), Option<Component>>,
    /// Components by name alone.
    nameless: HashMap<String, Option<Component>>,
    /// What each may suffer from, itself first, then by falling strength.
    causes: Vec<Box<[Cause]>>,
    /// How many components each can make suffer: the sum of the strengths.
    breadth: Vec<f32>,
}

impl Graph {
    /// The entity that stands for a component.
    #[must_use]
    pub fn entity(&self, component: Component) -> &Entity {
        &self.entities[component as usize]
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

    /// What a component may suffer from, itself first.
    #[must_use]
    pub fn causes(&self, component: Component) -> &[Cause] {
        &self.causes[component as usize]
    }

    /// How many components it can make suffer, itself included: the sum of the chances.
    #[must_use]
    pub fn breadth(&self, component: Component) -> f32 {
        self.breadth[component as usize]
    }

    /// The component of an entity of the topology.
    #[must_use]
    pub fn component(&self, entity: &Entity) -> Option<Component> {
        self.of.get(entity).copied()
    }

    /// The component of this name in a namespace, if only one has it.
    #[must_use]
    pub fn named(&self, namespace: &str, name: &str) -> Option<Component> {
        // Tuples of borrowed strings cannot be looked up without owning them; this is not the hot path (results are cached).
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

    /// Takes a new topology in place of the current one.
    pub fn replace(&mut self, topology: &Topology) {
        build::replace(self, topology);
    }

    fn intern(&mut self, entity: &Entity) -> Component {
        if let Some(known) = self.own.get(entity) {
            return *known;
        }
        let component = Component::try_from(self.entities.len()).unwrap_or(Component::MAX);
        self.entities.push(entity.clone());
        self.own.insert(entity.clone(), component);
        self.causes.push(Box::new([Cause::itself(component)]));
        self.breadth.push(0.0);
        component
    }
}
