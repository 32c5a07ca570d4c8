//! What trouble of a component does to those around it.

use super::{AT_ONCE, Delay, State, Step, Way};
use crate::graph::{Component, Graph, Role};

/// A call's delay: median 20 s, sigma 0.8 (storms.md 5.4), between two onsets that are each seen up to a scrape interval late.
const CALL: Delay = Delay::new(16.0, 13.0, 26.0);
/// A new configuration is read within a minute or two.
const READ: Delay = Delay::new(45.0, 30.0, 30.0);
/// A node is seen to be lost after its grace period of 40 s, which its pods share.
const HOST: Delay = Delay::new(0.0, 25.0, 25.0);
/// What is kept by one runs out for all after a while.
const FULL: Delay = Delay::new(100.0, 40.0, 60.0);
/// What has too much to do fails after a while.
const OVERRUN: Delay = Delay::new(60.0, 20.0, 20.0);

/// A caller suffers with this chance, and with three quarters of it per further call (storms.md 5.4); what is further away than four
/// calls is as likely to.
const CALLER: f32 = 0.9;
/// The same of what only some requests show.
const CALLER_OF_AILING: f32 = 0.5;
/// See [`CALLER`].
const PER_CALL: [f32; 5] = [1.0, 0.75, 0.562_5, 0.421_9, 0.316_4];

/// What the trouble of a component does to others; `calls` is how many calls it is away from where it began.
pub(crate) fn steps(graph: &Graph, at: Component, state: State, calls: u8, take: &mut impl FnMut(Step)) {
    let around = graph.around(at);
    let per_call = PER_CALL[usize::from(calls).min(PER_CALL.len() - 1)];
    let caller = CALLER * per_call;
    let callers = |state, chance, delay, take: &mut dyn FnMut(Step)| {
        for to in &around.callers {
            take(Step {
                calls: calls + 1,
                ..step(*to, state, chance, delay, Way::Calls)
            });
        }
    };
    let users = |state, take: &mut dyn FnMut(Step)| {
        for to in &around.users {
            take(step(*to, state, 0.8, READ, Way::Reads));
        }
    };
    match state {
        State::Broken => {
            callers(State::Failing, caller, CALL, take);
            users(State::Misled, take);
            resolve_and_measure(graph, at, take);
        }
        State::Down | State::Faulty | State::Expired | State::CutOff => {
            callers(State::Failing, caller, CALL, take);
            users(State::Failing, take);
            retried(graph, at, calls, take);
        }
        State::Sluggish => {
            callers(State::Slowed, caller, CALL, take);
            users(State::Slowed, take);
        }
        State::Misleading => {
            for to in &around.callers {
                take(step(*to, State::Misled, 0.8, READ, Way::Reads));
            }
            users(State::Misled, take);
        }
        State::Failing | State::Misled | State::Queueing => {
            callers(State::Failing, caller, CALL, take);
            retried(graph, at, calls, take);
            starved(graph, at, calls, take);
        }
        State::Slowed => {
            callers(State::Slowed, caller, CALL, take);
            retried(graph, at, calls, take);
        }
        State::Ailing | State::Affected => callers(State::Affected, CALLER_OF_AILING * per_call, CALL, take),
        State::Flooded | State::Loaded => {
            for to in &around.callees {
                take(Step {
                    calls: calls + 1,
                    ..step(*to, State::Loaded, caller, CALL, Way::Called)
                });
            }
            if state == State::Loaded {
                take(step(at, State::Overrun, 0.15, OVERRUN, Way::Itself));
            }
        }
        State::Overrun => callers(State::Slowed, CALLER, CALL, &mut |step| take(Step { calls: 1, ..step })),
        // Where much of it is gone, its callers notice.
        State::Bereft => take(step(
            at,
            State::Failing,
            if graph.is_store(at) { 0.4 } else { 0.05 },
            AT_ONCE,
            Way::Itself,
        )),
        // One slow pod of several reaches callers less often than a slow service does.
        State::Crowded => take(step(
            at,
            State::Slowed,
            if graph.is_store(at) { 0.1 } else { 0.4 },
            AT_ONCE,
            Way::Itself,
        )),
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
            take(step(at, State::Slowed, 0.1, AT_ONCE, Way::Itself));
        }
        State::Busy => {
            for (to, _) in &around.guests {
                take(step(*to, State::Crowded, 0.6, CALL, Way::Crowded));
            }
        }
        State::Leaking => {
            callers(State::Failing, caller, CALL, take);
            retried(graph, at, calls, take);
            drained(graph, at, take);
        }
        State::Drained => callers(State::Queueing, 0.7, CALL, &mut |step| take(Step { calls: 1, ..step })),
        State::Short => callers(State::Queueing, 0.85, CALL, &mut |step| take(Step { calls: 1, ..step })),
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

/// Whose requests fail tries again elsewhere.
fn retried(graph: &Graph, at: Component, calls: u8, take: &mut impl FnMut(Step)) {
    let callees = &graph.around(at).callees;
    #[allow(clippy::cast_precision_loss, reason = "calls of one workload")]
    let each = 0.25 / callees.len().max(1) as f32;
    called(callees, State::Burdened, calls, |_| each.max(0.04), take);
}

/// Whose requests fail early no longer calls the rest.
fn starved(graph: &Graph, at: Component, calls: u8, take: &mut impl FnMut(Step)) {
    let chance = |to| match graph.around(to).callers.len() {
        0 | 1 => 0.45,
        2 => 0.15,
        _ => 0.04,
    };
    called(&graph.around(at).callees, State::Starved, calls, chance, take);
}

fn called(callees: &[Component], state: State, calls: u8, chance: impl Fn(Component) -> f32, take: &mut impl FnMut(Step)) {
    for to in callees {
        take(Step {
            calls: calls + 1,
            ..step(*to, state, chance(*to), CALL, Way::Called)
        });
    }
}

/// What keeps too much keeps it of one: of a store, if it calls one.
fn drained(graph: &Graph, at: Component, take: &mut impl FnMut(Step)) {
    let callees = &graph.around(at).callees;
    let stores = callees.iter().filter(|to| graph.is_store(**to)).count();
    for to in callees {
        #[allow(clippy::cast_precision_loss, reason = "calls of one workload")]
        let chance = match (stores, graph.is_store(*to)) {
            (0, _) => 0.9 / callees.len() as f32,
            (stores, true) => 0.85 / stores as f32,
            (_, false) => 0.05,
        };
        take(step(*to, State::Drained, chance, FULL, Way::Called));
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
                take(step(*to, State::Dark, 0.9, AT_ONCE, Way::Measured));
            }
        }
        Role::Workload | Role::Node | Role::Zone | Role::Other => {}
    }
}
