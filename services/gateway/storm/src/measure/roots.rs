//! How well causes were named.

/// Mean of 1/rank; a root that is not named at all counts 0. `None` of nothing.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "ranks and counts are small")]
pub fn mean_reciprocal(ranks: &[Option<usize>]) -> Option<f64> {
    let sum = ranks.iter().flatten().fold(0.0, |sum, rank| sum + 1.0 / *rank as f64);
    (!ranks.is_empty()).then(|| sum / ranks.len() as f64)
}

/// The score of ITBench: 0 if any root is missed, else the share of what was named that is a root. `named[i]` is the root, by index,
/// that the i-th name means.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of roots are small")]
pub fn strict(roots: usize, named: &[Option<usize>]) -> f64 {
    if !(0..roots).all(|root| named.contains(&Some(root))) {
        return 0.0;
    }
    let right = named.iter().filter(|root| root.is_some()).count();
    if named.is_empty() { 1.0 } else { right as f64 / named.len() as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reciprocal_rank_is_averaged_over_all_incidents() {
        let mean = mean_reciprocal(&[Some(1), Some(4), None, Some(2)]);
        assert_eq!(mean, Some((1.0 + 0.25 + 0.0 + 0.5) / 4.0));
        assert_eq!(mean_reciprocal(&[]), None);
    }

    #[test]
    fn a_missed_root_is_worth_nothing_and_a_wrong_name_costs() {
        assert_eq!(strict(2, &[Some(0), Some(1)]), 1.0);
        assert_eq!(strict(2, &[Some(0), None]), 0.0);
        assert_eq!(strict(2, &[Some(0), Some(1), None, None]), 0.5);
        assert_eq!(strict(0, &[]), 1.0);
        assert_eq!(strict(0, &[None]), 0.0);
        assert_eq!(strict(1, &[Some(0), Some(0)]), 1.0);
    }
}
