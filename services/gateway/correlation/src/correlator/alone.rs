//! What may have caused an alert that comes alone: the same for all alerts of one kind about one component, so that it is worked out once.

use std::{collections::HashMap, sync::Arc};

use crate::{
    class::Class,
    footprint::{Mark, Observation, Seen},
    graph::{Component, Graph},
    signal::Signal,
    solve::{Belief, explain},
};

/// What may have caused one alert, with its onset as the origin of all times.
#[derive(Debug)]
pub(super) struct Alone {
    /// The likeliest first.
    pub(super) causes: Vec<Belief>,
    /// See [`Cluster::worth`](crate::solve::Cluster::worth).
    pub(super) worth: f32,
    /// What the likeliest cause would do, by component; of one component, the likeliest first.
    pub(super) marks: Arc<[Mark]>,
}

/// Causes of single alerts that were worked out already, for one topology.
#[derive(Debug, Default)]
pub(super) struct Explanations(HashMap<(Component, Class, bool, u16), Arc<Alone>>);

/// The age of an alert is told to so many seconds.
const STEP: f32 = 15.0;
/// After so many of these steps, an hour, nothing more is expected to come.
const STEPS: f32 = 240.0;
/// Most that are kept: some kilobytes each.
const MOST: usize = 4_096;

impl Explanations {
    /// What may have caused an alert that began `age` seconds ago.
    pub(super) fn explain(&mut self, graph: &Graph, signal: &Signal, age: f32) -> Arc<Alone> {
        let steps = (age / STEP).floor().clamp(0.0, STEPS);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 240")]
        let key = (signal.component, signal.class, signal.for_known, steps as u16);
        if let Some(known) = self.0.get(&key) {
            return Arc::clone(known);
        }
        let one = Observation {
            component: signal.component,
            class: signal.class,
            onset: 0.0,
            for_known: signal.for_known,
            lift: 0.0,
        };
        let cluster = explain(graph, &Seen::new(vec![one], graph, steps * STEP));
        let mut marks = cluster.footprint.marks.clone();
        marks.sort_by_key(|mark| mark.component);
        let alone = Arc::new(Alone {
            causes: cluster.causes,
            worth: cluster.worth,
            marks: marks.into(),
        });
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.insert(key, Arc::clone(&alone));
        alone
    }
}
