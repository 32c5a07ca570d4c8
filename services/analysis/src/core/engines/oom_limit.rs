//! A limit below what the work needs: OOM kills without a leak.
//!
//! Weights: OOM kill 0.35, repeated 0.15, memory at the limit without steady growth 0.20, recent release 0.05 or
//! unchanged template 0.05, the containers say so themselves 0.10, a single pod of many 0.10, slower responses 0.05, failing
//! requests 0.10.

use paramedic_domain::{
    diagnosis::{Category, Factor},
    id::EvidenceId,
};

use super::{Finding, factor, oom_factor, seconds_between, span};
use crate::core::{
    criteria::{FEW_ERRORS, ROSE},
    facts::{Facts, Series, Workload},
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
    factors.extend(own_words(facts));
    factors.extend(felt(facts));
    let alone = outlier(facts, workload);
    if let Some(Outlier { pod, peak, evidence }) = &alone {
        factors.extend(factor(
            0.10,
            format!(
                "only {pod} of {} pods is concerned; the others run the same template and peak at {} of {}",
                facts.pods.len(),
                human(*peak),
                human(limit)
            ),
            evidence.iter().cloned(),
        ));
    }
    let (container, object) = (&workload.container, &workload.object);
    Ok(Finding {
        category: Category::OomLimitTooLow,
        summary: match &alone {
            None => format!(
                "the memory limit of {} is below what container {container} of {object} needs: it is killed at the limit, and memory does not grow steadily",
                human(limit)
            ),
            Some(Outlier { pod, .. }) => format!(
                "pod {pod} of {object} needs more memory than the limit of {} and is killed at it (exit code 137: by the kernel, not by its runtime); the other pods need less",
                human(limit)
            ),
        },
        chain: vec![
            match &alone {
                None => format!("the work of container {container} needs more than its limit of {}", human(limit)),
                Some(Outlier { pod, .. }) => format!("pod {pod} has more to do, or keeps more, than the others"),
            },
            "the kernel kills the container (OOMKilled, exit code 137) and the kubelet restarts it".into(),
        ],
        factors,
        slope: None,
        root: None,
    })
}

/// What the killed containers themselves say of their memory: never proof, and never more than the exit code.
fn own_words(facts: &Facts) -> Option<Factor> {
    let killed: Vec<&str> = facts.oom_killed().map(|(pod, ..)| pod.name.as_str()).collect();
    let pattern = facts.logs.iter().find(|pattern| {
        let speaks = ["OutOfMemory", "out of memory", "Cannot allocate memory"]
            .iter()
            .any(|words| pattern.latest.contains(words));
        speaks && pattern.pods.iter().all(|pod| killed.contains(&pod.as_str()))
    })?;
    factor(
        0.10,
        format!(
            "only killed pods log {:?} ({} times); exit code 137 says that the kernel was first",
            pattern.latest, pattern.count
        ),
        [pattern.evidence.clone()],
    )
}

/// What callers notice of it.
fn felt(facts: &Facts) -> Vec<Factor> {
    let risen = |series: &Option<Series>| {
        let series = series.as_ref()?;
        Some((shift::rise(facts, series, ROSE)?, [series.evidence.clone()]))
    };
    let slower = risen(&facts.latency).and_then(|(rise, cited)| {
        let text = format!(
            "p99 rose from {:.0} ms to {:.0} ms meanwhile",
            rise.before * 1000.0,
            rise.now * 1000.0
        );
        factor(0.05, text, cited)
    });
    let failing = risen(&facts.errors).filter(|(rise, _)| rise.now >= FEW_ERRORS);
    let failing = failing.and_then(|(rise, cited)| {
        let text = format!(
            "{:.0} % of the requests fail, {:.2} % before",
            rise.now * 100.0,
            rise.before * 100.0
        );
        factor(0.10, text, cited)
    });
    slower.into_iter().chain(failing).collect()
}

/// A single pod of many that is killed at its limit.
pub(crate) struct Outlier<'f> {
    /// Its name.
    pub(crate) pod: &'f str,
    /// The greatest working set of the others, bytes.
    pub(crate) peak: f64,
    /// Where that was measured.
    pub(crate) evidence: Vec<EvidenceId>,
}

/// The only pod that was killed, where the others are ready on the same template, well below the limit, and nothing was
/// rolled out lately.
pub(crate) fn outlier<'f>(facts: &'f Facts, workload: &Workload) -> Option<Outlier<'f>> {
    let mut killed = facts.oom_killed();
    let (pod, ..) = killed.next()?;
    if killed.next().is_some() || shift::recent_rollout(facts).is_some() {
        return None;
    }
    let others: Vec<_> = facts.pods.iter().filter(|other| other.name != pod.name).collect();
    let series: Vec<&Series> = others
        .iter()
        .map(|other| facts.memory.iter().find(|series| series.of == other.name))
        .collect::<Option<_>>()?;
    let peak = series
        .iter()
        .flat_map(|series| &series.points)
        .map(|p| p.1)
        .max_by(f64::total_cmp)?;
    let well = others.iter().all(|other| other.ready && other.revision == pod.revision) && peak < workload.limit? * AT_LIMIT;
    well.then(|| Outlier {
        pod: &pod.name,
        peak,
        evidence: series.iter().map(|series| series.evidence.clone()).collect(),
    })
}

/// The greatest measured working set.
pub(crate) fn peak(facts: &Facts) -> Option<(f64, EvidenceId)> {
    facts
        .memory
        .iter()
        .filter_map(|series| Some((series.points.iter().map(|p| p.1).max_by(f64::total_cmp)?, series.evidence.clone())))
        .max_by(|a, b| a.0.total_cmp(&b.0))
}
