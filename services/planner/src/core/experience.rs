//! What was measured before, as a plan uses it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use paramedic_domain::{
    change::{Call, Change},
    id::StepId,
    plan::{Estimate, Recommendation},
};

use super::{catalogue::Catalogue, cooldown::Remediation, graph::Graph, outline::Prepared};

/// How often actions were followed by a verdict, and how often that was a passed verification.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Success {
    /// Attempts with a verdict.
    pub tried: u32,
    /// Those that passed.
    pub verified: u32,
}

/// Everything that was measured and matters to one plan.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Experience {
    /// Time by action and kind of target.
    pub durations: BTreeMap<(String, String), Estimate>,
    /// By action, for the category of the diagnosis.
    pub successes: BTreeMap<String, Success>,
    /// Of the root target, the oldest first.
    pub remediations: Vec<Remediation>,
}

impl Experience {
    /// How long a step usually takes: the median of measured runs, else the catalogue's guess.
    #[must_use]
    pub fn estimate(&self, action: &str, prepared: &Prepared) -> Option<Estimate> {
        let key = (action.to_owned(), kind(&prepared.change).to_owned());
        self.durations
            .get(&key)
            .copied()
            .or_else(|| prepared.typical.map(|typical| Estimate { typical, samples: 0 }))
    }
}

/// The kind of thing that a change is about: how long an action takes depends on it.
#[must_use]
pub fn kind(change: &Change) -> &str {
    match change {
        Change::Patch(patch) => &patch.target.kind,
        Change::Delete(deletion) => &deletion.target.kind,
        Change::Exec(exec) => &exec.target.kind,
        Change::Sequence { operations } => operations.first().map_or("none", |operation| operation.target().kind.as_str()),
        Change::Read { targets, .. } => targets.first().map_or("none", |target| target.kind.as_str()),
        Change::Call(call) => match call {
            Call::Silence(_) => "silence",
            Call::Ticket(_) => "ticket",
            Call::Commit(_) => "commit",
            Call::Request(_) => "request",
            Call::Apply(_) => "module",
        },
        Change::Notify(_) => "notice",
        Change::Carried { .. } => "carried",
    }
}

/// Whether a change may be what helped, or what did not: it changes something, in the cluster or outside of it, or travels in a change
/// that does. A silence changes only what people hear.
#[must_use]
pub fn remedies(change: &Change) -> bool {
    match change {
        Change::Call(Call::Silence(_)) => false,
        Change::Carried { .. } => true,
        Change::Patch(_) | Change::Delete(_) | Change::Sequence { .. } | Change::Call(_) => change.mutates(),
        Change::Read { .. } | Change::Exec(_) | Change::Notify(_) => false,
    }
}

/// The actions of a set that change something, under their own names.
#[must_use]
pub fn changing(recommendations: &[Recommendation], prepared: &BTreeMap<StepId, Prepared>, catalogue: &Catalogue) -> BTreeSet<String> {
    recommendations
        .iter()
        .filter(|r| prepared.get(&r.id).is_some_and(|step| remedies(&step.change)))
        .map(|r| catalogue.canonical(&r.action).to_owned())
        .collect()
}

/// Usual time of a whole plan: the chain that usually takes longest, and the fewest samples on it. `None` when nothing is
/// known of a step.
#[must_use]
pub fn whole(graph: &Graph, estimates: &BTreeMap<StepId, Option<Estimate>>) -> Option<Estimate> {
    if estimates.values().any(Option::is_none) {
        return None;
    }
    let of = |id: &StepId| estimates.get(id).copied().flatten();
    let (path, typical) = graph.critical_path(|id| of(id).map_or(Duration::ZERO, |estimate| estimate.typical));
    let samples = path.iter().filter_map(of).map(|estimate| estimate.samples).min()?;
    Some(Estimate { typical, samples })
}
