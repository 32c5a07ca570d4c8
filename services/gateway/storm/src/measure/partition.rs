//! Two partitions of the same things, compared.

use std::collections::BTreeMap;

use serde::Serialize;

/// Precision, recall and their harmonic mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Agreement {
    /// Share of what was put together that belongs together.
    pub precision: f64,
    /// Share of what belongs together that was put together.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
}

impl Agreement {
    fn new(precision: f64, recall: f64) -> Self {
        let sum = precision + recall;
        Self {
            precision,
            recall,
            f1: if sum > 0.0 { 2.0 * precision * recall / sum } else { 0.0 },
        }
    }
}

/// How many things each pair of a true and a found class shares.
#[derive(Debug, Default)]
pub struct Table {
    shared: BTreeMap<(usize, usize), usize>,
    truth: BTreeMap<usize, usize>,
    found: BTreeMap<usize, usize>,
    things: usize,
}

impl FromIterator<(usize, usize)> for Table {
    /// From the true and the found class of each thing.
    fn from_iter<I: IntoIterator<Item = (usize, usize)>>(classes: I) -> Self {
        let mut table = Self::default();
        for (truth, found) in classes {
            *table.shared.entry((truth, found)).or_default() += 1;
            *table.truth.entry(truth).or_default() += 1;
            *table.found.entry(found).or_default() += 1;
            table.things += 1;
        }
        table
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of alerts are far below 2^53")]
fn real(count: usize) -> f64 {
    count as f64
}

fn pairs<'a>(sizes: impl Iterator<Item = &'a usize>) -> f64 {
    sizes.map(|size| real(*size) * (real(*size) - 1.0) / 2.0).sum()
}

impl Table {
    /// Over all pairs of things: was it put together, does it belong together? Without a pair to find, recall is 1; without a pair
    /// found, precision is.
    #[must_use]
    pub fn pairwise(&self) -> Agreement {
        let both = pairs(self.shared.values());
        let share = |of: f64| if of > 0.0 { both / of } else { 1.0 };
        Agreement::new(share(pairs(self.found.values())), share(pairs(self.truth.values())))
    }

    /// B-cubed (Bagga and Baldwin, 1998): the same per thing, averaged over things, so that large classes count in proportion.
    #[must_use]
    pub fn b_cubed(&self) -> Agreement {
        let average = |of: &dyn Fn(&(usize, usize)) -> usize| {
            let sum: f64 = self
                .shared
                .iter()
                .map(|(classes, count)| real(*count) * real(*count) / real(of(classes)))
                .sum();
            if self.things == 0 { 1.0 } else { sum / real(self.things) }
        };
        Agreement::new(average(&|(_, found)| self.found[found]), average(&|(truth, _)| self.truth[truth]))
    }

    /// Mutual information over the mean of both entropies: 1 for equal partitions, 0 for independent ones (the arithmetic variant,
    /// as in scikit-learn). Two partitions without any information agree.
    #[must_use]
    pub fn nmi(&self) -> f64 {
        let all = real(self.things);
        let entropy = |sizes: &BTreeMap<usize, usize>| -> f64 { sizes.values().map(|size| real(*size) / all).map(|p| -p * p.ln()).sum() };
        let mutual: f64 = self
            .shared
            .iter()
            .map(|((truth, found), count)| {
                let joint = real(*count) / all;
                joint * (joint * all * all / (real(self.truth[truth]) * real(self.found[found]))).ln()
            })
            .sum();
        let mean = f64::midpoint(entropy(&self.truth), entropy(&self.found));
        if mean > 1e-12 { (mutual / mean).clamp(0.0, 1.0) } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(one: f64, other: f64) {
        assert!((one - other).abs() < 1e-9, "{one} is not {other}");
    }

    /// Truth {a b c} {d e}; found {a b} {c d} {e}.
    fn example() -> Table {
        [(0, 0), (0, 0), (0, 1), (1, 1), (1, 2)].into_iter().collect()
    }

    #[test]
    fn pairs_are_counted() {
        // ab of {ab, cd}; ab of {ab, ac, bc, de}.
        let agreement = example().pairwise();
        close(agreement.precision, 0.5);
        close(agreement.recall, 0.25);
        close(agreement.f1, 1.0 / 3.0);
    }

    #[test]
    fn b_cubed_averages_over_things() {
        // Precision: a b 1, c d 1/2, e 1. Recall: a b 2/3, c 1/3, d e 1/2.
        let agreement = example().b_cubed();
        close(agreement.precision, 0.8);
        close(agreement.recall, (2.0 / 3.0 + 2.0 / 3.0 + 1.0 / 3.0 + 0.5 + 0.5) / 5.0);
        close(agreement.f1, 2.0 * 0.8 * (8.0 / 15.0) / (0.8 + 8.0 / 15.0));
    }

    #[test]
    fn mutual_information_is_normalised_by_the_mean_entropy() {
        // Truth {a b} {c d}, found {a b c} {d}: I = ln 2 - 3/4 H(1/3), H = ln 2 and H(1/4).
        let table: Table = [(0, 0), (0, 0), (1, 0), (1, 1)].into_iter().collect();
        let h = |p: f64| -p * p.ln() - (1.0 - p) * (1.0 - p).ln();
        let mutual = 2.0_f64.ln() - 0.75 * h(1.0 / 3.0);
        close(table.nmi(), mutual / f64::midpoint(2.0_f64.ln(), h(0.25)));
        let independent: Table = [(0, 0), (0, 1), (1, 0), (1, 1)].into_iter().collect();
        close(independent.nmi(), 0.0);
    }

    #[test]
    fn equal_partitions_agree_whatever_their_classes_are_called() {
        for classes in [&[(0, 5), (0, 5), (1, 2)][..], &[(0, 0), (1, 1)], &[(3, 3), (3, 3)], &[]] {
            let table: Table = classes.iter().copied().collect();
            for agreement in [table.pairwise(), table.b_cubed()] {
                close(agreement.f1, 1.0);
            }
            close(table.nmi(), 1.0);
        }
    }

    #[test]
    fn one_group_for_all_finds_every_pair_and_is_mostly_wrong() {
        let table: Table = [(0, 0), (0, 0), (1, 0), (2, 0)].into_iter().collect();
        let agreement = table.pairwise();
        close(agreement.precision, 1.0 / 6.0);
        close(agreement.recall, 1.0);
    }
}
