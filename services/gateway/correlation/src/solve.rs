//! The fewest causes that explain what is seen: clusters of observations, each with what may have caused it.
//!
//! Greedy weighted cover: the cause that explains most of what is unexplained takes it, until no cause is worth an incident; then
//! every observation goes where it is explained best. The order of the observations does not matter.

mod relay;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use crate::{
    class::Class,
    graph::{Component, Graph, Way},
    signal::{Link, Signal},
    weights,
};

/// What may have happened: this component failed, or it got or took more than usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hypothesis {
    /// The component at fault.
    pub component: Component,
    /// Not a failure, but too much of something.
    pub surge: bool,
}

/// One thing that was seen.
#[derive(Debug, Clone)]
pub struct Observation {
    /// What it says.
    pub signal: Signal,
    /// Its onset, seconds since an origin common to all.
    pub onset: f32,
    /// What may be behind it.
    pub links: Vec<Link>,
}

/// Observations with one cause.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// Indices of the observations, ascending.
    pub members: Vec<usize>,
    /// Causes, the likeliest first.
    pub causes: Vec<Belief>,
    /// How much better it explains the members than chance does (natural logarithm), less what an incident costs.
    pub worth: f32,
}

/// One cause of a cluster.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Belief {
    /// What may have happened.
    pub hypothesis: Hypothesis,
    /// When, seconds since the origin.
    pub onset: f32,
    /// Share of belief, 0 to 1.
    pub share: f32,
    /// Members that it explains.
    pub explains: u32,
}

/// Causes kept of a cluster.
const KEPT: usize = 16;

/// A link from the cause's side.
#[derive(Debug, Clone, Copy)]
struct Reach {
    observation: usize,
    link: Link,
}

/// What explains most at which onset.
struct Fit {
    onset: f32,
    worth: f32,
}

/// Rounds in which observations move to where they are explained better.
const ROUNDS: usize = 4;
/// Onsets tried for one cause.
const TRIES: usize = 16;
/// A cause that is worth this much less than the best has no share (natural logarithm).
const HOPELESS: f32 = 7.0;

struct Solver<'a> {
    graph: &'a Graph,
    seen: &'a [Observation],
    reach: BTreeMap<Hypothesis, Vec<Reach>>,
    background: f32,
}

/// Causes of everything that was seen. What no cause is worth is in no cluster.
#[must_use]
pub fn solve(graph: &Graph, seen: &[Observation]) -> Vec<Cluster> {
    Solver::new(graph, seen).solve()
}

/// The causes of these observations, if they have one.
#[must_use]
pub fn explain(graph: &Graph, seen: &[Observation], members: &[usize]) -> Cluster {
    let those: Vec<Observation> = members.iter().map(|member| seen[*member].clone()).collect();
    let solver = Solver::new(graph, &those);
    let cluster = solver.cluster(&vec![Some(0); those.len()], 0);
    Cluster {
        members: members.to_vec(),
        ..cluster
    }
}

/// What an observation of this class speaks for along a link.
pub fn hypotheses(link: &Link, class: Class) -> impl Iterator<Item = Hypothesis> + use<> {
    let (failure, surge) = match link.cause.way {
        Way::Itself => (true, true),
        // What nobody asks any more suffers from a caller's failure, not from its surge.
        Way::Called => (class == Class::Idle, class != Class::Idle),
        Way::Rival | Way::Crowds => (false, true),
        Way::Needs | Way::Beside | Way::Measured => (true, false),
    };
    let component = link.cause.component;
    let one = move |surge, holds: bool| holds.then_some(Hypothesis { component, surge });
    one(false, failure).into_iter().chain(one(true, surge))
}

impl<'a> Solver<'a> {
    fn new(graph: &'a Graph, seen: &'a [Observation]) -> Self {
        let mut reach: BTreeMap<Hypothesis, Vec<Reach>> = BTreeMap::new();
        for (observation, one) in seen.iter().enumerate() {
            for link in &one.links {
                for hypothesis in hypotheses(link, one.signal.class) {
                    reach.entry(hypothesis).or_default().push(Reach { observation, link: *link });
                }
            }
        }
        Self {
            graph,
            seen,
            reach,
            background: weights::background(graph.len()),
        }
    }

    fn gain(&self, reach: &Reach, onset: f32) -> f32 {
        let one = &self.seen[reach.observation];
        let off = one.onset - weights::delay(&reach.link.cause) - onset;
        let likelihood = reach.link.chance * weights::density(off, &reach.link.cause, one.signal.for_known);
        (likelihood / self.background).ln()
    }

    /// What the cause is worth at this onset for the observations that `open` lets through.
    fn worth(&self, hypothesis: Hypothesis, onset: f32, open: &dyn Fn(usize) -> bool) -> f32 {
        let mut of: BTreeMap<Component, (f32, f32, f32)> = BTreeMap::new();
        let mut spoke = false;
        for reach in self
            .reach
            .get(&hypothesis)
            .into_iter()
            .flatten()
            .filter(|reach| open(reach.observation))
        {
            let gain = self.gain(reach, onset);
            if gain <= 0.0 {
                continue;
            }
            let at = self.seen[reach.observation].signal.component;
            let (best, rest, visible) = of.entry(at).or_insert((0.0, 0.0, weights::visible(&reach.link.cause)));
            *rest += best.min(gain);
            *best = best.max(gain);
            *visible = visible.max(weights::visible(&reach.link.cause));
            let node = self.graph.entity(at).kind == "Node" && reach.link.cause.steps == 1 && reach.link.cause.calls == 0;
            spoke |= match reach.link.cause.way {
                // What takes too much says so by its load, not by its errors.
                Way::Itself => !hypothesis.surge || matches!(self.seen[reach.observation].signal.class, Class::Load | Class::Own),
                Way::Needs => node,
                Way::Called | Way::Beside | Way::Rival | Way::Crowds | Way::Measured => false,
            };
        }
        let mut worth = 0.0;
        let mut reached = 0.0;
        for (best, rest, visible) in of.values() {
            worth += best + (rest * weights::AGAIN).min(*best);
            reached += visible;
        }
        let missing = if hypothesis.surge {
            weights::SURGE
        } else {
            (self.graph.breadth(hypothesis.component) - reached).max(0.0)
        };
        let silent = if spoke {
            0.0
        } else {
            weights::silent(self.graph.entity(hypothesis.component), hypothesis.surge)
        };
        worth - missing * weights::MISSING - silent - weights::INCIDENT
    }

    /// More than the cause can be worth: every onset exactly where it is expected.
    fn bound(&self, hypothesis: Hypothesis, open: &dyn Fn(usize) -> bool) -> f32 {
        let mut of: BTreeMap<Component, (f32, f32)> = BTreeMap::new();
        for reach in self.reach[&hypothesis].iter().filter(|reach| open(reach.observation)) {
            let one = &self.seen[reach.observation];
            let peak = reach.link.chance * weights::density(0.0, &reach.link.cause, one.signal.for_known);
            let gain = (peak / self.background).ln().max(0.0);
            let (best, rest) = of.entry(one.signal.component).or_default();
            *rest += best.min(gain);
            *best = best.max(gain);
        }
        of.values()
            .map(|(best, rest)| best + (rest * weights::AGAIN).min(*best))
            .sum::<f32>()
            - weights::INCIDENT
    }

    fn fit(&self, hypothesis: Hypothesis, open: &dyn Fn(usize) -> bool) -> Fit {
        let mut implied: Vec<(f32, f32)> = self.reach[&hypothesis]
            .iter()
            .filter(|reach| open(reach.observation))
            .map(|reach| {
                let onset = self.seen[reach.observation].onset - weights::delay(&reach.link.cause);
                (reach.link.chance / f32::from(1 + reach.link.cause.calls), onset)
            })
            .collect();
        implied.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.total_cmp(&b.1)));
        implied.dedup_by(|a, b| (a.1 - b.1).abs() < 4.0);
        implied.truncate(TRIES);
        let fits = implied.into_iter().map(|(_, onset)| Fit {
            onset,
            worth: self.worth(hypothesis, onset, open),
        });
        fits.max_by(|a, b| a.worth.total_cmp(&b.worth).then(b.onset.total_cmp(&a.onset)))
            .unwrap_or(Fit {
                onset: 0.0,
                worth: f32::MIN,
            })
    }

    fn solve(&self) -> Vec<Cluster> {
        let mut of: Vec<Option<usize>> = vec![None; self.seen.len()];
        let mut causes: Vec<(Hypothesis, f32)> = Vec::new();
        self.cover(&mut of, &mut causes);
        for _ in 0..ROUNDS {
            let before = of.clone();
            self.assign(&mut of, &causes);
            for (number, (hypothesis, onset)) in causes.iter_mut().enumerate() {
                let best = self.rank(&|observation| of[observation] == Some(number));
                if let Some((likeliest, fit, _)) = best.first() {
                    (*hypothesis, *onset) = (*likeliest, fit.onset);
                }
            }
            if of == before {
                break;
            }
        }
        self.relay(&mut of, &mut causes);
        self.late(&mut of);
        let clusters = causes.iter().enumerate().map(|(number, _)| self.cluster(&of, number));
        clusters.filter(|cluster| !cluster.members.is_empty()).collect()
    }

    /// Picks causes until none is worth an incident.
    fn cover(&self, of: &mut [Option<usize>], causes: &mut Vec<(Hypothesis, f32)>) {
        #[derive(PartialEq)]
        struct Entry(f32, Reverse<Hypothesis>, usize);
        impl Eq for Entry {}
        impl Ord for Entry {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.0.total_cmp(&other.0).then_with(|| self.1.cmp(&other.1))
            }
        }
        impl PartialOrd for Entry {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }
        let open = |of: &[Option<usize>]| -> Vec<bool> { of.iter().map(Option::is_none).collect() };
        let free = open(of);
        let mut queue: BinaryHeap<Entry> = self
            .reach
            .keys()
            .map(|hypothesis| Entry(self.bound(*hypothesis, &|one| free[one]), Reverse(*hypothesis), usize::MAX))
            .collect();
        while let Some(Entry(worth, Reverse(hypothesis), round)) = queue.pop() {
            if worth <= 0.0 {
                break;
            }
            let free = open(of);
            let fit = self.fit(hypothesis, &|one| free[one]);
            // What others took since makes it worth less: it has to wait for its turn again.
            if round != causes.len() {
                queue.push(Entry(fit.worth, Reverse(hypothesis), causes.len()));
                continue;
            }
            let number = causes.len();
            causes.push((hypothesis, fit.onset));
            for reach in &self.reach[&hypothesis] {
                if of[reach.observation].is_none() && self.gain(reach, fit.onset) > weights::JOIN {
                    of[reach.observation] = Some(number);
                }
            }
        }
    }

    /// Gives every observation to the cause that explains it best.
    fn assign(&self, of: &mut [Option<usize>], causes: &[(Hypothesis, f32)]) {
        let mut best: Vec<Option<(f32, usize)>> = vec![None; self.seen.len()];
        for (number, (hypothesis, onset)) in causes.iter().enumerate() {
            for reach in self.reach.get(hypothesis).into_iter().flatten() {
                let gain = self.gain(reach, *onset);
                if gain > weights::JOIN && best[reach.observation].is_none_or(|(most, _)| gain > most) {
                    best[reach.observation] = Some((gain, number));
                }
            }
        }
        for (one, best) in of.iter_mut().zip(best) {
            *one = best.map(|(_, number)| number);
        }
    }

    /// Causes of these observations by worth.
    fn rank(&self, open: &dyn Fn(usize) -> bool) -> Vec<(Hypothesis, Fit, f32)> {
        let mut bounds: Vec<(Hypothesis, f32)> = self
            .reach
            .iter()
            .filter(|(_, reach)| reach.iter().any(|reach| open(reach.observation)))
            .map(|(hypothesis, _)| (*hypothesis, self.bound(*hypothesis, open)))
            .collect();
        bounds.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut all: Vec<(Hypothesis, Fit)> = Vec::new();
        let mut best = f32::MIN;
        for (hypothesis, bound) in bounds {
            // Shares below a thousandth decide nothing.
            if bound < best - HOPELESS {
                break;
            }
            let fit = self.fit(hypothesis, open);
            best = best.max(fit.worth);
            all.push((hypothesis, fit));
        }
        all.sort_by(|a, b| b.1.worth.total_cmp(&a.1.worth).then(a.0.cmp(&b.0)));
        let top = all.first().map_or(0.0, |(_, fit)| fit.worth);
        let sum: f32 = all.iter().map(|(_, fit)| (fit.worth - top).exp()).sum();
        all.into_iter()
            .map(|(hypothesis, fit)| {
                let belief = (fit.worth - top).exp() / sum;
                (hypothesis, fit, belief)
            })
            .collect()
    }

    fn cluster(&self, of: &[Option<usize>], number: usize) -> Cluster {
        let member = |one: usize| of[one] == Some(number);
        let ranked = self.rank(&member);
        let belief = |(hypothesis, fit, share): (Hypothesis, Fit, f32)| Belief {
            hypothesis,
            onset: fit.onset,
            share,
            explains: self.explains(hypothesis, fit.onset, &member),
        };
        Cluster {
            members: (0..of.len()).filter(|one| member(*one)).collect(),
            worth: ranked.first().map_or(0.0, |(_, fit, _)| fit.worth),
            causes: ranked.into_iter().take(KEPT).map(belief).collect(),
        }
    }

    fn explains(&self, hypothesis: Hypothesis, onset: f32, open: &dyn Fn(usize) -> bool) -> u32 {
        let reach = self.reach[&hypothesis].iter();
        let explained = reach.filter(|reach| open(reach.observation) && self.gain(reach, onset) > weights::JOIN);
        u32::try_from(explained.count()).unwrap_or(u32::MAX)
    }
}
