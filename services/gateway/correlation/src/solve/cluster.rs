//! From causes to clusters: what each explains best, and what else may have caused the same.

use std::rc::Rc;

use super::{Before, Belief, Cluster, Fit, Solver};
use crate::{footprint::Footprint, weights};

/// How much of a difference in worth (natural logarithm) is believed: what is seen is less independent than it is taken to be.
const TEMPER: f32 = 0.5;
/// The most belief in what may be at fault besides the likeliest cause, of the belief in that.
const SHADOWED: f32 = 0.99;

/// What a cause explains less of a cluster than the whole, it is believed less; of so little as of this share.
const LITTLE: f32 = 0.05;

impl Solver<'_> {
    /// What each cause explains best.
    pub(super) fn clusters(&mut self, causes: &[Fit], before: &Before) -> Vec<Cluster> {
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
                    slight: false,
                });
                continue;
            }
            if self.is_exhausted() {
                let worth = self.worth(&fit.footprint, &others);
                clusters.push(self.cluster(members, vec![Fit { worth, ..fit.clone() }]));
                continue;
            }
            let candidates = self.candidates(members.iter().copied());
            let ranked = self.rank(&candidates, &others);
            let explained = self.without(causes, usize::MAX);
            let besides = self.rank(&candidates, &explained);
            let mut cluster = self.cluster(members, ranked);
            cluster.add_besides(&besides);
            clusters.push(cluster);
        }
        clusters = one_at_a_place(clusters);
        let left = (0..best.len()).filter(|one| best[*one].is_none()).collect();
        clusters.extend(self.slight(left));
        clusters
    }

    /// One cluster with its causes, of which each explains so much of everything.
    pub(super) fn cluster(&self, members: Vec<usize>, ranked: Vec<Fit>) -> Cluster {
        let top = ranked.first().map_or(0.0, |fit| fit.worth);
        let mut causes: Vec<(Belief, Rc<Footprint>)> = Vec::new();
        for fit in ranked {
            let mut belief = fit.believed((TEMPER * (fit.worth - top)).exp(), &members);
            #[allow(clippy::cast_precision_loss, reason = "alerts of an incident")]
            let explained = belief.explains as f32 / members.len().max(1) as f32;
            belief.share *= explained.max(LITTLE);
            causes.push((belief, fit.footprint));
        }
        causes.sort_by(|a, b| b.0.share.total_cmp(&a.0.share));
        let sum: f32 = causes.iter().map(|(belief, _)| belief.share).sum();
        let footprint = causes.first().map(|(_, footprint)| Rc::clone(footprint)).unwrap_or_default();
        let shared = |(belief, _): (Belief, _)| Belief {
            share: belief.share / sum,
            ..belief
        };
        Cluster {
            worth: top,
            causes: causes.into_iter().map(shared).collect(),
            footprint,
            members,
            slight: false,
        }
    }
}

impl Cluster {
    /// Adds what may be at fault besides the likeliest cause, in its shadow: as likely as what it explains better makes it, and never
    /// likelier than what explains the whole.
    fn add_besides(&mut self, besides: &[Fit]) {
        let Some(most) = self.causes.first().map(|first| first.share) else {
            return;
        };
        for fit in besides {
            let share = (1.0 / (1.0 + (-TEMPER * fit.worth).exp())).min(most * SHADOWED);
            match self
                .causes
                .iter_mut()
                .find(|known| known.hypothesis.component == fit.hypothesis.component)
            {
                Some(known) => known.share = known.share.max(share),
                None => self
                    .causes
                    .extend(Some(fit.believed(share, &self.members)).filter(|belief| belief.explains > 0)),
            }
        }
        self.causes.sort_by(|a, b| b.share.total_cmp(&a.share));
    }
}

impl Fit {
    fn believed(&self, share: f32, members: &[usize]) -> Belief {
        let explains = |one: u32, gain: f32| gain > weights::JOIN && members.binary_search(&(one as usize)).is_ok();
        let explained = self.footprint.gains.iter().filter(|(one, gain)| explains(*one, *gain)).count();
        Belief {
            hypothesis: self.hypothesis,
            onset: self.onset,
            share,
            explains: u32::try_from(explained).unwrap_or(u32::MAX),
        }
    }
}

/// What is at fault once is not at fault a second time within the same half hour: its clusters are one, with the causes of the worthier.
fn one_at_a_place(mut clusters: Vec<Cluster>) -> Vec<Cluster> {
    clusters.sort_by(|a, b| b.worth.total_cmp(&a.worth));
    let mut kept: Vec<Cluster> = Vec::new();
    for cluster in clusters {
        let at = cluster.causes.first().copied();
        let same = |other: &&mut Cluster| {
            at.zip(other.causes.first()).is_some_and(|(one, other)| {
                one.hypothesis.component == other.hypothesis.component && (one.onset - other.onset).abs() < weights::STRAY_SECONDS
            })
        };
        match kept.iter_mut().find(same) {
            Some(other) => {
                other.members.extend(cluster.members);
                other.members.sort_unstable();
            }
            None => kept.push(cluster),
        }
    }
    kept
}
