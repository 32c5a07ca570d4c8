//! How trouble spreads: what may be the matter with a component, which alerts that makes, and what it does to its neighbours.

mod emission;
mod spread;

use crate::graph::Component;

pub(crate) use emission::{Silences, emits};
pub(crate) use spread::steps;

/// What may be the matter with a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// It is at fault itself, and is no workload of its own: settings, a volume, the name server, what measures.
    Broken,
    /// None of it answers any more.
    Down,
    /// Its programs end or answer wrongly, by their own fault: a release, a limit.
    Faulty,
    /// It does not prove any more who it is.
    Expired,
    /// It answers slowly, by its own fault.
    Sluggish,
    /// It is well, but not reached.
    CutOff,
    /// It gives others wrong settings.
    Misleading,
    /// It follows wrong settings.
    Misled,
    /// Its requests fail because of something that it needs.
    Failing,
    /// Its requests are slow because of something that it needs.
    Slowed,
    /// More requests than usual come from outside.
    Flooded,
    /// It gets more requests than usual.
    Loaded,
    /// It gets more requests than it can answer.
    Overrun,
    /// Others who fail try again, here.
    Burdened,
    /// Nobody asks it any more.
    Starved,
    /// It is well, but nobody sees it.
    Dark,
    /// Some of it ran on what is lost.
    Bereft,
    /// It runs beside something that takes too much.
    Crowded,
    /// It takes too much of what it runs on.
    Greedy,
    /// It keeps too much of what it calls: connections, locks, places in a queue.
    Leaking,
    /// Others keep too much of it.
    Drained,
    /// It has too few places for all who call it.
    Short,
    /// It waits for a place at what it calls.
    Queueing,
    /// A node is lost.
    Lost,
    /// A zone is.
    Blackout,
    /// Too much is taken of a node.
    Busy,
    /// It cannot resolve names.
    Nameless,
    /// Some of its requests fail or are slow, by its own fault.
    Ailing,
    /// Some of its requests fail or are slow because of something that it needs.
    Affected,
}

impl State {
    /// How many there are.
    pub const COUNT: usize = 29;
}

/// How trouble got to a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// It is where it began.
    Itself,
    /// It calls what is in trouble.
    Calls,
    /// It runs on it.
    RunsOn,
    /// It reads it: configuration, secrets, a volume.
    Reads,
    /// It asks it for names.
    Resolves,
    /// What is in trouble calls it, and calls it more or less than usual.
    Called,
    /// It runs where something takes too much.
    Crowded,
    /// It is measured by it.
    Measured,
    /// They have no known connection; it fails while much else does.
    Together,
}

/// What trouble of one component does to another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) to: Component,
    pub(crate) state: State,
    /// Chance that it does.
    pub(crate) chance: f32,
    /// Likeliest time until it shows, seconds, and how much earlier and later it may be.
    pub(crate) delay: Delay,
    pub(crate) way: Way,
    /// Calls from where it began, or from where it began anew.
    pub(crate) calls: u8,
}

/// A time that is known about: Laplace's distribution with two sides, seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Delay {
    pub(crate) mode: f32,
    pub(crate) early: f32,
    pub(crate) late: f32,
}

impl Delay {
    const fn new(mode: f32, early: f32, late: f32) -> Self {
        Self { mode, early, late }
    }

    /// One after the other.
    pub(crate) fn then(self, next: Self) -> Self {
        Self {
            mode: self.mode + next.mode,
            early: (self.early * self.early + next.early * next.early).sqrt(),
            late: (self.late * self.late + next.late * next.late).sqrt(),
        }
    }

    /// Density per second of what comes at `off` seconds.
    pub(crate) fn density(self, off: f32) -> f32 {
        let off = off - self.mode;
        let far = off.abs() / if off < 0.0 { self.early } else { self.late };
        if far > 12.0 {
            return 0.0;
        }
        (-far).exp() / (self.early + self.late)
    }
}

/// What takes effect at once, between two onsets that are each seen up to a scrape interval late.
pub(crate) const AT_ONCE: Delay = Delay::new(0.0, 14.0, 14.0);
/// From the first request that fails until a program that fails is known to end again and again.
pub(crate) const BACK_OFF: Delay = Delay::new(40.0, 60.0, 60.0);
