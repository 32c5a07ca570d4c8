//! A release that does not work: the version before it.

use super::{List, Remedy, report};
use crate::core::{
    criteria,
    engines::Finding,
    facts::{Facts, Workload},
};

/// The way back; other ways need somebody who knows the program.
pub(super) fn remedy(facts: &Facts, workload: &Workload, finding: &Finding) -> Remedy {
    let mut list = List::of(workload);
    let diagnostics = list.keep(
        "logs",
        "Keep logs, events and states of the failing pods",
        "a rollback removes the failing pods and their logs",
    );
    let mut last = diagnostics.clone();
    let previous = facts.revisions.get(1);
    if let Some(previous) = previous {
        let why = format!("revision {} worked; the rollout since then does not", previous.number);
        last = list.back(previous, &diagnostics, 0.90, why);
    }
    report(facts, finding, &mut list, &diagnostics, &[last], "bug");
    Remedy {
        recommendations: list.items,
        options: Vec::new(),
        criteria: criteria::healthy(facts, workload),
    }
}
