//! A limit below what the work needs: OOM kills without a leak.
//!
//! Weights: OOM kill 0.35, repeated 0.15, memory at the limit without steady growth 0.20, recent release 0.05 or
//! unchanged template 0.05, slower responses 0.05.

use paramedic_domain::diagnosis::Category;

use super::{Finding, factor, oom_factor, seconds_between, span};
use crate::core::{
    criteria::ROSE,
    facts::{Facts, Workload},
    quantity::human,
    shift,
    stats::{fit, longest_run},
};

/// At this share of the limit memory counts as at the limit.
const AT_LIMIT: f64 = 0.85;
/// A line this straight over two hours is a leak's, not a limit's.
const LEAK_R2: f64 = 0.90;

pub(super) fn diagnose(facts: &Facts, workload: &Workload) -> Result<Finding, String> {
    let Some(killed) = oom_factor(facts, 0.35) else {
        return Err("no container's last run was ended with reason OOMKilled and exit code 137".into());
    };
    let limit = workload
        .limit
        .ok_or("the container has no memory limit, so the node ran out of memory, not the container")?;
    let leaks = facts.memory.iter().any(|series| {
        fit(longest_run(&series.points)).is_some_and(|fit| fit.hours >= 2.0 && fit.r2 >= LEAK_R2 && fit.rise >= limit * 0.05)
    });
    if leaks {
        return Err("memory grows steadily: a larger limit would only postpone the next kill".into());
    }
    let kills = facts.oom_killed().count();
    let restarts = facts.oom_killed().map(|(_, container, _)| container.restarts).max().unwrap_or(0);
    let mut factors = vec![killed];
    if kills > 1 || restarts > 1 {
        factors.extend(factor(
            0.15,
            format!("it happened again and again: {restarts} restarts in one pod, {kills} pods"),
            facts.oom_killed().map(|(pod, _, _)| pod.evidence.clone()),
        ));
    }
    let peak = peak(facts);
    if let Some((peak, cited)) = peak.filter(|(peak, _)| *peak >= limit * AT_LIMIT) {
        factors.extend(factor(
            0.20,
            format!(
                "the working set peaks at {} of a limit of {} without growing steadily",
                human(peak),
                human(limit)
            ),
            [cited],
        ));
    }
    if let Some(newest) = facts.revisions.first() {
        let age = seconds_between(newest.created, facts.at);
        let text = if age < 86_400.0 {
            format!(
                "revision {} was rolled out {} ago and may need more memory than the one before",
                newest.number,
                span(age)
            )
        } else {
            format!("the template has not changed for {}: what grew is the work, or its data", span(age))
        };
        factors.extend(factor(0.05, text, [newest.evidence.clone()]));
    }
    let slower = facts
        .latency
        .as_ref()
        .and_then(|series| Some((shift::rise(facts, series, ROSE)?, series)));
    if let Some((rise, series)) = slower {
        factors.extend(factor(
            0.05,
            format!(
                "p99 rose from {:.0} ms to {:.0} ms meanwhile",
                rise.before * 1000.0,
                rise.now * 1000.0
            ),
            [series.evidence.clone()],
        ));
    }
    Ok(Finding {
        category: Category::OomLimitTooLow,
        summary: format!(
            "the memory limit of {} is below what container {} of {} needs: it is killed at the limit, and memory does not grow steadily",
            human(limit),
            workload.container,
            workload.object
        ),
        chain: vec![
            format!(
                "the work of container {} needs more than its limit of {}",
                workload.container,
                human(limit)
            ),
            "the kernel kills the container (OOMKilled, exit code 137) and the kubelet restarts it".into(),
        ],
        factors,
        slope: None,
        root: None,
    })
}

/// The greatest measured working set.
pub(crate) fn peak(facts: &Facts) -> Option<(f64, paramedic_domain::id::EvidenceId)> {
    facts
        .memory
        .iter()
        .filter_map(|series| Some((series.points.iter().map(|p| p.1).max_by(f64::total_cmp)?, series.evidence.clone())))
        .max_by(|a, b| a.0.total_cmp(&b.0))
}
