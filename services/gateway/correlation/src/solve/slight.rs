//! Slight clusters: alerts that together are not worth an incident, but likelier so than each by itself. Whoever is told of two
//! alerts, one of a service and one of what calls it, is told of one thing.

use super::{Cluster, Fit, Solver};
use crate::weights;

/// How well what a cause explains is known to others (natural logarithm): it says nothing about any more.
const KNOWN: f32 = 1_000.0;

impl Solver<'_> {
    /// The clusters of what no cause is worth an incident by.
    pub(super) fn slight(&mut self, left: Vec<usize>) -> Vec<Cluster> {
        let mut clusters = Vec::new();
        if left.len() < 2 || self.is_exhausted() {
            return clusters;
        }
        self.incident -= weights::TOGETHER_ANYWAY;
        let mut causes = Vec::new();
        let candidates = self.candidates(left.iter().copied());
        let explained = self.all_but(&left);
        self.take(&mut causes, &candidates, explained);
        for members in shared(&causes, &left) {
            let candidates = self.candidates(members.iter().copied());
            let explained = self.all_but(&members);
            let ranked = self.rank(&candidates, &explained);
            let mut cluster = self.cluster(members, ranked);
            if cluster.worth > 0.0 {
                cluster.worth -= weights::TOGETHER_ANYWAY;
                cluster.slight = true;
                clusters.push(cluster);
            }
        }
        self.incident += weights::TOGETHER_ANYWAY;
        clusters
    }

    /// Everything but these is explained.
    fn all_but(&self, these: &[usize]) -> Vec<f32> {
        let mut explained = vec![KNOWN; self.seen.all.len()];
        for one in these {
            explained[*one] = 0.0;
        }
        explained
    }
}

/// What each cause explains best of what is left, where that is more than one observation.
fn shared(causes: &[Fit], left: &[usize]) -> Vec<Vec<usize>> {
    let mut members = vec![Vec::new(); causes.len()];
    for one in left {
        let gain = |fit: &Fit| {
            let at = fit.footprint.gains.binary_search_by_key(one, |(one, _)| *one as usize);
            at.map_or(f32::MIN, |at| fit.footprint.gains[at].1)
        };
        let gains = causes.iter().map(gain).enumerate().filter(|(_, gain)| *gain > weights::JOIN);
        if let Some((number, _)) = gains.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))) {
            members[number].push(*one);
        }
    }
    members.retain(|members| members.len() > 1);
    members
}
