//! The fewest causes that explain what is seen: clusters of observations, each with what may have caused it.
//!
//! Causes are taken one after the other, the one that explains most beyond what is explained already first, until none is worth an
//! incident; then each is exchanged for what explains its observations better, or dropped, until nothing changes.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap, HashMap},
};

use crate::{
    class::Class,
    effect::{Step, emits, steps},
    footprint::{Footprint, Hypothesis, Kind, Seen, Tracer, begins},
    graph::{Component, Graph, Role},
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
    pub footprint: Footprint,
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
    footprint: Footprint,
}

/// Causes kept of a cluster.
const KEPT: usize = 16;
/// Rounds in which causes are exchanged.
const ROUNDS: usize = 4;
/// Onsets tried for one cause.
const TRIES: usize = 5;
/// Causes of each kind looked at of all, and of those that one cause may be exchanged for: the most promising.
const LOOKED_AT: usize = 40;
/// See [`LOOKED_AT`].
const EXCHANGED: usize = 20;
/// Onsets looked at closely.
const ONSETS: usize = 3;
/// Implied onsets this close together are one, seconds.
const SAME: f32 = 40.0;
/// What is found from the beginning must be better by this than what was there before (natural logarithm).
const STEADY: f32 = 1.0;
/// How much of a difference in worth (natural logarithm) is believed: what is seen is less independent than it is taken to be.
const TEMPER: f32 = 0.5;

struct Solver<'a> {
    graph: &'a Graph,
    seen: &'a Seen,
    tracer: Tracer<'a>,
    /// When each cause may have begun, once that was asked for.
    onsets: HashMap<Hypothesis, Vec<f32>>,
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
}

/// Causes of everything that was seen. What no cause is worth is in no cluster.
#[must_use]
pub fn solve(graph: &Graph, seen: &Seen, before: &Before) -> Vec<Cluster> {
    let mut solver = Solver {
        graph,
        seen,
        tracer: Tracer::new(graph, seen),
        onsets: HashMap::new(),
    };
    let kept = solver.go_on(before);
    if !before.anew {
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
    };
    let candidates = solver.candidates(0..seen.all.len());
    let nothing = vec![0.0; seen.all.len()];
    let ranked = solver.rank(&candidates, &nothing);
    solver.cluster((0..seen.all.len()).collect(), ranked)
}

impl Solver<'_> {
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
                footprint: Footprint::default(),
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

    /// Everything that may be behind these observations: what they are about, and what is next to it.
    fn candidates(&self, observations: impl Iterator<Item = usize>) -> Vec<Hypothesis> {
        let about: BTreeSet<Component> = observations.map(|one| self.seen.all[one].component).collect();
        let mut all = about.clone();
        let mut wide = false;
        for component in &about {
            let around = self.graph.around(*component);
            wide |= self.graph.role(*component) == Role::Workload;
            all.extend(around.callees.iter().chain(&around.callers).chain(&around.uses));
            for (host, _) in &around.hosts {
                all.insert(*host);
                all.extend(self.graph.around(*host).hosts.iter().map(|(zone, _)| *zone));
            }
        }
        if wide || about.len() > 1 {
            all.extend(self.graph.name_server());
            all.extend(self.graph.monitors());
        }
        let mut hypotheses = Vec::new();
        for component in all {
            let add = |kind| Hypothesis { component, kind };
            match self.graph.role(component) {
                Role::Workload => hypotheses.extend([Kind::Failure, Kind::Surge, Kind::Greed, Kind::Leak].map(add)),
                Role::Node => hypotheses.extend([Kind::Failure, Kind::Surge].map(add)),
                Role::Zone | Role::NameServer | Role::Monitor | Role::Other => hypotheses.push(add(Kind::Failure)),
            }
        }
        hypotheses
    }

    /// When the cause may have begun, as what it would do first says.
    fn implied(&self, hypothesis: Hypothesis) -> Vec<f32> {
        let state = begins(self.graph, hypothesis);
        let mut implied: Vec<(f32, f32)> = Vec::new();
        let mut vote = |component: Component, state, delay: f32, chance: f32| {
            for one in &self.seen.all[self.seen.about(component)] {
                let weight = chance * emits(state, one.class);
                if weight > 0.05 {
                    implied.push((one.onset - delay, weight));
                }
            }
        };
        vote(hypothesis.component, state, 0.0, 1.0);
        let mut second: Vec<Step> = Vec::new();
        steps(self.graph, hypothesis.component, state, 0, &mut |step| second.push(step));
        for step in &second {
            vote(step.to, step.state, step.delay.mode, step.chance);
        }
        implied.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut picked: Vec<(f32, f32)> = Vec::new();
        for (index, (onset, own)) in implied.iter().enumerate() {
            let after = implied[index..].iter().take_while(|other| other.0 - onset < SAME);
            let before = implied[..index].iter().rev().take_while(|other| onset - other.0 < SAME);
            let votes = after.chain(before).map(|(_, weight)| weight).sum::<f32>() + 0.1 * own;
            match picked.last_mut().filter(|last| onset - last.0 < SAME / 2.0) {
                Some(last) if votes > last.1 => *last = (*onset, votes),
                Some(_) => {}
                None => picked.push((*onset, votes)),
            }
        }
        picked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.total_cmp(&b.0)));
        picked.truncate(TRIES);
        picked.into_iter().map(|(onset, _)| onset).collect()
    }

    /// The best that the cause explains beyond what is explained already, of these onsets.
    fn fit(&mut self, hypothesis: Hypothesis, onsets: &[f32], explained: &[f32]) -> Option<Fit> {
        let mut best: Option<Fit> = None;
        for onset in onsets {
            let footprint = self.tracer.trace(hypothesis, *onset, explained);
            let worth = self.worth(&footprint, explained);
            if best.as_ref().is_none_or(|fit| worth > fit.worth) {
                best = Some(Fit {
                    hypothesis,
                    onset: *onset,
                    worth,
                    footprint,
                });
            }
        }
        best
    }

    /// The most promising causes, each with its most promising onsets.
    fn promising(&mut self, candidates: &[Hypothesis], explained: &[f32], most: usize) -> Vec<(Hypothesis, Vec<f32>)> {
        let mut all: Vec<(f32, Hypothesis, Vec<f32>)> = Vec::new();
        for hypothesis in candidates {
            if !self.onsets.contains_key(hypothesis) {
                let implied = self.implied(*hypothesis);
                self.onsets.insert(*hypothesis, implied);
            }
            let mut onsets: Vec<(f32, f32)> = self.onsets[hypothesis]
                .iter()
                .map(|onset| (self.tracer.promise(*hypothesis, *onset, explained), *onset))
                .filter(|(promise, _)| *promise > 0.0)
                .collect();
            onsets.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.total_cmp(&b.1)));
            onsets.truncate(ONSETS);
            if let Some((promise, _)) = onsets.first() {
                all.push((*promise, *hypothesis, onsets.into_iter().map(|(_, onset)| onset).collect()));
            }
        }
        all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        // Of each kind: what a failure does first is more than what a leak does first. What is wide promises little by its first effects.
        let mut left = [most * 2, most, most, most];
        all.retain(|(_, hypothesis, _)| {
            match self.graph.role(hypothesis.component) {
                Role::NameServer | Role::Monitor | Role::Zone => return true,
                Role::Workload | Role::Node | Role::Other => {}
            }
            let left = &mut left[hypothesis.kind as usize];
            *left = left.saturating_sub(1);
            *left > 0
        });
        all.into_iter().map(|(_, hypothesis, onsets)| (hypothesis, onsets)).collect()
    }

    fn worth(&self, footprint: &Footprint, explained: &[f32]) -> f32 {
        let mut worth = footprint.absent - weights::INCIDENT;
        let mut slot: Option<(Component, Class)> = None;
        let (mut most, mut rest) = (0.0_f32, 0.0_f32);
        for (one, gain) in &footprint.gains {
            let of = &self.seen.all[*one as usize];
            if slot != Some((of.component, of.class)) {
                worth += most + (weights::AGAIN * rest).min(most);
                (most, rest) = (0.0, 0.0);
                slot = Some((of.component, of.class));
            }
            let more = (gain - explained[*one as usize]).max(0.0);
            rest += most.min(more);
            most = most.max(more);
        }
        worth + most + (weights::AGAIN * rest).min(most)
    }

    /// Takes causes until none is worth an incident.
    fn cover(&mut self, causes: &mut Vec<Fit>) {
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
        let mut explained = self.without(causes, usize::MAX);
        let candidates = self.candidates(0..self.seen.all.len());
        let mut queue: BinaryHeap<Entry> = BinaryHeap::new();
        for (hypothesis, onsets) in self.promising(&candidates, &explained, LOOKED_AT) {
            let fit = self.fit(hypothesis, &onsets, &explained).filter(|fit| fit.worth > 0.0);
            queue.extend(fit.map(|fit| Entry(fit, causes.len())));
        }
        while let Some(Entry(fit, round)) = queue.pop() {
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
            while number < causes.len() {
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

    /// Drops causes whose observations the others explain about as well, once they have to.
    fn prune(&mut self, causes: &mut Vec<Fit>) {
        let mut before = self.total(causes);
        loop {
            let mut best: Option<(f32, Vec<Fit>)> = None;
            for number in 0..causes.len() {
                let mut fewer = causes.clone();
                fewer.remove(number);
                self.retrace(&mut fewer);
                let total = self.total(&fewer);
                if total > before && best.as_ref().is_none_or(|(most, _)| total > *most) {
                    best = Some((total, fewer));
                }
            }
            let Some((total, fewer)) = best else { break };
            (*causes, before) = (fewer, total);
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

    /// How much better all causes together explain everything than chance does (natural logarithm).
    fn total(&self, causes: &[Fit]) -> f32 {
        let explained = self.without(causes, usize::MAX);
        let gains = explained
            .iter()
            .zip(0_u32..)
            .filter(|(gain, _)| **gain > 0.0)
            .map(|(gain, one)| (one, *gain))
            .collect();
        let all = Footprint {
            gains,
            absent: causes.iter().map(|fit| fit.footprint.absent - weights::INCIDENT).sum(),
            ..Footprint::default()
        };
        self.worth(&all, &vec![0.0; explained.len()]) + weights::INCIDENT
    }

    /// Causes by what they explain beyond what is explained already.
    fn rank(&mut self, candidates: &[Hypothesis], explained: &[f32]) -> Vec<Fit> {
        let mut all: Vec<Fit> = Vec::new();
        for (hypothesis, onsets) in self.promising(candidates, explained, EXCHANGED) {
            all.extend(self.fit(hypothesis, &onsets, explained));
        }
        all.sort_by(|a, b| b.worth.total_cmp(&a.worth).then(a.hypothesis.cmp(&b.hypothesis)));
        all.truncate(KEPT);
        all
    }

    fn clusters(&mut self, causes: &[Fit], before: &Before) -> Vec<Cluster> {
        let mut best: Vec<Option<(f32, usize)>> = vec![None; self.seen.all.len()];
        for (number, fit) in causes.iter().enumerate() {
            for (one, gain) in &fit.footprint.gains {
                let best = &mut best[*one as usize];
                if *gain > weights::JOIN && best.is_none_or(|(most, _)| *gain > most) {
                    *best = Some((*gain, number));
                }
            }
        }
        let mut clusters = Vec::new();
        for number in 0..causes.len() {
            let members: Vec<usize> = (0..best.len())
                .filter(|one| best[*one].is_some_and(|(_, of)| of == number))
                .collect();
            if members.is_empty() {
                continue;
            }
            let others = self.without(causes, number);
            let fit = &causes[number];
            let known = before
                .causes
                .iter()
                .find(|(belief, _)| (belief.hypothesis, belief.onset) == (fit.hypothesis, fit.onset));
            let same = members.iter().all(|one| !before.fresh.get(*one).copied().unwrap_or(true));
            if let Some((_, known)) = known.filter(|_| same) {
                clusters.push(Cluster {
                    worth: self.worth(&fit.footprint, &others),
                    causes: known.clone(),
                    footprint: fit.footprint.clone(),
                    members,
                });
                continue;
            }
            let candidates = self.candidates(members.iter().copied());
            let ranked = self.rank(&candidates, &others);
            clusters.push(self.cluster(members, ranked));
        }
        clusters
    }

    fn cluster(&self, members: Vec<usize>, ranked: Vec<Fit>) -> Cluster {
        let top = ranked.first().map_or(0.0, |fit| fit.worth);
        let sum: f32 = ranked.iter().map(|fit| (TEMPER * (fit.worth - top)).exp()).sum();
        let explains = |fit: &Fit| {
            let explained = fit
                .footprint
                .gains
                .iter()
                .filter(|(one, gain)| *gain > weights::JOIN && members.binary_search(&(*one as usize)).is_ok());
            u32::try_from(explained.count()).unwrap_or(u32::MAX)
        };
        let belief = |fit: &Fit| Belief {
            hypothesis: fit.hypothesis,
            onset: fit.onset,
            share: (TEMPER * (fit.worth - top)).exp() / sum,
            explains: explains(fit),
        };
        Cluster {
            worth: top,
            causes: ranked.iter().map(belief).collect(),
            footprint: ranked.into_iter().next().map(|fit| fit.footprint).unwrap_or_default(),
            members,
        }
    }
}
