//! Engines: each knows one family of causes, looks at the facts and says what it concludes or why it does not.

mod bad_release;
mod db_deadlock;
mod db_pool;
mod dependency;
mod memory_leak;
mod oom_limit;
pub mod roots;

use std::{collections::BTreeSet, sync::Arc};

use paramedic_domain::{
    diagnosis::{Category, Factor},
    id::EvidenceId,
};

#[cfg(test)]
pub(super) use self::db_pool::wanted as pool_and_replicas;
pub(crate) use self::oom_limit::{Outlier, outlier};
use self::roots::Root;
use super::{
    facts::{Facts, Workload},
    rules::RuleSet,
};

/// Confidence below which a diagnosis is not worth telling.
pub const MIN_TELLABLE: f64 = 0.50;
/// Confidence is never higher: an engine sees what was measured, not what was not.
const CEILING: f64 = 0.95;
/// What each source that could not be asked takes away.
const MISSING_SOURCE: f64 = -0.05;

/// A cause that an engine found, before sources that were missing are counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Cause.
    pub category: Category,
    /// One or two sentences.
    pub summary: String,
    /// Cause first, symptom last.
    pub chain: Vec<String>,
    /// Weighted reasons.
    pub factors: Vec<Factor>,
    /// Bytes per hour, where memory leaks.
    pub slope: Option<f64>,
    /// Where it comes from, if that is not the workload of the first alert.
    pub root: Option<Root>,
}

/// Settings that engines need from the operator.
#[derive(Debug, Clone)]
pub struct Knobs {
    /// Diagnoses as data.
    pub rules: Arc<RuleSet>,
    /// Arguments that turn on memory profiling in the operator's services; empty: never proposed.
    pub debug_flags: Vec<String>,
}

type Engine = (&'static str, fn(&Facts, &Workload) -> Result<Finding, String>);

/// Every engine, by name.
const ENGINES: [Engine; 6] = [
    ("memory_leak", memory_leak::diagnose),
    ("oom_limit_too_low", oom_limit::diagnose),
    ("bad_release", bad_release::diagnose),
    ("db_pool_exhaustion", db_pool::diagnose),
    ("dependency_failure", dependency::diagnose),
    ("db_deadlock", db_deadlock::diagnose),
];

/// What the engines find in the facts, and why the others find nothing.
pub(super) fn findings(facts: &Facts, workload: &Workload) -> (Vec<(&'static str, Finding)>, Vec<String>) {
    let (mut found, mut reasons) = (Vec::new(), Vec::new());
    for (name, engine) in ENGINES {
        match engine(facts, workload) {
            Ok(finding) => found.push((name, finding)),
            Err(reason) => reasons.push(format!("{name}: {reason}")),
        }
    }
    (found, reasons)
}

/// The sum of the weights, less 0.05 for every source that could not be asked, between 0 and 0.95. A missing source can only lower it:
/// what it would have shown adds nothing.
pub(super) fn confidence(facts: &Facts, weight: f64) -> f64 {
    // A source that does not answer is one source, however often it was asked.
    let sources: BTreeSet<&str> = facts
        .missing
        .iter()
        .map(|missing| missing.split(':').next().unwrap_or_default())
        .collect();
    let missing = MISSING_SOURCE * sources.len() as f64;
    ((weight + missing).clamp(0.0, CEILING) * 1000.0).round() / 1000.0
}

/// An alert that speaks of memory while no container was killed for it is a finding of its own, and never a reason.
pub(super) fn misleading_alert(facts: &Facts) -> Option<Factor> {
    if !facts.alert_claims_oom() || facts.oom_killed().next().is_some() {
        return None;
    }
    let cited: Vec<EvidenceId> = facts.pods.iter().map(|pod| pod.evidence.clone()).take(1).collect();
    (!cited.is_empty()).then(|| Factor {
        text:
            "the alert's text speaks of memory, but no container was ended with reason OOMKilled and exit code 137: the text was not used"
                .into(),
        weight: 0.0,
        evidence: cited,
    })
}

/// A factor, if anything backs it.
fn factor(weight: f64, text: String, evidence: impl IntoIterator<Item = EvidenceId>) -> Option<Factor> {
    let mut evidence: Vec<EvidenceId> = evidence.into_iter().collect();
    evidence.sort();
    evidence.dedup();
    (!evidence.is_empty()).then_some(Factor { text, weight, evidence })
}

/// The OOM kills, as a factor of the given weight.
fn oom_factor(facts: &Facts, weight: f64) -> Option<Factor> {
    let killed: Vec<_> = facts.oom_killed().collect();
    let first = killed.first()?;
    let restarts: u32 = killed.iter().map(|(_, container, _)| container.restarts).max().unwrap_or(0);
    let text = format!(
        "container {} was ended with reason OOMKilled and exit code 137 in {} of {} pods ({}), {restarts} restarts at most",
        first.1.name,
        killed.len(),
        facts.pods.len(),
        killed.iter().map(|(pod, _, _)| pod.name.as_str()).collect::<Vec<_>>().join(", "),
    );
    factor(weight, text, killed.iter().map(|(pod, _, _)| pod.evidence.clone()))
}

/// Seconds from `earlier` to `later`.
fn seconds_between(earlier: jiff::Timestamp, later: jiff::Timestamp) -> f64 {
    later.duration_since(earlier).as_secs_f64()
}

/// A span for people: `9.2 days`, `3.5 h`, `12 min`.
fn span(seconds: f64) -> String {
    match seconds {
        s if s >= 2.0 * 86_400.0 => format!("{:.1} days", s / 86_400.0),
        s if s >= 2.0 * 3600.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.0} min", s / 60.0),
    }
}
