//! Engines: each knows one family of causes, looks at the facts and says what it concludes or why it does not.

mod bad_release;
mod db_deadlock;
mod db_pool;
mod dependency;
mod memory_leak;
mod oom_limit;
pub mod roots;

use paramedic_domain::{
    diagnosis::{Category, Diagnosis, Factor},
    id::EvidenceId,
};

#[cfg(test)]
pub(super) use self::db_pool::wanted as pool_and_replicas;
pub(crate) use self::oom_limit::{Outlier, outlier};
use self::roots::Root;
use super::facts::{Facts, Workload};

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Knobs {
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

/// The most certain diagnosis.
///
/// # Errors
/// What every engine looked at and why none of them is sure enough.
pub fn diagnose(facts: &Facts, knobs: &Knobs) -> Result<Diagnosis, Vec<String>> {
    let Some(workload) = &facts.workload else {
        let mut reasons = vec!["no workload could be found from the alerts' labels".to_owned()];
        reasons.extend(facts.missing.iter().map(|missing| format!("not available: {missing}")));
        return Err(reasons);
    };
    let mut reasons = Vec::new();
    let mut best: Option<(&'static str, Finding, f64)> = None;
    for (name, engine) in ENGINES {
        match engine(facts, workload) {
            Ok(finding) => {
                let confidence = confidence(facts, &finding.factors);
                if confidence < MIN_TELLABLE {
                    reasons.push(format!(
                        "{name}: possible ({}), but only {:.0} % certain",
                        finding.summary,
                        confidence * 100.0
                    ));
                } else if best.as_ref().is_none_or(|(_, _, other)| confidence > *other) {
                    best = Some((name, finding, confidence));
                }
            }
            Err(reason) => reasons.push(format!("{name}: {reason}")),
        }
    }
    match best {
        Some((name, finding, confidence)) => Ok(conclude(facts, workload, knobs, name, finding, confidence)),
        None => {
            reasons.extend(facts.missing.iter().map(|missing| format!("not available: {missing}")));
            Err(reasons)
        }
    }
}

/// The sum of the factors' weights, less 0.05 for every source that could not be asked, between 0 and 0.95. A missing
/// source can only lower it: what it would have shown adds nothing.
fn confidence(facts: &Facts, factors: &[Factor]) -> f64 {
    let sum: f64 = factors.iter().map(|factor| factor.weight).sum();
    let missing = MISSING_SOURCE * facts.missing.len() as f64;
    ((sum + missing).clamp(0.0, CEILING) * 1000.0).round() / 1000.0
}

fn conclude(facts: &Facts, workload: &Workload, knobs: &Knobs, engine: &str, finding: Finding, confidence: f64) -> Diagnosis {
    let target = finding.root.as_ref().map_or(&workload.object, Root::target).clone();
    let remedy = super::recommend::remedy(facts, workload, knobs, &finding);
    let mut factors = finding.factors;
    if let Some(doubt) = misleading_alert(facts) {
        factors.push(doubt);
    }
    Diagnosis {
        category: finding.category,
        target,
        confidence,
        summary: finding.summary,
        causal_chain: finding.chain,
        factors,
        evidence: facts.evidence.clone(),
        missing_sources: facts.missing.clone(),
        recommendations: remedy.recommendations,
        criteria: remedy.criteria,
        engine: format!("rules/{engine}"),
        options: remedy.options,
    }
}

/// An alert that speaks of memory while no container was killed for it is a finding of its own, and never a reason.
fn misleading_alert(facts: &Facts) -> Option<Factor> {
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
