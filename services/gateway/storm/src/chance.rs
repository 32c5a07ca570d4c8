//! Chance from a seed: the same numbers on every machine and with every version of our dependencies.
//!
//! `ChaCha8` is specified to the bit; the distributions are written out here because those of `rand` may change their values between
//! versions. Every part of the generator draws from a stream of its own, so that a change in one leaves the others as they were.

use std::f64::consts::TAU;

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

/// What a stream of numbers is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stream {
    /// Services, pods, nodes, calls.
    World = 1,
    /// What of the world is told.
    Topology = 2,
    /// Alerts that belong to nothing.
    Noise = 3,
    /// Faults and what follows from them.
    Incidents = 4,
    /// Flaps, loss, wrong labels.
    Damage = 5,
    /// How posts arrive.
    Delivery = 6,
    /// Maintenance.
    Window = 7,
    /// Posts in another order.
    Shuffle = 8,
}

/// One stream of chance.
#[derive(Debug, Clone)]
pub(crate) struct Chance(ChaCha8Rng);

impl Chance {
    /// The stream of a seed; `cell` keeps storms of one seed and different sizes apart.
    pub(crate) fn new(seed: u64, cell: u64, stream: Stream) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&cell.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(stream as u64);
        Self(rng)
    }

    /// From 0 to below 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what an f64 holds")]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with this probability.
    pub(crate) fn hit(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// From `low` to below `high`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// From 0 to below `bound`, which is not 0.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "bounds are sizes of small collections"
    )]
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((self.unit() * bound as f64) as usize).min(bound - 1)
    }

    /// From `low` to `high`, both included.
    pub(crate) fn count(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// One of them; `None` of nothing.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() {
            None
        } else {
            Some(&from[self.below(from.len())])
        }
    }

    /// In another order (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// An index with probability in proportion to its weight; the weights are positive and not empty.
    pub(crate) fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (index, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return index;
            }
        }
        weights.len() - 1
    }

    /// Milliseconds between `low` and `high` seconds.
    #[expect(clippy::cast_possible_truncation, reason = "spans of minutes in milliseconds")]
    pub(crate) fn millis(&mut self, low_seconds: f64, high_seconds: f64) -> i64 {
        (self.between(low_seconds, high_seconds) * 1000.0) as i64
    }

    /// Milliseconds, exponentially distributed around a mean in seconds.
    #[expect(clippy::cast_possible_truncation, reason = "spans of minutes in milliseconds")]
    pub(crate) fn exponential(&mut self, mean_seconds: f64) -> i64 {
        (-(1.0 - self.unit()).ln() * mean_seconds * 1000.0) as i64
    }

    /// Milliseconds, log-normally distributed: `median` seconds, `sigma` of the logarithm (Box and Muller).
    #[expect(clippy::cast_possible_truncation, reason = "spans of minutes in milliseconds")]
    pub(crate) fn log_normal(&mut self, median_seconds: f64, sigma: f64) -> i64 {
        let normal = (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (TAU * self.unit()).cos();
        (median_seconds * (sigma * normal).exp() * 1000.0) as i64
    }

    /// Some of `letters`, as names in Kubernetes end.
    pub(crate) fn letters(&mut self, letters: &str, length: usize) -> String {
        let letters: Vec<char> = letters.chars().collect();
        (0..length).map(|_| letters[self.below(letters.len())]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_seed_never_change() {
        let mut chance = Chance::new(7, 3, Stream::World);
        let drawn: Vec<usize> = (0..8).map(|_| chance.below(1000)).collect();
        assert_eq!(drawn, [243, 505, 436, 222, 268, 872, 538, 566]);
    }

    #[test]
    fn streams_and_cells_differ() {
        let first = |cell, stream| Chance::new(7, cell, stream).below(1 << 30);
        assert_ne!(first(0, Stream::World), first(0, Stream::Noise));
        assert_ne!(first(0, Stream::World), first(1, Stream::World));
    }

    #[test]
    fn the_median_of_a_delay_is_the_one_asked_for() {
        let mut chance = Chance::new(1, 0, Stream::Incidents);
        let mut drawn: Vec<i64> = (0..10_001).map(|_| chance.log_normal(20.0, 0.8)).collect();
        drawn.sort_unstable();
        assert!((19_000..21_000).contains(&drawn[5_000]), "{}", drawn[5_000]);
        assert!((42_000..48_000).contains(&drawn[8_413]), "one sigma above: {}", drawn[8_413]);
    }
}
