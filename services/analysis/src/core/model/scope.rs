//! What an incident knows: the objects that its snapshot lists, and those that the engines speak of.

use std::collections::BTreeSet;

use paramedic_domain::{diagnosis::Diagnosis, object::ObjectRef};

use super::answer::Target;
use crate::core::{
    facts::Facts,
    snapshot::{Snapshot, kinds, reference},
};

/// Objects and namespaces that a model may speak of.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'f> {
    facts: &'f Facts,
    best: Option<&'f Diagnosis>,
}

impl<'f> Scope<'f> {
    /// The scope of an investigation.
    #[must_use]
    pub fn new(facts: &'f Facts, best: Option<&'f Diagnosis>) -> Self {
        Self { facts, best }
    }

    /// The namespaces.
    #[must_use]
    pub fn namespaces(&self) -> &'f BTreeSet<String> {
        &self.facts.world.snapshot.scope
    }

    /// What was listed.
    #[must_use]
    pub fn snapshot(&self) -> &'f Snapshot {
        &self.facts.world.snapshot
    }

    /// The object of that name, if it is one that the investigation knows.
    #[must_use]
    pub fn find(&self, target: &Target) -> Option<ObjectRef> {
        let engines = self.best.into_iter().flat_map(|best| {
            let others = best.alternatives.iter().map(|other| &other.target);
            std::iter::once(&best.target).chain(others)
        });
        let workload = self.facts.workload.as_ref().map(|workload| &workload.object);
        let named = |object: &&ObjectRef| {
            object.kind == target.kind && object.name == target.name && object.namespace.as_deref().unwrap_or_default() == target.namespace
        };
        if let Some(known) = engines.chain(workload).find(named) {
            return Some(known.clone());
        }
        // Of some kinds every namespace is listed; they are in scope only where the incident is.
        let inside = target.namespace.is_empty() || self.namespaces().contains(&target.namespace);
        let listed = self.snapshot().named(&target.kind, &target.namespace, &target.name);
        listed.filter(|_| inside).map(|object| reference(&target.kind, object))
    }

    /// The objects that can be named, `Deployment shop/cart`, at most `most` of them: what runs before what is around it.
    #[must_use]
    pub fn listing(&self, most: usize) -> Vec<String> {
        let noisy = ["Event", "ReplicaSet", "Lease", "EndpointSlice"];
        let kinds = kinds::KINDS.into_iter().filter(|kind| !noisy.contains(&kind.name));
        let objects = kinds.flat_map(|kind| self.snapshot().of(kind.name).iter().map(move |object| reference(kind.name, object)));
        objects.take(most).map(|object| object.to_string()).collect()
    }
}
