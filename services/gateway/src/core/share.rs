//! How room (memory for bodies, disk for what waits) is shared between sources.
//!
//! One half is set aside, in equal parts, for each source alone; the other half is for whoever comes first. So a noisy source gets
//! all that nobody else was promised, and never what is promised to another.

/// Who holds how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shares {
    /// Bytes promised to each source.
    promised: u64,
    /// Bytes for everybody.
    common: u64,
    /// Bytes held by each source.
    held: Vec<u64>,
}

impl Shares {
    /// Of `bytes` between so many sources.
    #[must_use]
    pub fn new(bytes: u64, sources: usize) -> Self {
        Self {
            promised: bytes / 2 / (sources.max(1) as u64),
            common: bytes / 2,
            held: vec![0; sources],
        }
    }

    /// Gives a source so many bytes more; `false`: there are not so many for it.
    pub fn take(&mut self, source: usize, bytes: u64) -> bool {
        let Some(held) = self.held.get(source) else { return false };
        let wanted = held.saturating_add(bytes);
        let beyond = |held: u64| held.saturating_sub(self.promised);
        let others: u64 = self.held.iter().map(|held| beyond(*held)).sum::<u64>() - beyond(*held);
        let fits = wanted <= self.promised || others.saturating_add(beyond(wanted)) <= self.common;
        if fits && let Some(held) = self.held.get_mut(source) {
            *held = wanted;
        }
        fits
    }

    /// Notes bytes that a source holds already, whether they fit or not.
    pub fn put(&mut self, source: usize, bytes: u64) {
        if let Some(held) = self.held.get_mut(source) {
            *held = held.saturating_add(bytes);
        }
    }

    /// Takes back what a source held.
    pub fn give_back(&mut self, source: usize, bytes: u64) {
        if let Some(held) = self.held.get_mut(source) {
            *held = held.saturating_sub(bytes);
        }
    }

    /// Bytes held by all.
    #[must_use]
    pub fn in_use(&self) -> u64 {
        self.held.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_lone_source_may_have_all_and_a_noisy_one_leaves_the_others_their_part() {
        let mut alone = Shares::new(100, 1);
        assert!(alone.take(0, 100) && !alone.take(0, 1));
        let mut two = Shares::new(100, 2);
        assert!(two.take(0, 75), "its own quarter and the common half");
        assert!(!two.take(0, 1));
        assert!(two.take(1, 25) && !two.take(1, 1));
        two.give_back(0, 10);
        assert!(two.take(1, 10) && !two.take(0, 1));
    }

    proptest! {
        #[test]
        fn never_more_than_all_and_never_less_than_promised(
            steps in prop::collection::vec((0..4_usize, 0..60_u64, any::<bool>()), 0..200),
        ) {
            let mut shares = Shares::new(400, 4);
            let mut held = [0_u64; 4];
            for (source, bytes, take) in steps {
                if take {
                    let given = shares.take(source, bytes);
                    if given {
                        held[source] += bytes;
                    } else {
                        prop_assert!(held[source] + bytes > 50, "what was promised is not refused");
                    }
                } else {
                    let back = bytes.min(held[source]);
                    shares.give_back(source, back);
                    held[source] -= back;
                }
                prop_assert_eq!(shares.in_use(), held.iter().sum::<u64>());
                prop_assert!(shares.in_use() <= 400);
            }
        }
    }
}
