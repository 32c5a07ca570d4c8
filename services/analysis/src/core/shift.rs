//! How a figure of the workload stands against its own past.

use jiff::{SignedDuration, Timestamp};

use super::facts::{Facts, Revision, Series};

/// A rollout longer ago is not the cause of something that begins now.
const RECENT: SignedDuration = SignedDuration::from_hours(24);
/// Alerts wait before they fire, and a series needs some points on the bad side: this long before the first alert everything
/// still counts as usual.
const LEAD: SignedDuration = SignedDuration::from_hours(1);
/// Fewest points that make a usual value.
const FEWEST: usize = 3;

/// A figure that is worse than it used to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rise {
    /// Median before the trouble.
    pub before: f64,
    /// The newest value.
    pub now: f64,
}

/// The newest revision, if it was rolled out so recently that it may be the cause, and is not the first.
#[must_use]
pub fn recent_rollout(facts: &Facts) -> Option<&Revision> {
    let [newest, _, ..] = facts.revisions.as_slice() else {
        return None;
    };
    (facts.at.duration_since(newest.created) <= RECENT).then_some(newest)
}

/// Since when figures may be worse: the recent rollout, else an hour before the first alert.
fn began(facts: &Facts) -> Timestamp {
    recent_rollout(facts).map_or_else(
        || {
            let first = facts.alerts.iter().map(|alert| alert.starts_at).min().unwrap_or(facts.at);
            first.checked_sub(LEAD).unwrap_or(first)
        },
        |rollout| rollout.created,
    )
}

/// The rise of a series to at least `factor` times its usual value; `None` if it did not rise or has no past.
#[must_use]
pub fn rise(facts: &Facts, series: &Series, factor: f64) -> Option<Rise> {
    let began = began(facts).as_second() as f64;
    let known = || series.points.iter().filter(|(_, value)| value.is_finite());
    let mut before: Vec<f64> = known().filter(|(t, _)| *t < began).map(|p| p.1).collect();
    if before.len() < FEWEST {
        return None;
    }
    before.sort_by(f64::total_cmp);
    let (before, now) = (before[before.len() / 2], known().next_back().filter(|(t, _)| *t >= began)?.1);
    (now > 0.0 && now >= before * factor).then_some(Rise { before, now })
}
