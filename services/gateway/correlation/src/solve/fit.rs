//! Which causes may be behind what was seen, when they may have begun, and what they explain.

use std::collections::BTreeSet;

use super::{Fit, Solver};
use crate::{
    class::Class,
    effect::{Step, emits, steps},
    footprint::{Footprint, Hypothesis, Kind, begins},
    graph::{Component, Role},
    weights,
};

/// Causes kept of a cluster.
const KEPT: usize = 16;
/// Onsets tried for one cause.
const TRIES: usize = 5;
/// Causes of each kind that one cause may be exchanged for: the most promising.
const EXCHANGED: usize = 20;
/// Onsets looked at closely.
const ONSETS: usize = 3;
/// Implied onsets this close together are one, seconds.
const SAME: f32 = 40.0;

/// An onset is looked for in steps of so many seconds, so many of them, while each is worth so much more (natural logarithm).
const A_LITTLE: f32 = 10.0;
/// See [`A_LITTLE`].
const REFINED: usize = 4;
/// See [`A_LITTLE`].
const MORE: f32 = 0.5;

impl Solver<'_> {
    /// Everything that may be behind these observations: what they are about, and what is next to it.
    pub(super) fn candidates(&self, observations: impl Iterator<Item = usize>) -> Vec<Hypothesis> {
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
                Role::Workload => hypotheses.extend(Kind::OF_WORKLOADS.map(add)),
                Role::Node => hypotheses.extend([Kind::Outage, Kind::Surge].map(add)),
                Role::Zone | Role::NameServer | Role::Monitor | Role::Other => hypotheses.push(add(Kind::Outage)),
            }
        }
        hypotheses
    }

    /// When the cause may have begun, as what it would do first says.
    pub(super) fn implied(&self, hypothesis: Hypothesis) -> Vec<f32> {
        let state = begins(self.graph, hypothesis);
        let mut implied: Vec<(f32, f32)> = Vec::new();
        let mut vote = |component: Component, state, delay: f32, chance: f32| {
            let about = &self.seen.all[self.seen.about(component)];
            for of_class in about.chunk_by(|one, next| one.class == next.class) {
                // Many pods of one workload say it once.
                #[allow(clippy::cast_precision_loss, reason = "alerts about one workload")]
                let weight = chance * emits(state, self.graph.is_store(component), of_class[0].class) / (of_class.len() as f32).sqrt();
                if weight > 0.02 {
                    implied.extend(of_class.iter().map(|one| (one.onset - delay, weight)));
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
    pub(super) fn fit(&mut self, hypothesis: Hypothesis, onsets: &[f32], explained: &[f32]) -> Option<Fit> {
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

    /// The same cause, begun a little earlier or later if that explains more.
    pub(super) fn refine(&mut self, mut fit: Fit, explained: &[f32]) -> Fit {
        for _ in 0..REFINED {
            let around = [fit.onset - A_LITTLE, fit.onset + A_LITTLE];
            match self.fit(fit.hypothesis, &around, explained) {
                Some(better) if better.worth > fit.worth + MORE => fit = better,
                _ => break,
            }
        }
        fit
    }

    /// The most promising causes, each with its most promising onsets.
    pub(super) fn promising(&mut self, candidates: &[Hypothesis], explained: &[f32], most: usize) -> Vec<(Hypothesis, Vec<f32>)> {
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
        let mut left = [most; Kind::COUNT];
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

    pub(super) fn worth(&self, footprint: &Footprint, explained: &[f32]) -> f32 {
        let gains = footprint.gains.iter();
        let more = gains.map(|(one, gain)| (*one as usize, (gain - explained[*one as usize]).max(0.0)));
        footprint.absent - self.incident + self.told(more)
    }

    /// What observations say together, of which each says so much, in their order.
    pub(super) fn told(&self, each: impl Iterator<Item = (usize, f32)>) -> f32 {
        let mut told = 0.0;
        let mut slot: Option<(Component, Class)> = None;
        let (mut most, mut rest) = (0.0_f32, 0.0_f32);
        for (one, more) in each {
            let of = &self.seen.all[one];
            if slot != Some((of.component, of.class)) {
                told += most + (weights::AGAIN * rest).min(most);
                (most, rest) = (0.0, 0.0);
                slot = Some((of.component, of.class));
            }
            rest += most.min(more);
            most = most.max(more);
        }
        told + most + (weights::AGAIN * rest).min(most)
    }

    /// Causes by what they explain beyond what is explained already.
    pub(super) fn rank(&mut self, candidates: &[Hypothesis], explained: &[f32]) -> Vec<Fit> {
        let mut all: Vec<Fit> = Vec::new();
        for (hypothesis, onsets) in self.promising(candidates, explained, EXCHANGED) {
            if self.is_exhausted() && !all.is_empty() {
                break;
            }
            all.extend(self.fit(hypothesis, &onsets, explained));
        }
        all.sort_by(|a, b| b.worth.total_cmp(&a.worth).then(a.hypothesis.cmp(&b.hypothesis)));
        all.truncate(KEPT);
        all
    }
}
