//! How many steps may change things at the same time and within an hour, over all workflows (INV-15).

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{id::StepId, incident::Incident, workflow::StepState};
use serde::{Deserialize, Serialize};

/// The window in which changes are counted.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// What a scope (a cluster, a namespace) allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Steps that change something at the same time.
    pub at_once: usize,
    /// Steps that begin to change something within an hour; `None`: any number.
    pub per_hour: Option<usize>,
}

/// Who is at work in a scope, and who was within the last hour.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    at_work: BTreeSet<String>,
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
    /// Lets a step begin, or finds that it has: whoever enters twice is counted once.
    ///
    /// # Errors
    /// When a limit is reached.
    pub fn enter(&mut self, holder: &str, limits: Limits, now: Timestamp) -> Result<(), Full> {
        self.begun.retain(|_, at| now.duration_since(*at) < WINDOW);
        if self.at_work.contains(holder) {
            return Ok(());
        }
        if self.at_work.len() >= limits.at_once {
            return Err(Full::Busy);
        }
        if let Some(per_hour) = limits.per_hour
            && !self.begun.contains_key(holder)
            && self.begun.len() >= per_hour
        {
            let oldest = self.begun.values().min().copied().unwrap_or(now);
            return Err(Full::Spent {
                until: oldest.checked_add(WINDOW).unwrap_or(Timestamp::MAX),
            });
        }
        self.at_work.insert(holder.to_owned());
        self.begun.entry(holder.to_owned()).or_insert(now);
        Ok(())
    }

    /// Takes a step out that is not at work any more; says whether it was.
    pub fn leave(&mut self, holder: &str) -> bool {
        self.at_work.remove(holder)
    }

    /// Takes out every step of a workflow that has ended.
    pub fn leave_all(&mut self, plan: &str) -> bool {
        let before = self.at_work.len();
        self.at_work.retain(|holder| holder.split('/').next() != Some(plan));
        self.at_work.len() != before
    }
}

/// Whether the step keeps its place although one of its workers goes: another one has it in hand, or is about to.
#[must_use]
pub fn keeps_its_place(incident: &Incident, step: &StepId) -> bool {
    incident.step_state(step).is_some_and(|state| match state {
        StepState::Scheduled | StepState::Running { .. } => true,
        StepState::Waiting
        | StepState::Succeeded
        | StepState::Failed { .. }
        | StepState::Skipped
        | StepState::UndoScheduled
        | StepState::Undoing { .. }
        | StepState::Undone
        | StepState::UndoFailed { .. } => false,
    })
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
    fn no_more_than_allowed_are_at_work_and_who_is_may_come_again() {
        let mut ledger = Ledger::default();
        ledger.enter("p/a", LIMITS, at(0)).unwrap();
        ledger.enter("p/b", LIMITS, at(0)).unwrap();
        assert_eq!(ledger.enter("q/a", LIMITS, at(0)), Err(Full::Busy));
        assert_eq!(ledger.enter("p/a", LIMITS, at(1)), Ok(()));
        assert!(ledger.leave("p/a") && !ledger.leave("p/a"));
        assert_eq!(ledger.enter("q/a", LIMITS, at(1)), Ok(()));
        assert!(ledger.leave_all("q"));
    }

    #[test]
    fn the_hour_is_counted_from_each_beginning() {
        let mut ledger = Ledger::default();
        for (minute, holder) in [(0, "p/a"), (10, "p/b"), (20, "p/c")] {
            ledger.enter(holder, LIMITS, at(minute)).unwrap();
            ledger.leave(holder);
        }
        assert_eq!(ledger.enter("p/d", LIMITS, at(30)), Err(Full::Spent { until: at(60) }));
        // A second attempt of a step is the same change.
        assert_eq!(ledger.enter("p/c", LIMITS, at(30)), Ok(()));
        assert_eq!(ledger.enter("p/d", LIMITS, at(61)), Ok(()));
    }
}
