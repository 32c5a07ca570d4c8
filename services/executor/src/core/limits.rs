//! How many steps may change things at the same time and within an hour, over all workflows (INV-15).

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{
    id::{StepId, WorkerId},
    incident::Incident,
    workflow::StepState,
};
use serde::{Deserialize, Serialize};

/// The window in which changes are counted.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// Most steps that a scope can let change something at the same time: with [`MOST_PER_HOUR`] what a ledger can hold.
pub const MOST_AT_ONCE: usize = 100;
/// Most changes an hour that can be counted. A full ledger has to fit into one value of the bus, 64 KiB: a place takes at most 200
/// bytes, a beginning at most 170; `shell::limits` has a test that fills one.
pub const MOST_PER_HOUR: usize = 250;

/// What a scope (a cluster, a namespace) allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Steps that change something at the same time.
    pub at_once: usize,
    /// Steps that begin to change something within an hour; `None`: any number.
    pub per_hour: Option<usize>,
}

/// Who is at work in a scope, and who was within the last hour.
///
/// A place is a step's, since the step goes on when its worker dies; it has an owner, so that a worker that leaves late does not
/// take away what another one needs by now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    at_work: BTreeMap<String, WorkerId>,
    begun: BTreeMap<String, Timestamp>,
}

/// Why a step may not begin now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Full {
    /// As many as allowed are at work: one of them will end.
    Busy,
    /// As many as allowed began within the last hour; the next may at this time.
    Spent {
        /// When.
        until: Timestamp,
    },
}

impl Ledger {
    /// Makes a place for a step that is to begin, or finds that it has one: whoever enters twice is counted once.
    ///
    /// # Errors
    /// When a limit is reached.
    pub fn enter(&mut self, step: &str, worker: &WorkerId, limits: Limits, now: Timestamp) -> Result<(), Full> {
        self.begun
            .retain(|_, at| limits.per_hour.is_some() && now.duration_since(*at) < WINDOW);
        if self.at_work.contains_key(step) {
            return Ok(());
        }
        if self.at_work.len() >= limits.at_once {
            return Err(Full::Busy);
        }
        if let Some(per_hour) = limits.per_hour
            && !self.begun.contains_key(step)
            && self.begun.len() >= per_hour
        {
            let oldest = self.begun.values().min().copied().unwrap_or(now);
            return Err(Full::Spent {
                until: oldest.checked_add(WINDOW).unwrap_or(Timestamp::MAX),
            });
        }
        self.at_work.insert(step.to_owned(), worker.clone());
        // What nobody counts is not written down: a ledger has to fit into one value of the bus.
        if limits.per_hour.is_some() {
            self.begun.entry(step.to_owned()).or_insert(now);
        }
        Ok(())
    }

    /// Makes the step's place that of the worker who has the step in hand, right before it changes something: only that one
    /// can take it away again.
    ///
    /// # Errors
    /// When the step has lost its place and a limit is reached.
    pub fn own(&mut self, step: &str, worker: &WorkerId, limits: Limits, now: Timestamp) -> Result<(), Full> {
        self.enter(step, worker, limits, now)?;
        self.at_work.insert(step.to_owned(), worker.clone());
        Ok(())
    }

    /// Takes out a step that is not at work any more, if its place is this worker's; says whether it was.
    pub fn leave(&mut self, step: &str, worker: &WorkerId) -> bool {
        let mine = self.at_work.get(step) == Some(worker);
        if mine {
            self.at_work.remove(step);
        }
        mine
    }

    /// Takes out the workflow's steps that are not at work, `kept` apart: what was made for them by workers that died before
    /// they began. One that lives finds that its place is gone before it changes anything.
    pub fn tidy(&mut self, plan: &str, kept: &BTreeSet<StepId>) {
        self.at_work.retain(|step, _| match step.split_once('/') {
            Some((owner, step)) if owner == plan => kept.iter().any(|kept| kept.as_str() == step),
            Some(_) | None => true,
        });
    }

    /// Takes out every step of a workflow that has ended.
    pub fn leave_all(&mut self, plan: &str) -> bool {
        let before = self.at_work.len();
        self.at_work.retain(|step, _| step.split('/').next() != Some(plan));
        self.at_work.len() != before
    }
}

/// Steps that are at work forward.
#[must_use]
pub fn at_work(incident: &Incident) -> BTreeSet<StepId> {
    let steps = incident.run.iter().flat_map(|run| &run.steps);
    steps
        .filter(|(_, run)| matches!(run.state, StepState::Running { .. }))
        .map(|(id, _)| id.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + minute * 60).unwrap()
    }

    const LIMITS: Limits = Limits {
        at_once: 2,
        per_hour: Some(3),
    };

    #[test]
    fn where_no_hour_is_counted_a_ledger_does_not_grow_with_it() {
        let limits = Limits { per_hour: None, ..LIMITS };
        let (mut ledger, w) = (Ledger::default(), worker("w"));
        for number in 0..1_000 {
            let step = format!("p/{number}");
            ledger.enter(&step, &w, limits, at(0)).unwrap();
            ledger.leave(&step, &w);
        }
        assert_eq!(ledger, Ledger::default());
    }

    fn worker(name: &str) -> WorkerId {
        name.parse().unwrap()
    }

    #[test]
    fn no_more_than_allowed_are_at_work_and_who_is_may_come_again() {
        let (mut ledger, w) = (Ledger::default(), worker("w"));
        ledger.enter("p/a", &w, LIMITS, at(0)).unwrap();
        ledger.enter("p/b", &w, LIMITS, at(0)).unwrap();
        assert_eq!(ledger.enter("q/a", &w, LIMITS, at(0)), Err(Full::Busy));
        assert_eq!(ledger.enter("p/a", &w, LIMITS, at(1)), Ok(()));
        assert!(ledger.leave("p/a", &w) && !ledger.leave("p/a", &w));
        assert_eq!(ledger.enter("q/a", &w, LIMITS, at(1)), Ok(()));
        assert!(ledger.leave_all("q"));
    }

    #[test]
    fn the_hour_is_counted_from_each_beginning() {
        let (mut ledger, w) = (Ledger::default(), worker("w"));
        for (minute, step) in [(0, "p/a"), (10, "p/b"), (20, "p/c")] {
            ledger.enter(step, &w, LIMITS, at(minute)).unwrap();
            ledger.leave(step, &w);
        }
        assert_eq!(ledger.enter("p/d", &w, LIMITS, at(30)), Err(Full::Spent { until: at(60) }));
        // A second attempt of a step is the same change.
        assert_eq!(ledger.enter("p/c", &w, LIMITS, at(30)), Ok(()));
        assert_eq!(ledger.enter("p/d", &w, LIMITS, at(61)), Ok(()));
    }

    #[test]
    fn only_the_owner_of_a_place_takes_it_away() {
        let (mut ledger, dead, alive) = (Ledger::default(), worker("dead"), worker("alive"));
        ledger.enter("p/a", &dead, LIMITS, at(0)).unwrap();
        ledger.enter("p/a", &alive, LIMITS, at(0)).unwrap();
        assert!(!ledger.leave("p/a", &alive), "it only looked in");
        ledger.own("p/a", &alive, LIMITS, at(0)).unwrap();
        assert!(!ledger.leave("p/a", &dead), "it comes late");
        assert!(ledger.leave("p/a", &alive));
    }
}
