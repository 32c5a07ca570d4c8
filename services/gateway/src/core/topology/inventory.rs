//! Everything that is kept, by object.

use std::collections::{BTreeMap, BTreeSet};

use paramedic_correlation::topology::Entity;

use super::{kind::Kind, record::Record};

/// What there is, as far as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory(BTreeMap<Entity, Record>);

impl Inventory {
    /// Takes what is kept of an object, in place of what was before; whether anything changed.
    pub fn put(&mut self, record: Record) -> bool {
        if self.0.get(&record.entity) == Some(&record) {
            return false;
        }
        self.0.insert(record.entity.clone(), record);
        true
    }

    /// Forgets an object; whether it was known.
    pub fn remove(&mut self, entity: &Entity) -> bool {
        self.0.remove(entity).is_some()
    }

    /// Forgets the objects of a kind (in a namespace, or in all of them) that are not in `listed`; whether there were any.
    pub fn retain(&mut self, kind: Kind, namespace: Option<&str>, listed: &BTreeSet<Entity>) -> bool {
        let before = self.0.len();
        let is_of = |entity: &Entity| {
            entity.kind == kind.name() && namespace.is_none_or(|namespace| entity.namespace.as_deref() == Some(namespace))
        };
        self.0.retain(|entity, _| !is_of(entity) || listed.contains(entity));
        self.0.len() < before
    }

    /// How many objects of a kind are known.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        self.0.keys().filter(|entity| entity.kind == kind.name()).count()
    }

    pub(super) fn get(&self, entity: &Entity) -> Option<&Record> {
        self.0.get(entity)
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.0.values()
    }
}
