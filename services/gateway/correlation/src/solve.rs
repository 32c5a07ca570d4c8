//! The fewest causes that explain what is seen: clusters of observations, each with what may have caused it.
//!
//! Causes are taken one after the other, the one that explains most beyond what is explained already first, until none is worth an
//! incident; then each is exchanged for what explains its observations better, or dropped, until nothing changes.

mod cluster;
mod fit;
mod slight;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    rc::Rc,
};

use crate::{
    footprint::{Footprint, Hypothesis, Seen, Tracer},
    graph::Graph,
    weights,
};

/// Observations with one cause.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// Indices of the observations, ascending.
    pub members: Vec<usize>,
    /// Causes, the likeliest first.
    pub causes: Vec<Belief>,
    /// How much better it explains the members than chance does (natural logarithm), less what an incident costs.
    pub worth: f32,
    /// What the likeliest cause would do.
    pub footprint: Rc<Footprint>,
    /// Together the members are not worth an incident; only likelier so than each by itself.
    pub slight: bool,
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

/// A cause with what it would do and how much that explains.
#[derive(Debug, Clone)]
struct Fit {
    hypothesis: Hypothesis,
    onset: f32,
    worth: f32,
    footprint: Rc<Footprint>,
}

/// Rounds in which causes are exchanged.
const ROUNDS: usize = 4;
/// Causes of each kind looked at of all: the most promising.
const LOOKED_AT: usize = 40;
/// What is found from the beginning must be better by this than what was there before (natural logarithm).
const STEADY: f32 = 1.0;
/// Of the causes that may be dropped, so many that are missed least are looked at, if no more is lost than this (natural logarithm).
const LEAST_MISSED: usize = 2;
/// See [`LEAST_MISSED`].
const WITHIN_REACH: f32 = 30.0;

struct Solver<'a> {
    graph: &'a Graph,
    seen: &'a Seen,
    tracer: Tracer<'a>,
    /// When each cause may have begun, once that was asked for.
    onsets: HashMap<Hypothesis, Vec<f32>>,
    /// What an incident costs.
    incident: f32,
    /// See [`Before::most`].
    most: u64,
}

/// What was found before, and how much of it has to be found anew.
#[derive(Debug, Clone, Default)]
pub struct Before {
    /// Causes with their onsets, and what else may have caused the same.
    pub causes: Vec<(Belief, Vec<Belief>)>,
    /// Which observations it did not know.
    pub fresh: Vec<bool>,
    /// Whether everything is looked at from the beginning, too.
    pub anew: bool,
    /// The most work that may be done, in components looked at for footprints (a fifth of a microsecond each): what is found by then is
    /// the result. It is counted and not timed, so that the result is the same everywhere.
    pub most: u64,
}

/// Causes of everything that was seen. What no cause is worth is in no cluster.
#[must_use]
pub fn solve(graph: &Graph, seen: &Seen, before: &Before) -> Vec<Cluster> {
    let mut solver = Solver {
        graph,
        seen,
        tracer: Tracer::new(graph, seen),
        onsets: HashMap::new(),
        incident: weights::incident(graph.workloads().len() + graph.nodes().len()),
        most: before.most,
    };
    let kept = solver.go_on(before);
    if !before.anew || solver.is_exhausted() {
        return solver.clusters(&kept, before);
    }
    let found = solver.begin();
    // Of equals what was there before, so that nothing moves without need.
    if solver.total(&found) > solver.total(&kept) + STEADY {
        solver.clusters(&found, &Before::default())
    } else {
        solver.clusters(&kept, before)
    }
}

/// The causes of everything that was seen, as one incident.
#[must_use]
pub fn explain(graph: &Graph, seen: &Seen) -> Cluster {
    let mut solver = Solver {
        graph,
        seen,
        tracer: Tracer::new(graph, seen),
        onsets: HashMap::new(),
        incident: weights::incident(graph.workloads().len() + graph.nodes().len()),
        most: u64::MAX,
    };
    let candidates = solver.candidates(0..seen.all.len());
    let nothing = vec![0.0; seen.all.len()];
    let ranked = solver.rank(&candidates, &nothing);
    solver.cluster((0..seen.all.len()).collect(), ranked)
}

impl Solver<'_> {
    /// Whether all work was done that may be.
    fn is_exhausted(&self) -> bool {
        self.tracer.work() >= self.most
    }

    /// Finds causes from the beginning.
    fn begin(&mut self) -> Vec<Fit> {
        let mut causes = Vec::new();
        // What is sure first: whatever takes everything that it might explain leaves nothing to tell others by.
        for sure in [true, false] {
            self.tracer.sure = sure;
            self.cover(&mut causes);
            self.improve(&mut causes, ROUNDS, |_| true);
        }
        self.prune(&mut causes);
        self.improve(&mut causes, ROUNDS, |_| true);
        causes
    }

    /// Keeps the causes that were found before, and finds those of what is new.
    fn go_on(&mut self, before: &Before) -> Vec<Fit> {
        let mut causes: Vec<Fit> = before
            .causes
            .iter()
            .map(|(belief, _)| Fit {
                hypothesis: belief.hypothesis,
                onset: belief.onset,
                worth: 0.0,
                footprint: Rc::default(),
            })
            .collect();
        self.retrace(&mut causes);
        let kept = causes.len();
        self.cover(&mut causes);
        let touched = |fit: &Fit| {
            fit.footprint
                .gains
                .iter()
                .any(|(one, _)| before.fresh.get(*one as usize).copied().unwrap_or(true))
        };
        self.improve(&mut causes, 1, touched);
        if causes.len() > kept {
            self.prune(&mut causes);
        }
        causes
    }

    /// Takes causes of everything until none is worth an incident.
    fn cover(&mut self, causes: &mut Vec<Fit>) {
        let explained = self.without(causes, usize::MAX);
        let candidates = self.candidates(0..self.seen.all.len());
        self.take(causes, &candidates, explained);
    }

    /// Takes causes of these until none is worth an incident beyond what is explained.
    fn take(&mut self, causes: &mut Vec<Fit>, candidates: &[Hypothesis], mut explained: Vec<f32>) {
        struct Entry(Fit, usize);
        impl PartialEq for Entry {
            fn eq(&self, other: &Self) -> bool {
                self.cmp(other).is_eq()
            }
        }
        impl Eq for Entry {}
        impl Ord for Entry {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                let key = |fit: &Fit| Reverse(fit.hypothesis);
                self.0
                    .worth
                    .total_cmp(&other.0.worth)
                    .then_with(|| key(&self.0).cmp(&key(&other.0)))
            }
        }
        impl PartialOrd for Entry {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }
        let mut queue: BinaryHeap<Entry> = BinaryHeap::new();
        for (hypothesis, onsets) in self.promising(candidates, &explained, LOOKED_AT) {
            let fit = self.fit(hypothesis, &onsets, &explained).filter(|fit| fit.worth > 0.0);
            queue.extend(fit.map(|fit| Entry(fit, causes.len())));
        }
        while let Some(Entry(fit, round)) = queue.pop() {
            if self.is_exhausted() {
                break;
            }
            // What others explain since makes it worth less: it has to wait for its turn again.
            if round != causes.len() {
                let onsets = self.onsets.get(&fit.hypothesis).cloned().unwrap_or_default();
                let again = self.fit(fit.hypothesis, &onsets, &explained).filter(|fit| fit.worth > 0.0);
                queue.extend(again.map(|fit| Entry(fit, causes.len())));
                continue;
            }
            for (one, gain) in &fit.footprint.gains {
                let most = &mut explained[*one as usize];
                *most = most.max(*gain);
            }
            causes.push(fit);
        }
    }

    /// What each observation gains from all causes but one.
    fn without(&self, causes: &[Fit], left_out: usize) -> Vec<f32> {
        let mut explained = vec![0.0_f32; self.seen.all.len()];
        for fit in causes
            .iter()
            .enumerate()
            .filter(|(number, _)| *number != left_out)
            .map(|(_, fit)| fit)
        {
            for (one, gain) in &fit.footprint.gains {
                explained[*one as usize] = explained[*one as usize].max(*gain);
            }
        }
        explained
    }

    /// Exchanges and drops causes until nothing changes.
    fn improve(&mut self, causes: &mut Vec<Fit>, rounds: usize, which: impl Fn(&Fit) -> bool) {
        for _ in 0..rounds {
            let mut changed = false;
            let mut number = 0;
            while number < causes.len() && !self.is_exhausted() {
                if !which(&causes[number]) {
                    number += 1;
                    continue;
                }
                let others = self.without(causes, number);
                let mine: Vec<usize> = causes[number]
                    .footprint
                    .gains
                    .iter()
                    .filter(|(one, gain)| *gain > others[*one as usize])
                    .map(|(one, _)| *one as usize)
                    .collect();
                let candidates = self.candidates(mine.into_iter());
                let best = self.rank(&candidates, &others).into_iter().next();
                let best = best.map(|fit| self.refine(fit, &others));
                match best.filter(|fit| fit.worth > 0.0) {
                    Some(fit) => {
                        let before = (causes[number].hypothesis, causes[number].onset);
                        changed |= before != (fit.hypothesis, fit.onset);
                        causes[number] = fit;
                        number += 1;
                    }
                    None => {
                        causes.remove(number);
                        changed = true;
                    }
                }
            }
            if !changed {
                break;
            }
        }
    }

    /// Drops causes whose observations the others explain about as well, once they have to: as they are, or after each was exchanged for
    /// what explains more then.
    fn prune(&mut self, causes: &mut Vec<Fit>) {
        'again: loop {
            if self.is_exhausted() {
                return;
            }
            let mut without: Vec<(f32, Vec<Fit>)> = (0..causes.len())
                .map(|number| {
                    let mut fewer = causes.clone();
                    fewer.remove(number);
                    self.retrace(&mut fewer);
                    (self.missed(causes, &fewer), fewer)
                })
                .collect();
            without.sort_by(|a, b| a.0.total_cmp(&b.0));
            for (missed, mut fewer) in without.into_iter().take(LEAST_MISSED) {
                let mut missed = missed;
                if (0.0..WITHIN_REACH).contains(&missed) {
                    self.improve(&mut fewer, 1, |_| true);
                    self.retrace(&mut fewer);
                    missed = self.missed(causes, &fewer);
                }
                if missed < 0.0 {
                    *causes = fewer;
                    continue 'again;
                }
            }
            return;
        }
    }

    /// Works the footprints of all causes out anew, each given the others.
    fn retrace(&mut self, causes: &mut [Fit]) {
        for _ in 0..2 {
            for number in 0..causes.len() {
                let others = self.without(causes, number);
                let fit = &mut causes[number];
                fit.footprint = self.tracer.trace(fit.hypothesis, fit.onset, &others);
            }
        }
    }

    /// How much worse everything is explained by some of the causes than by all of them (natural logarithm). What is explained either way
    /// says less about who is right: how well depends on how well its time is known.
    fn missed(&self, causes: &[Fit], fewer: &[Fit]) -> f32 {
        let costs = |causes: &[Fit]| causes.iter().map(|fit| fit.footprint.absent - self.incident).sum::<f32>();
        let (with, without) = (self.without(causes, usize::MAX), self.without(fewer, usize::MAX));
        let better = with.iter().zip(&without).map(|(with, without)| match *without > 0.0 {
            true => weights::BETTER * (with - without).max(0.0),
            false => with.max(0.0),
        });
        let worse = with.iter().zip(&without).map(|(with, without)| (without - with).max(0.0));
        costs(causes) - costs(fewer) + self.told(better.enumerate()) - self.told(worse.enumerate())
    }

    /// How much better all causes together explain everything than chance does (natural logarithm).
    fn total(&self, causes: &[Fit]) -> f32 {
        let costs = causes.iter().map(|fit| fit.footprint.absent - self.incident).sum::<f32>();
        costs + self.told(self.without(causes, usize::MAX).into_iter().enumerate())
    }
}
