//! An alert as the correlator sees it: what it is about, what it tells and when its trouble began.

use jiff::{SignedDuration, Timestamp};

use crate::{
    class::{Class, Nature},
    footprint::Observation,
    graph::Component,
};

/// Half a scrape interval: an onset is noticed this much late in the middle.
const NOTICED: SignedDuration = SignedDuration::from_secs(15);

/// What one firing alert says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Signal {
    /// What it is about.
    pub component: Component,
    /// What it tells.
    pub class: Class,
    /// When its trouble began: its start less the rule's `for`.
    pub onset: Timestamp,
    /// Whether the rule's `for` is known.
    pub for_known: bool,
}

impl Signal {
    /// The signal of an alert that started at `starts_at` and was received at `received`.
    #[must_use]
    pub fn new(component: Component, nature: Nature, starts_at: Timestamp, received: Timestamp, correct_for: bool) -> Self {
        // A source whose clock is ahead cannot have seen what has not happened.
        let start = starts_at.min(received);
        let waited = if correct_for {
            SignedDuration::from_secs(nature.for_seconds.into())
        } else {
            SignedDuration::ZERO
        };
        Self {
            component,
            class: nature.class,
            onset: start.checked_sub(waited + NOTICED).unwrap_or(Timestamp::MIN),
            for_known: nature.for_known,
        }
    }

    /// The same with its onset in seconds since `origin`, and what the past says about alerts of its name.
    #[must_use]
    pub fn since(&self, origin: Timestamp, lift: f32) -> Observation {
        Observation {
            component: self.component,
            class: self.class,
            onset: seconds(self.onset, origin),
            for_known: self.for_known,
            lift,
        }
    }
}

/// Seconds from `from` to `to`.
pub(crate) fn seconds(to: Timestamp, from: Timestamp) -> f32 {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "an f32 holds the seconds of days to a fraction of a second"
    )]
    let seconds = to.duration_since(from).as_secs_f64() as f32;
    seconds
}
