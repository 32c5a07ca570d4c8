//! What was unknown when its alerts came may be known by now: a workload that is younger than the topology, an estate that was not read yet.

use std::collections::{BTreeMap, BTreeSet};

use super::Correlator;
use crate::graph::Component;

impl Correlator {
    /// Moves recent alerts from what stood for something unknown to what it turned out to be.
    pub(super) fn relocate(&mut self) {
        let about: BTreeSet<Component> = self.recent.values().map(|recent| recent.signal.component).collect();
        let known: BTreeMap<Component, Component> = about
            .into_iter()
            .filter_map(|component| Some((component, self.graph.recognised(component)?)))
            .collect();
        if known.is_empty() {
            return;
        }
        for recent in self.recent.values_mut() {
            if let Some(component) = known.get(&recent.signal.component) {
                recent.signal.component = *component;
                self.touched.extend(recent.incident);
            }
        }
        for (_, incident) in self.incidents.each() {
            incident.about = incident
                .about
                .iter()
                .map(|component| known.get(component).copied().unwrap_or(*component))
                .collect();
        }
        // What they have to do with each other is seen differently now: at the next occasion, which is due.
        self.unsettled.get_or_insert((self.swept, self.swept));
    }
}
