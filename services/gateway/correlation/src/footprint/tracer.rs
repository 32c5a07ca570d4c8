//! How a footprint is worked out: from where it begins to what that reaches, the likeliest first, corrected by what was seen on the way.

mod look;

use std::{cell::RefCell, collections::BinaryHeap, rc::Rc};

use super::{
    Footprint, Hypothesis, Kind, Mark, Seen, begins,
    memo::{Memo, Notes},
    rarity,
};
use crate::{
    effect::{AT_ONCE, Delay, Silences, State, Way, steps},
    graph::Graph,
    weights,
};

/// A component is looked at if it is reached with at least this chance, and with this one while only what is sure is looked for.
const LEAST: f32 = 0.04;
/// See [`LEAST`].
const SURE: f32 = 0.3;
/// An observation this much likelier than chance says that the component was reached, and when (natural logarithm).
const REACHED: f32 = 0.5;

#[derive(Debug, Clone, Copy)]
struct Open(Mark);

impl PartialEq for Open {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Open {}

impl Ord for Open {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // The likeliest first; among equals the one with the smaller number, so that the order is always the same.
        let key = |one: &Mark| (one.component, one.state, one.via);
        self.0
            .chance
            .total_cmp(&other.0.chance)
            .then_with(|| key(&other.0).cmp(&key(&self.0)))
    }
}

impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Works footprints out; keeps what would be allocated anew for each.
#[derive(Debug)]
pub struct Tracer<'a> {
    graph: &'a Graph,
    seen: &'a Seen,
    open: BinaryHeap<Open>,
    /// Round in which a component was reached in a state.
    reached: Vec<u32>,
    /// Round in which a component was to be reached in a state, and the most chance of it.
    offered: Vec<(u32, f32)>,
    /// Round in which an observation got its gain, and the gain.
    gained: Vec<(u32, f32)>,
    round: u32,
    memo: Memo,
    /// What the footprint depended on so far.
    notes: RefCell<Notes>,
    silences: Silences,
    /// Components looked at, in all footprints.
    work: u64,
    /// Only what is sure is looked for.
    pub sure: bool,
}

impl<'a> Tracer<'a> {
    /// A tracer over what was seen.
    #[must_use]
    pub fn new(graph: &'a Graph, seen: &'a Seen) -> Self {
        Self {
            graph,
            seen,
            open: BinaryHeap::new(),
            reached: vec![0; graph.len() * State::COUNT],
            offered: vec![(0, 0.0); graph.len() * State::COUNT],
            gained: vec![(0, 0.0); seen.all.len()],
            round: 0,
            memo: Memo::default(),
            notes: RefCell::new(Notes::new(seen.all.len())),
            silences: Silences::new(),
            work: 0,
            sure: false,
        }
    }

    /// What the cause would do if it began at `onset`; `explained` is how well other causes explain each observation (natural logarithm):
    /// what is theirs says nothing about this one.
    pub fn trace(&mut self, hypothesis: Hypothesis, onset: f32, explained: &[f32]) -> Rc<Footprint> {
        let key = (hypothesis, onset.to_bits(), self.sure);
        if let Some(known) = self.memo.recall(key, explained) {
            return known;
        }
        let footprint = Rc::new(self.work_out(hypothesis, onset, explained));
        self.memo.keep(key, &footprint, self.notes.get_mut().all());
        footprint
    }

    /// How much work all footprints were: the components looked at for them.
    #[must_use]
    pub fn work(&self) -> u64 {
        self.work
    }

    fn work_out(&mut self, hypothesis: Hypothesis, onset: f32, explained: &[f32]) -> Footprint {
        self.round += 1;
        self.open.clear();
        self.notes.get_mut().clear();
        let mut footprint = Footprint {
            absent: rarity(self.graph, hypothesis),
            ..Footprint::default()
        };
        self.open.push(Open(Mark {
            component: hypothesis.component,
            state: begins(self.graph, hypothesis),
            chance: 1.0,
            prior: 1.0,
            time: Delay { mode: onset, ..AT_ONCE },
            seen: false,
            root: true,
            store: self.graph.is_store(hypothesis.component),
            via: hypothesis.component,
            way: Way::Itself,
            calls: 0,
        }));
        self.spread(&mut footprint, explained);
        let silent = footprint.marks.first().is_some_and(|root| !root.seen);
        if silent && hypothesis.kind != Kind::Misconfiguration {
            footprint.absent += weights::UNSHOWN;
        }
        if !self.sure {
            self.together(&mut footprint, explained);
        }
        footprint.gains.sort_unstable_by_key(|(one, _)| *one);
        for (one, gain) in &mut footprint.gains {
            *gain = self.gained[*one as usize].1;
        }
        footprint
    }

    /// About what the cause explains by its first effects alone (natural logarithm): enough to tell which causes to look at.
    #[must_use]
    pub fn promise(&self, hypothesis: Hypothesis, onset: f32, explained: &[f32]) -> f32 {
        let state = begins(self.graph, hypothesis);
        let time = Delay { mode: onset, ..AT_ONCE };
        let root = Mark {
            component: hypothesis.component,
            state,
            chance: 1.0,
            prior: 1.0,
            time,
            seen: false,
            root: true,
            store: self.graph.is_store(hypothesis.component),
            via: hypothesis.component,
            way: Way::Itself,
            calls: 0,
        };
        let mut promise = rarity(self.graph, hypothesis) + self.most(&root, explained);
        steps(self.graph, hypothesis.component, state, 0, &mut |step| {
            let mark = Mark {
                component: step.to,
                state: step.state,
                chance: step.chance,
                time: time.then(step.delay),
                root: false,
                store: self.graph.is_store(step.to),
                ..root
            };
            promise += self.most(&mark, explained);
        });
        promise
    }

    /// The most that a mark explains of what is about its component, beyond what is explained.
    fn most(&self, mark: &Mark, explained: &[f32]) -> f32 {
        let about = self.seen.about(mark.component);
        let gain = |one: usize| mark.gain(&self.seen.all[one], &self.seen.background) - explained[one];
        about.map(gain).fold(0.0, f32::max)
    }

    fn spread(&mut self, footprint: &mut Footprint, explained: &[f32]) {
        while let Some(Open(mut mark)) = self.open.pop() {
            let slot = mark.component as usize * State::COUNT + mark.state as usize;
            if self.reached[slot] == self.round {
                continue;
            }
            self.reached[slot] = self.round;
            self.work += 1;
            self.look(&mut mark, footprint, explained);
            footprint.marks.push(mark);
            let round = self.round;
            let least = if self.sure { SURE } else { LEAST };
            let (open, reached, offered, seen, graph) = (&mut self.open, &self.reached, &mut self.offered, self.seen, self.graph);
            steps(self.graph, mark.component, mark.state, mark.calls, &mut |step| {
                let chance = mark.chance * step.chance;
                let slot = step.to as usize * State::COUNT + step.state as usize;
                let known = reached[slot] == round || (offered[slot].0 == round && offered[slot].1 >= chance);
                // What leads nowhere and is not seen says next to nothing.
                let mute = [State::Burdened, State::Starved].contains(&step.state) && seen.about(step.to).is_empty();
                if chance >= least && !known && !mute {
                    offered[slot] = (round, chance);
                    open.push(Open(Mark {
                        component: step.to,
                        state: step.state,
                        chance,
                        prior: chance,
                        time: mark.time.then(step.delay),
                        seen: false,
                        root: false,
                        store: graph.is_store(step.to),
                        via: mark.component,
                        way: step.way,
                        calls: step.calls,
                    }));
                }
            });
        }
    }

    /// While much fails, what nothing is known to connect with it may fail with it.
    fn together(&mut self, footprint: &mut Footprint, explained: &[f32]) {
        let failing = |mark: &&Mark| mark.seen && [State::Failing, State::Misled, State::Queueing, State::Slowed].contains(&mark.state);
        let times: Vec<f32> = footprint.marks.iter().filter(failing).map(|mark| mark.time.mode).collect();
        if times.is_empty() {
            return;
        }
        let first = times.iter().copied().fold(f32::MAX, f32::min);
        let last = times.iter().copied().fold(f32::MIN, f32::max);
        #[allow(clippy::cast_precision_loss, reason = "components of an estate")]
        let chance = {
            let others = (self.graph.workloads().len() as f32).max(weights::FEWEST_COMPONENTS);
            (weights::TOGETHER * times.len() as f32 / others).min(weights::TOGETHER_MOST)
        };
        let half = (last - first) / 2.0 + 30.0;
        let seen = self.seen;
        for component in self.graph.workloads() {
            if seen.about(*component).is_empty() {
                continue;
            }
            let mark = Mark {
                component: *component,
                state: State::Failing,
                chance,
                prior: chance,
                time: Delay {
                    mode: f32::midpoint(first, last) + 15.0,
                    early: half,
                    late: half,
                },
                seen: false,
                root: false,
                store: self.graph.is_store(*component),
                via: *component,
                way: Way::Together,
                calls: 2,
            };
            let reached = |one: usize| {
                let gain = mark.gain(&seen.all[one], &seen.background);
                gain > REACHED && self.beyond(one, gain, explained) > 0.0
            };
            if seen.about(*component).any(reached) {
                let slot = *component as usize * State::COUNT + State::Failing as usize;
                (self.reached[slot], self.offered[slot]) = (0, (0, 0.0));
                self.open.push(Open(mark));
            }
        }
        self.spread(footprint, explained);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        class::Class,
        footprint::Observation,
        topology::{Edge, Relation, Topology},
    };

    #[test]
    fn alerts_that_say_the_same_pay_alike_for_how_unlikely_it_was() {
        let edge = |callee: &str| Edge {
            from: "Deployment/n/web".parse().unwrap(),
            to: format!("Deployment/n/{callee}").parse().unwrap(),
            relation: Relation::Calls,
        };
        let topology = Topology {
            edges: ["a", "b", "c", "d", "e"].map(edge).into(),
            ..Topology::default()
        };
        let mut graph = Graph::default();
        graph.replace(&topology);
        let of = |name: &str| graph.component(&format!("Deployment/n/{name}").parse().unwrap()).unwrap();
        let one = |about: &str, class| Observation {
            component: of(about),
            class,
            onset: 20.0,
            for_known: true,
            lift: 0.0,
        };
        let mut all = vec![one("web", Class::Error), one("a", Class::Load), one("a", Class::Load)];
        all.sort_by_key(|one| (one.component, one.class));
        let seen = Seen::new(all, &graph, 600.0);
        let mut tracer = Tracer::new(&graph, &seen);
        let cause = Hypothesis {
            component: of("web"),
            kind: Kind::Outage,
        };
        let footprint = tracer.trace(cause, 0.0, &[0.0; 3]);
        let gains: Vec<f32> = seen.about(of("a")).map(|at| footprint.gains[at].1).collect();
        assert!(gains[0] > 0.0, "others who fail try again there: {gains:?}");
        assert!((gains[0] - gains[1]).abs() < 1.0, "{gains:?}");
    }
}
