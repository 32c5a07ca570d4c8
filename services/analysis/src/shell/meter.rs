//! How many bytes one investigation may read, over all of its sources, and what it left out when they were used up.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A budget of bytes; clones share it.
#[derive(Clone, Default)]
pub struct Meter(Option<Arc<Bounded>>);

struct Bounded {
    most: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    read: u64,
    /// By source: how many answers were left out, and what the first of them was about.
    left_out: BTreeMap<&'static str, (u32, String)>,
}

/// The budget is used up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("left out: this investigation has read its {} MiB (analysis.budget_mebibytes)", most >> 20)]
pub struct UsedUp {
    most: u64,
}

impl Meter {
    /// A budget of so many bytes. A default one has no end: outside of investigations, answers are few.
    #[must_use]
    pub fn of(most: u64) -> Self {
        let state = Mutex::default();
        Self(Some(Arc::new(Bounded { most, state })))
    }

    /// Takes note that `bytes` more came from `source`, which was asked `what`.
    ///
    /// # Errors
    /// When they are too many: the answer is to be dropped, and is remembered as left out.
    pub fn take(&self, bytes: usize, source: &'static str, what: &str) -> Result<(), UsedUp> {
        let Some(bounded) = &self.0 else { return Ok(()) };
        let mut state = bounded.state();
        state.read = state.read.saturating_add(bytes as u64);
        if state.read <= bounded.most {
            return Ok(());
        }
        let known = state.left_out.entry(source).or_insert_with(|| (0, what.to_owned()));
        known.0 += 1;
        Err(UsedUp { most: bounded.most })
    }

    /// What was left out, a line for each source.
    #[must_use]
    pub fn left_out(&self) -> Vec<String> {
        let Some(bounded) = &self.0 else { return Vec::new() };
        let used_up = UsedUp { most: bounded.most };
        let state = bounded.state();
        let lines = state.left_out.iter().map(|(source, (count, first))| match count {
            1 => format!("{source}: {first}: {used_up}"),
            more => format!("{source}: {first} and {} more answers: {used_up}", more - 1),
        });
        lines.collect()
    }
}

impl Bounded {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_a_budget_and_what_it_left_out_is_named_by_source() {
        let meter = Meter::of(2 << 20);
        let other = meter.clone();
        assert_eq!(meter.take(1 << 20, "kubernetes", "pods"), Ok(()));
        assert_eq!(other.take(1 << 20, "loki", "lines"), Ok(()));
        assert_eq!(meter.left_out(), [""; 0]);
        assert!(meter.take(1, "loki", "more lines").is_err());
        assert!(other.take(1, "prometheus", "up").is_err());
        assert!(other.take(1, "loki", "other lines").is_err());
        assert_eq!(
            meter.left_out(),
            [
                "loki: more lines and 1 more answers: left out: this investigation has read its 2 MiB (analysis.budget_mebibytes)",
                "prometheus: up: left out: this investigation has read its 2 MiB (analysis.budget_mebibytes)",
            ]
        );
        assert_eq!(Meter::default().take(usize::MAX, "kubernetes", "pods"), Ok(()));
    }
}
