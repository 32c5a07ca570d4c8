//! What a component may suffer from, and how likely it would.

use std::collections::{BTreeMap, BinaryHeap};

use super::Component;

/// How trouble gets from a cause to what suffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// It is the cause itself.
    Itself,
    /// It needs the cause: by calls, or by standing on it.
    Needs,
    /// The cause calls it, and calls it more than usual.
    Called,
    /// Both are called by the same: callers who fail at the cause try again, and do so here too.
    Beside,
    /// The cause needs something that it needs too, and takes too much of it.
    Rival,
    /// The cause runs on the same node, or on this node, and takes too much of it.
    Crowds,
    /// The cause measures it.
    Measured,
}

/// One thing that a component may suffer from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cause {
    /// The component at fault.
    pub component: Component,
    /// How its trouble gets here.
    pub way: Way,
    /// Calls on the way.
    pub calls: u8,
    /// Other steps on the way: a node, a zone, a configuration.
    pub steps: u8,
    /// Chance that trouble gets along the ways that are not calls; 1 where there are none.
    pub strength: f32,
}

impl Cause {
    pub(super) const fn itself(component: Component) -> Self {
        Self {
            component,
            way: Way::Itself,
            calls: 0,
            steps: 0,
            strength: 1.0,
        }
    }
}

/// Longest way, in calls and in other steps.
const MOST_CALLS: u8 = 4;
const MOST_STEPS: u8 = 3;
/// Most causes of one component: what is beyond is too unlikely to decide anything.
const MOST_CAUSES: usize = 128;
/// Chance per call for the order in which ways are followed (storms.md 5.4: 0.9, then 0.75 per further hop).
const PER_CALL: f32 = 0.75;

/// What one component needs directly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Need {
    pub(super) component: Component,
    /// A call; otherwise it stands on it.
    pub(super) call: bool,
    pub(super) strength: f32,
}

#[derive(PartialEq)]
struct Open {
    likely: f32,
    cause: Cause,
}

impl Eq for Open {}

impl Ord for Open {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // The likeliest first; among equals the one with the smaller number, so that the order is always the same.
        self.likely
            .total_cmp(&other.likely)
            .then_with(|| other.cause.component.cmp(&self.cause.component))
    }
}

impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Everything `from` needs, itself first, likeliest first.
pub(super) fn needed(from: Component, needs: &[Vec<Need>]) -> Vec<Cause> {
    let mut found: BTreeMap<Component, ()> = BTreeMap::new();
    let mut causes = Vec::new();
    let mut open = BinaryHeap::from([Open {
        likely: 1.0,
        cause: Cause::itself(from),
    }]);
    while let Some(Open { likely, cause }) = open.pop() {
        if causes.len() >= MOST_CAUSES {
            break;
        }
        if found.insert(cause.component, ()).is_some() {
            continue;
        }
        causes.push(cause);
        for need in &needs[cause.component as usize] {
            let calls = cause.calls + u8::from(need.call);
            let steps = cause.steps + u8::from(!need.call);
            if calls > MOST_CALLS || steps > MOST_STEPS || found.contains_key(&need.component) {
                continue;
            }
            let next = Cause {
                component: need.component,
                way: Way::Needs,
                calls,
                steps,
                strength: cause.strength * need.strength,
            };
            let likely = likely * need.strength * if need.call { PER_CALL } else { 1.0 };
            open.push(Open { likely, cause: next });
        }
    }
    causes
}

/// Everything that calls `from`, directly or through others: it brings more load than usual when it gets more itself.
pub(super) fn callers(from: Component, called_by: &[Vec<Component>]) -> Vec<Cause> {
    let mut found = vec![from];
    let mut causes = Vec::new();
    let mut layer = vec![from];
    for calls in 1..=3 {
        let mut next = Vec::new();
        for component in layer {
            for caller in &called_by[component as usize] {
                if causes.len() >= MOST_CAUSES {
                    return causes;
                }
                if found.contains(caller) {
                    continue;
                }
                found.push(*caller);
                next.push(*caller);
                causes.push(Cause {
                    component: *caller,
                    way: Way::Called,
                    calls,
                    steps: 0,
                    strength: 1.0,
                });
            }
        }
        layer = next;
    }
    causes
}

/// What calls the same as `from` does: connections and threads of what is called are shared.
pub(super) fn rivals(from: Component, called_by: &[Vec<Component>], needs: &[Vec<Need>]) -> Vec<Cause> {
    let mut causes: Vec<Cause> = Vec::new();
    for need in needs[from as usize].iter().filter(|need| need.call) {
        for rival in &called_by[need.component as usize] {
            if *rival != from && causes.len() < MOST_CAUSES / 2 && !causes.iter().any(|known| known.component == *rival) {
                causes.push(Cause {
                    component: *rival,
                    way: Way::Rival,
                    calls: 2,
                    steps: 0,
                    strength: 1.0,
                });
            }
        }
    }
    causes
}

/// What runs where `from` runs, or on `from`; `hosted` has what runs on each node, with the share of it that does.
pub(super) fn crowd(from: Component, needs: &[Vec<Need>], hosted: &BTreeMap<Component, Vec<(Component, f32)>>) -> Vec<Cause> {
    let mut causes: BTreeMap<Component, Cause> = BTreeMap::new();
    let mut add = |component: Component, steps: u8, strength: f32| {
        let cause = causes.entry(component).or_insert(Cause {
            component,
            way: Way::Crowds,
            calls: 0,
            steps,
            strength: 0.0,
        });
        cause.strength = cause.strength.max(strength);
    };
    for (component, _) in hosted.get(&from).into_iter().flatten() {
        add(*component, 1, 1.0);
    }
    for need in needs[from as usize].iter().filter(|need| !need.call) {
        for (component, _) in hosted
            .get(&need.component)
            .into_iter()
            .flatten()
            .filter(|(other, _)| *other != from)
        {
            add(*component, 2, need.strength);
        }
    }
    let mut causes: Vec<Cause> = causes.into_values().collect();
    causes.sort_by(|a, b| b.strength.total_cmp(&a.strength).then(a.component.cmp(&b.component)));
    causes.truncate(MOST_CAUSES / 2);
    causes
}

/// What is called by those that call `from`.
pub(super) fn beside(from: Component, called_by: &[Vec<Component>], needs: &[Vec<Need>]) -> Vec<Cause> {
    let mut found = vec![from];
    let mut causes = Vec::new();
    for caller in &called_by[from as usize] {
        for need in needs[*caller as usize].iter().filter(|need| need.call) {
            if found.contains(&need.component) || causes.len() >= MOST_CAUSES / 2 {
                continue;
            }
            found.push(need.component);
            causes.push(Cause {
                component: need.component,
                way: Way::Beside,
                calls: 1,
                steps: 0,
                strength: 1.0,
            });
        }
    }
    causes
}
