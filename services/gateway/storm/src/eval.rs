//! Storms against those who take them apart: replay, score, report.

mod cells;
mod invariance;
mod replay;
mod score;

pub use cells::{Cell, CellKey, Metric, Spread, cells};
pub use invariance::Invariance;
pub use replay::{Replay, replay};
pub use score::{Found, Score, score};

use crate::{
    format::Storm,
    group::{Contender, Known},
    intake::Refused,
};

/// Everything measured of one contender on one storm.
///
/// # Errors
/// When the gateway would refuse a post.
pub fn evaluate(storm: &Storm, contender: &Contender) -> Result<Score, Refused> {
    let known = Known {
        topology: &storm.topology,
        windows: &storm.windows,
    };
    let replayed = replay(storm, (contender.make)(known))?;
    let invariance = invariance::check(storm, contender, &replayed.groups)?;
    Ok(score(storm, &replayed, invariance))
}
