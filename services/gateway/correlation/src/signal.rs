//! An alert as the correlator sees it: what it is about, what it tells and when its trouble began.

use jiff::{SignedDuration, Timestamp};

use crate::{
    class::{Class, Nature},
    graph::{Cause, Component, Graph},
    weights,
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

/// A cause that may be behind a signal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// The cause.
    pub cause: Cause,
    /// Chance that it makes the component fire such an alert.
    pub chance: f32,
}

impl Link {
    /// How much likelier than chance the signal is (natural logarithm) that comes `after` seconds after the cause's onset, in an estate
    /// of so many components.
    #[must_use]
    pub fn gain(&self, signal: &Signal, after: f32, components: usize) -> f32 {
        self.gain_over(signal, after, weights::background(components))
    }

    pub(crate) fn gain_over(&self, signal: &Signal, after: f32, background: f32) -> f32 {
        let density = weights::density(after - weights::delay(&self.cause), &self.cause, signal.for_known);
        (self.chance * density / background).ln()
    }
}

/// Chances below this decide nothing.
const LEAST_CHANCE: f32 = 0.02;

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

    /// Seconds from `origin` to the onset.
    #[must_use]
    pub fn seconds_after(&self, origin: Timestamp) -> f32 {
        seconds(self.onset, origin)
    }

    /// The causes that may be behind it.
    #[must_use]
    pub fn links(&self, graph: &Graph) -> Vec<Link> {
        let link = |cause: &Cause| Link {
            cause: *cause,
            chance: weights::chance(cause, self.class),
        };
        graph
            .causes(self.component)
            .iter()
            .map(link)
            .filter(|link| link.chance >= LEAST_CHANCE)
            .collect()
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
