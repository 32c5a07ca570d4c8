//! How trouble spreads: what may be the matter with a component, which alerts that makes, and what it does to its neighbours.

use crate::{
    class::Class,
    graph::{Component, Graph, Role},
};

/// What may be the matter with a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// It is at fault itself: down, slow, cut off, wrongly configured.
    Broken,
    /// Its requests fail or are slow because of something that it needs.
    Failing,
    /// It gets more requests than usual.
    Loaded,
    /// Others who fail try again, here.
    Burdened,
    /// Nobody asks it any more.
    Starved,
    /// It is well, but nobody sees it.
    Dark,
    /// Some of it ran on what is lost.
    Bereft,
    /// It runs beside something that takes too much.
    Crowded,
    /// It takes too much of what it runs on.
    Greedy,
    /// It keeps too much of what it calls: connections, locks, places in a queue.
    Leaking,
    /// Others keep too much of it.
    Drained,
    /// A node is lost.
    Lost,
    /// A zone is.
    Blackout,
    /// Too much is taken of a node.
    Busy,
    /// It cannot resolve names.
    Nameless,
}

impl State {
    /// How many there are.
    pub const COUNT: usize = 15;
}

/// How trouble got to a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// It is where it began.
    Itself,
    /// It calls what is in trouble.
    Calls,
    /// It runs on it.
    RunsOn,
    /// It reads it: configuration, secrets, a volume.
    Reads,
    /// It asks it for names.
    Resolves,
    /// What is in trouble calls it, and calls it more or less than usual.
    Called,
    /// It runs where something takes too much.
    Crowded,
    /// It is measured by it.
    Measured,
    /// They have no known connection; it fails while much else does.
    Together,
}

/// What trouble of one component does to another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) to: Component,
    pub(crate) state: State,
    /// Chance that it does.
    pub(crate) chance: f32,
    /// Likeliest time until it shows, seconds, and how much earlier and later it may be.
    pub(crate) delay: Delay,
    pub(crate) way: Way,
    /// Calls from where it began, or from where it began anew.
    pub(crate) calls: u8,
}

/// A time that is known about: Laplace's distribution with two sides, seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Delay {
    pub(crate) mode: f32,
    pub(crate) early: f32,
    pub(crate) late: f32,
}

impl Delay {
    const fn new(mode: f32, early: f32, late: f32) -> Self {
        Self { mode, early, late }
    }

    /// One after the other.
    pub(crate) fn then(self, next: Self) -> Self {
        Self {
            mode: self.mode + next.mode,
            early: (self.early * self.early + next.early * next.early).sqrt(),
            late: (self.late * self.late + next.late * next.late).sqrt(),
        }
    }

    /// Density per second of what comes at `off` seconds.
    pub(crate) fn density(self, off: f32) -> f32 {
        let off = off - self.mode;
        let far = off.abs() / if off < 0.0 { self.early } else { self.late };
        if far > 12.0 {
            return 0.0;
        }
        (-far).exp() / (self.early + self.late)
    }
}

/// A call's delay: median 20 s, sigma 0.8 (storms.md 5.4), between two onsets that are each seen up to a scrape interval late.
const CALL: Delay = Delay::new(16.0, 13.0, 26.0);
/// What takes effect at once, between two such onsets.
pub(crate) const AT_ONCE: Delay = Delay::new(0.0, 14.0, 14.0);
/// A new configuration is read within a minute or two.
const READ: Delay = Delay::new(20.0, 25.0, 40.0);
/// A node is seen to be lost after its grace period of 40 s, which its pods share.
const HOST: Delay = Delay::new(0.0, 25.0, 25.0);
/// What is kept by one runs out for all after a while.
const FULL: Delay = Delay::new(100.0, 40.0, 60.0);
/// What has too much to do fails after a while.
const OVERRUN: Delay = Delay::new(45.0, 25.0, 40.0);

/// A caller suffers with this chance, and with three quarters of it per further call (storms.md 5.4); what is further away than two calls
/// and suffers is as bad for its callers as what is not.
const CALLER: f32 = 0.9;
/// See [`CALLER`].
const PER_CALL: [f32; 3] = [1.0, 0.75, 0.562_5];

/// Chance of at least one alert of this class from a component in this state: rows are what storms.md's sources show in the middle.
pub(crate) fn emits(state: State, class: Class) -> f32 {
    #[rustfmt::skip]
    const TABLE: [[f32; Class::COUNT]; State::COUNT] = [
        // Own  crash  unready error slow   load   starving idle  unseen naming chronic
        [0.550, 0.400, 0.500, 0.500, 0.350, 0.120, 0.150, 0.300, 0.300, 0.020, 0.020], // Broken
        [0.015, 0.120, 0.180, 0.750, 0.600, 0.100, 0.120, 0.040, 0.005, 0.005, 0.005], // Failing
        [0.120, 0.030, 0.030, 0.250, 0.500, 0.850, 0.300, 0.010, 0.005, 0.005, 0.005], // Loaded
        [0.050, 0.010, 0.020, 0.030, 0.400, 0.750, 0.250, 0.010, 0.005, 0.005, 0.005], // Burdened
        [0.005, 0.005, 0.005, 0.010, 0.010, 0.010, 0.010, 0.600, 0.010, 0.005, 0.005], // Starved
        [0.005, 0.005, 0.005, 0.005, 0.005, 0.005, 0.005, 0.200, 0.800, 0.005, 0.005], // Dark
        [0.100, 0.010, 0.950, 0.350, 0.180, 0.020, 0.020, 0.020, 0.030, 0.010, 0.005], // Bereft
        [0.010, 0.030, 0.100, 0.050, 0.600, 0.030, 0.400, 0.010, 0.005, 0.005, 0.005], // Crowded
        [0.020, 0.020, 0.020, 0.060, 0.180, 0.120, 0.900, 0.010, 0.005, 0.005, 0.005], // Greedy
        [0.030, 0.030, 0.030, 0.900, 0.700, 0.100, 0.100, 0.010, 0.005, 0.005, 0.005], // Leaking
        [0.250, 0.020, 0.030, 0.100, 0.300, 0.700, 0.080, 0.010, 0.005, 0.005, 0.005], // Drained
        [0.850, 0.010, 0.900, 0.030, 0.010, 0.050, 0.010, 0.010, 0.550, 0.005, 0.010], // Lost
        [0.300, 0.010, 0.300, 0.200, 0.050, 0.050, 0.010, 0.010, 0.300, 0.005, 0.010], // Blackout
        [0.050, 0.010, 0.050, 0.020, 0.020, 0.900, 0.300, 0.010, 0.010, 0.005, 0.010], // Busy
        [0.010, 0.010, 0.020, 0.500, 0.600, 0.010, 0.010, 0.030, 0.005, 0.500, 0.005], // Nameless
    ];
    TABLE[state as usize][class as usize]
}

/// Chance that a component in this state shows by any alert, and seconds from its onset until most such alerts are there.
pub(crate) fn shows(state: State) -> (f32, f32) {
    match state {
        State::Broken => (0.75, 400.0),
        State::Failing => (0.92, 300.0),
        State::Loaded => (0.92, 300.0),
        State::Burdened => (0.9, 300.0),
        State::Starved => (0.6, 400.0),
        State::Dark => (0.9, 800.0),
        State::Bereft => (0.95, 1_100.0),
        State::Crowded => (0.8, 600.0),
        State::Greedy => (0.9, 600.0),
        State::Leaking => (0.95, 300.0),
        State::Drained => (0.8, 300.0),
        State::Lost => (0.99, 1_100.0),
        State::Blackout => (0.1, 1_100.0),
        State::Busy => (0.95, 1_100.0),
        State::Nameless => (0.8, 400.0),
    }
}

/// What the trouble of a component does to others; `calls` is how many calls it is away from where it began.
pub(crate) fn steps(graph: &Graph, at: Component, state: State, calls: u8, take: &mut impl FnMut(Step)) {
    let around = graph.around(at);
    let caller = CALLER * PER_CALL[usize::from(calls).min(PER_CALL.len() - 1)];
    let call = |to, state, chance, delay, way| Step {
        calls: calls + 1,
        ..step(to, state, chance, delay, way)
    };
    match state {
        State::Broken => {
            failing(graph, at, caller, calls, take);
            resolve_and_measure(graph, at, take);
            aside(graph, at, calls, take);
        }
        State::Failing => {
            failing(graph, at, caller, calls, take);
            aside(graph, at, calls, take);
        }
        State::Loaded => {
            for to in &around.callees {
                take(call(*to, State::Loaded, caller, CALL, Way::Called));
            }
            take(step(at, State::Failing, 0.3, OVERRUN, Way::Itself));
        }
        State::Bereft => {
            for to in &around.callers {
                take(call(*to, State::Failing, 0.1, CALL, Way::Calls));
            }
        }
        State::Crowded => {
            for to in &around.callers {
                take(call(*to, State::Failing, 0.35, CALL, Way::Calls));
            }
        }
        State::Lost => {
            for (to, share) in &around.guests {
                take(step(*to, State::Bereft, 0.85 + 0.1 * share, HOST, Way::RunsOn));
            }
        }
        State::Blackout => {
            for (to, _) in &around.guests {
                take(step(*to, State::Lost, 0.95, HOST, Way::RunsOn));
            }
        }
        State::Greedy => {
            for (to, share) in &around.hosts {
                take(step(*to, State::Busy, 0.2 + 0.7 * share, AT_ONCE, Way::Crowded));
            }
            for to in &around.callers {
                take(call(*to, State::Failing, 0.3, CALL, Way::Calls));
            }
        }
        State::Busy => {
            for (to, _) in &around.guests {
                take(step(*to, State::Crowded, 0.6, CALL, Way::Crowded));
            }
        }
        State::Leaking => {
            failing(graph, at, caller, calls, take);
            #[allow(clippy::cast_precision_loss, reason = "calls of one workload")]
            let each = (0.9 / around.callees.len().max(1) as f32).max(0.2);
            for to in &around.callees {
                take(call(*to, State::Drained, each, FULL, Way::Called));
            }
        }
        State::Drained => {
            for to in &around.callers {
                take(call(*to, State::Failing, 0.75, CALL, Way::Calls));
            }
        }
        // Whose names are not resolved hardly troubles callers beyond what that does to them directly.
        State::Burdened | State::Starved | State::Dark | State::Nameless => {}
    }
}

const fn step(to: Component, state: State, chance: f32, delay: Delay, way: Way) -> Step {
    Step {
        to,
        state,
        chance,
        delay,
        way,
        calls: 0,
    }
}

/// Callers and readers fail with it.
fn failing(graph: &Graph, at: Component, caller: f32, calls: u8, take: &mut impl FnMut(Step)) {
    let around = graph.around(at);
    for to in &around.callers {
        take(Step {
            calls: calls + 1,
            ..step(*to, State::Failing, caller, CALL, Way::Calls)
        });
    }
    for to in &around.users {
        take(Step {
            calls: calls + 1,
            ..step(*to, State::Failing, 0.8, READ, Way::Reads)
        });
    }
}

/// Whose requests fail tries again elsewhere, or no longer gets that far.
fn aside(graph: &Graph, at: Component, calls: u8, take: &mut impl FnMut(Step)) {
    let call = |to, state, chance| Step {
        calls: calls + 1,
        ..step(to, state, chance, CALL, Way::Called)
    };
    let callees = &graph.around(at).callees;
    #[allow(clippy::cast_precision_loss, reason = "calls of one workload")]
    let each = 0.25 / callees.len().max(1) as f32;
    for to in callees {
        take(call(*to, State::Burdened, each.max(0.04)));
        let alone = match graph.around(*to).callers.len() {
            0 | 1 => 0.4,
            2 => 0.15,
            _ => 0.03,
        };
        take(call(*to, State::Starved, alone));
    }
}

/// Names that are not resolved, and measures that are not taken.
fn resolve_and_measure(graph: &Graph, at: Component, take: &mut impl FnMut(Step)) {
    match graph.role(at) {
        Role::NameServer => {
            for to in graph.workloads().iter().filter(|to| **to != at) {
                take(step(*to, State::Nameless, 0.5, CALL, Way::Resolves));
            }
        }
        Role::Monitor => {
            for to in graph.workloads().iter().chain(graph.nodes()).filter(|to| **to != at) {
                take(step(*to, State::Dark, 0.5, AT_ONCE, Way::Measured));
            }
        }
        Role::Workload | Role::Node | Role::Zone | Role::Other => {}
    }
}
