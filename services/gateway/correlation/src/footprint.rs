//! What a cause would do: which components it reaches and when, given what was seen of them.

mod memo;
mod tracer;

use std::collections::{BTreeSet, HashSet};

use crate::{
    class::Class,
    effect::{Delay, State, Way, emits},
    graph::{Component, Graph, Role},
    weights,
};

pub use tracer::Tracer;

/// What may have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hypothesis {
    /// The component at fault.
    pub component: Component,
    /// What happened to it.
    pub kind: Kind,
}

/// What happens to a component at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// It fails.
    Failure,
    /// It gets more requests than usual.
    Surge,
    /// It takes too much of what it runs on.
    Greed,
    /// It keeps too much of what it calls.
    Leak,
}

/// One thing that was seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// What it is about.
    pub component: Component,
    /// What it tells.
    pub class: Class,
    /// Its onset, seconds since an origin common to all.
    pub onset: f32,
    /// Whether the rule's `for` is known.
    pub for_known: bool,
    /// How much more than others of its class it speaks for an incident, as the past says (natural logarithm).
    pub lift: f32,
}

/// A component that a cause reaches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mark {
    /// Which.
    pub component: Component,
    /// What is the matter with it then.
    pub state: State,
    /// Chance that it is reached, given what was seen.
    pub chance: f32,
    /// The same before anything was seen of it.
    pub prior: f32,
    /// When, seconds since the origin, and how well that is known.
    pub(crate) time: Delay,
    /// Whether something was seen of it.
    pub seen: bool,
    /// It is where it began.
    pub root: bool,
    /// The neighbour that trouble came from.
    pub via: Component,
    /// How.
    pub way: Way,
    /// Calls from where it began.
    pub calls: u8,
}

/// What a cause would do.
#[derive(Debug, Clone, Default)]
pub struct Footprint {
    /// Components that it reaches, in the order of their chances.
    pub marks: Vec<Mark>,
    /// How much likelier than chance each observation is because of it (natural logarithm), by index, ascending.
    pub gains: Vec<(u32, f32)>,
    /// What it costs that something was not seen that should have been (natural logarithm, negative).
    pub absent: f32,
}

/// What was seen, by component.
#[derive(Debug)]
pub struct Seen {
    /// By component, then class, then onset.
    pub all: Vec<Observation>,
    /// Where each component's begin.
    begins: Vec<u32>,
    /// Components of which more was seen than this.
    veiled: HashSet<Component>,
    /// Until when things were looked at, seconds since the origin.
    pub now: f32,
    background: [f32; Class::COUNT],
}

const CLASSES: [Class; Class::COUNT] = [
    Class::Own,
    Class::Crash,
    Class::Unready,
    Class::Error,
    Class::Slow,
    Class::Load,
    Class::Starving,
    Class::Idle,
    Class::Unseen,
    Class::Naming,
    Class::Chronic,
];

/// Natural logarithms of background alerts per second by class.
#[must_use]
pub fn backgrounds(components: usize) -> [f32; Class::COUNT] {
    CLASSES.map(|class| weights::background(class, components).ln())
}

impl Seen {
    /// Observations that are sorted by component, class and onset.
    #[must_use]
    pub fn new(all: Vec<Observation>, graph: &Graph, now: f32) -> Self {
        let mut begins = vec![0_u32; graph.len() + 1];
        for one in &all {
            begins[one.component as usize + 1] += 1;
        }
        for index in 1..begins.len() {
            begins[index] += begins[index - 1];
        }
        Self {
            all,
            begins,
            veiled: HashSet::new(),
            now,
            background: backgrounds(graph.len()),
        }
    }

    /// More was seen of these components than is looked at: that something is missing of them says nothing.
    pub fn veil(&mut self, components: &BTreeSet<Component>) {
        self.veiled = components.iter().copied().collect();
    }

    /// Whether more was seen of a component than is looked at.
    fn is_veiled(&self, component: Component) -> bool {
        !self.veiled.is_empty() && self.veiled.contains(&component)
    }

    /// Indices of the observations about a component.
    pub fn about(&self, component: Component) -> std::ops::Range<usize> {
        let at = component as usize;
        self.begins[at] as usize..self.begins[at + 1] as usize
    }
}

impl Mark {
    /// When it is reached, seconds since the origin.
    #[must_use]
    pub fn onset(&self) -> f32 {
        self.time.mode
    }

    /// How much likelier than chance an observation is if this component is reached (natural logarithm).
    #[must_use]
    pub fn gain(&self, one: &Observation, background: &[f32; Class::COUNT]) -> f32 {
        let density = self.density(one.onset, one.for_known);
        if density <= 0.0 {
            return f32::MIN;
        }
        (self.chance * emits(self.state, one.class) * density).ln() - background[one.class as usize] + one.lift
    }

    /// Density per second of an onset.
    fn density(&self, onset: f32, for_known: bool) -> f32 {
        let guess = if for_known { 0.0 } else { weights::SPREAD_OF_GUESS };
        let time = Delay {
            early: self.time.early + guess,
            late: self.time.late + guess,
            ..self.time
        };
        let off = onset - time.mode;
        if off.abs() > weights::STRAY_SECONDS {
            return 0.0;
        }
        let mut density = weights::STRAY * 0.5 / weights::STRAY_SECONDS;
        // What is at fault may have been ill for a while before it failed.
        if off > 0.0 || self.root {
            density += weights::UNFOLD * (-off.abs() / weights::UNFOLD_SECONDS).exp() / weights::UNFOLD_SECONDS;
        }
        if off.abs() < weights::ABOUT_SECONDS * 6.0 {
            density += weights::ABOUT * (-off.abs() / weights::ABOUT_SECONDS).exp() / (2.0 * weights::ABOUT_SECONDS);
        }
        density + (1.0 - weights::STRAY - weights::UNFOLD - weights::ABOUT) * time.density(onset)
    }
}

/// The state that a component at fault is in.
#[must_use]
pub fn begins(graph: &Graph, hypothesis: Hypothesis) -> State {
    match (hypothesis.kind, graph.role(hypothesis.component)) {
        (Kind::Failure, Role::Node) => State::Lost,
        (Kind::Failure, Role::Zone) => State::Blackout,
        (Kind::Failure, _) => State::Broken,
        (Kind::Surge, Role::Node) => State::Busy,
        (Kind::Surge, _) => State::Loaded,
        (Kind::Greed, _) => State::Greedy,
        (Kind::Leak, _) => State::Leaking,
    }
}
