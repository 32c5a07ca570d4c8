//! How many bytes one investigation may read, over all of its sources, and how often it may ask the API server; and what it left out
//! when these were used up.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Most requests of one investigation to the API server: all kinds, what the alerted workloads depend on, and a few logs.
const MOST_CALLS: u32 = 40;

/// A budget of bytes and calls; clones share it.
#[derive(Clone, Default)]
pub struct Meter(Option<Arc<Bounded>>);

struct Bounded {
    most: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    read: u64,
    calls: u32,
    /// How many questions were not asked, and the first of them.
    unasked: Option<(u32, String)>,
    /// By source: how many answers were left out, and what the first of them was about.
    left_out: BTreeMap<&'static str, (u32, String)>,
}

/// The budget is used up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsedUp {
    /// Of bytes.
    #[error("left out: this investigation has read its {} MiB (analysis.budget_mebibytes)", most >> 20)]
    Bytes {
        /// How many there were.
        most: u64,
    },
    /// Of calls.
    #[error("not asked: this investigation has made its {MOST_CALLS} requests to the API server")]
    Calls,
}

impl Meter {
    /// A budget of so many bytes. A default one has no end: outside of investigations, answers are few.
    #[must_use]
    pub fn of(most: u64) -> Self {
        let state = Mutex::default();
        Self(Some(Arc::new(Bounded { most, state })))
    }

    /// Takes note that the API server is about to be asked `what`.
    ///
    /// # Errors
    /// When it was asked often enough: it is not to be, and that is remembered.
    pub fn call(&self, what: &str) -> Result<(), UsedUp> {
        let Some(bounded) = &self.0 else { return Ok(()) };
        let mut state = bounded.state();
        if state.calls < MOST_CALLS {
            state.calls += 1;
            return Ok(());
        }
        state.unasked.get_or_insert_with(|| (0, what.to_owned())).0 += 1;
        Err(UsedUp::Calls)
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
        Err(UsedUp::Bytes { most: bounded.most })
    }

    /// What was left out, a line for each source.
    #[must_use]
    pub fn left_out(&self) -> Vec<String> {
        let Some(bounded) = &self.0 else { return Vec::new() };
        let line = |source: &str, (count, first): &(u32, String), used_up: &UsedUp| match count {
            1 => format!("{source}: {first}: {used_up}"),
            more => format!("{source}: {first} and {} more answers: {used_up}", more - 1),
        };
        let used_up = UsedUp::Bytes { most: bounded.most };
        let state = bounded.state();
        let unasked = state.unasked.iter().map(|unasked| line("kubernetes", unasked, &UsedUp::Calls));
        let unread = state.left_out.iter().map(|(source, left_out)| line(source, left_out, &used_up));
        unasked.chain(unread).collect()
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
    }

    #[test]
    fn questions_that_are_too_many_are_not_asked_and_named_once() {
        let meter = Meter::of(1);
        assert!((0..MOST_CALLS).all(|_| meter.call("pods").is_ok()));
        assert_eq!(meter.left_out(), [""; 0]);
        assert!(meter.call("/api/v1/nodes").is_err() && meter.clone().call("/api/v1/pods").is_err());
        assert_eq!(
            meter.left_out(),
            ["kubernetes: /api/v1/nodes and 1 more answers: not asked: this investigation has made its 40 requests to the API server"]
        );
        assert_eq!(Meter::default().take(usize::MAX, "kubernetes", "pods"), Ok(()));
    }
}
