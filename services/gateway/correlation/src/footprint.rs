//! What a cause would do: which components it reaches and when, given what was seen of them.

mod memo;
mod tracer;

use std::collections::BTreeSet;

use crate::{
    class::Class,
    effect::{BACK_OFF, Delay, State, Way, emits},
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
    /// None of it answers any more: a workload, a node, a zone, settings that are gone.
    Outage,
    /// Its programs end or answer wrongly.
    Defect,
    /// Its certificate is no longer valid.
    Expiry,
    /// It answers slowly.
    Slowness,
    /// It cannot be reached.
    Isolation,
    /// It gives others wrong settings.
    Misconfiguration,
    /// It gets more requests than usual.
    Surge,
    /// It takes too much of what it runs on.
    Greed,
    /// It keeps too much of what it calls.
    Leak,
    /// It has too few places for all who call it.
    Shortage,
    /// Some of its requests fail or are slow: few callers notice.
    Ailment,
}

impl Kind {
    /// How many there are.
    pub const COUNT: usize = 11;
    /// What may happen to a workload.
    pub const OF_WORKLOADS: [Self; Self::COUNT] = [
        Self::Outage,
        Self::Defect,
        Self::Expiry,
        Self::Slowness,
        Self::Isolation,
        Self::Misconfiguration,
        Self::Surge,
        Self::Greed,
        Self::Leak,
        Self::Shortage,
        Self::Ailment,
    ];
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
    /// It keeps data for others.
    pub store: bool,
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
    /// What it costs that something was not seen that should have been, and that it is a rare cause (natural logarithm, negative).
    pub absent: f32,
}

/// What was seen, by component.
#[derive(Debug)]
pub struct Seen {
    /// By component, then class, then onset.
    pub all: Vec<Observation>,
    /// Where each component's begin.
    begins: Vec<u32>,
    /// Classes that were seen of each component, or may have been, a bit each.
    present: Vec<u16>,
    /// Until when things were looked at, seconds since the origin.
    pub now: f32,
    background: [f32; Class::COUNT],
}

/// Natural logarithms of background alerts per second by class.
#[must_use]
pub fn backgrounds(components: usize) -> [f32; Class::COUNT] {
    Class::ALL.map(|class| weights::background(class, components).ln())
}

impl Seen {
    /// Observations that are sorted by component, class and onset.
    #[must_use]
    pub fn new(all: Vec<Observation>, graph: &Graph, now: f32) -> Self {
        let mut begins = vec![0_u32; graph.len() + 1];
        let mut present = vec![0_u16; graph.len()];
        for one in &all {
            begins[one.component as usize + 1] += 1;
            present[one.component as usize] |= one.class.bit();
        }
        for index in 1..begins.len() {
            begins[index] += begins[index - 1];
        }
        Self {
            all,
            begins,
            present,
            now,
            background: backgrounds(graph.len()),
        }
    }

    /// More was seen of these components than is looked at: that something is missing of them says nothing.
    pub fn veil(&mut self, components: &BTreeSet<Component>) {
        for component in components {
            self.present[*component as usize] = u16::MAX;
        }
    }

    /// Classes that were seen of a component, or may have been, a bit each.
    pub(crate) fn present(&self, component: Component) -> u16 {
        self.present[component as usize]
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
        let density = self.density(one);
        if density <= 0.0 {
            return f32::MIN;
        }
        (self.chance * emits(self.state, self.store, one.class) * density).ln() - background[one.class as usize] + one.lift
    }

    /// When its alerts of a class begin. Programs that fail end again and again before anybody calls it a loop, and reach a limit long
    /// before they are ended for it.
    fn when(&self, class: Class) -> Delay {
        match (self.state, class) {
            (State::Faulty, Class::Own | Class::Crash | Class::Unready) => self.time.then(BACK_OFF),
            _ => self.time,
        }
    }

    /// Density per second of an observation's onset.
    fn density(&self, one: &Observation) -> f32 {
        let onset = one.onset;
        let guess = if one.for_known { 0.0 } else { weights::SPREAD_OF_GUESS };
        let known = self.when(one.class);
        let time = Delay {
            early: known.early + guess,
            late: known.late + guess,
            ..known
        };
        let off = onset - time.mode;
        if off.abs() > weights::STRAY_SECONDS {
            return 0.0;
        }
        let mut density = weights::STRAY * 0.5 / weights::STRAY_SECONDS;
        // What is at fault may have been ill for a while before it failed.
        if self.root {
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
        (Kind::Surge, Role::Node) => State::Busy,
        (_, Role::Node) => State::Lost,
        (_, Role::Zone) => State::Blackout,
        (_, Role::NameServer | Role::Monitor | Role::Other) => State::Broken,
        (Kind::Outage, Role::Workload) => State::Down,
        (Kind::Defect, Role::Workload) => State::Faulty,
        (Kind::Expiry, Role::Workload) => State::Expired,
        (Kind::Slowness, Role::Workload) => State::Sluggish,
        (Kind::Isolation, Role::Workload) => State::CutOff,
        (Kind::Misconfiguration, Role::Workload) => State::Misleading,
        (Kind::Surge, Role::Workload) => State::Flooded,
        (Kind::Greed, Role::Workload) => State::Greedy,
        (Kind::Leak, Role::Workload) => State::Leaking,
        (Kind::Shortage, Role::Workload) => State::Short,
        (Kind::Ailment, Role::Workload) => State::Ailing,
    }
}

/// How much rarer it is than that some component fails (natural logarithm, at most zero).
#[must_use]
pub fn rarity(graph: &Graph, hypothesis: Hypothesis) -> f32 {
    match (hypothesis.kind, graph.role(hypothesis.component)) {
        // Nothing takes too much of a node but what runs there.
        (Kind::Surge, Role::Node) => weights::NOBODY,
        // Crowds come from outside, to what nothing inside calls.
        (Kind::Surge, _) if !graph.around(hypothesis.component).callers.is_empty() => weights::FROM_INSIDE,
        (Kind::Shortage, _) if !graph.is_store(hypothesis.component) => weights::NO_STORE,
        _ => 0.0,
    }
}
