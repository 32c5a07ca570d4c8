//! How success will be measured, fixed before anything is changed.

use paramedic_domain::verification::{Comparison, Criterion, Probe, WorkloadMetric};

use super::{
    estate::Figure,
    facts::{Facts, Series, Workload},
    families::Family,
    quantity::human,
    shift,
    stats::median,
};

/// Share of the limit that the working set must stay below after the change.
pub const LIMIT_SHARE: f64 = 0.90;
/// From this multiple of the usual value a figure counts as risen: the day's course of a service stays below.
pub const ROSE: f64 = 2.0;
/// Up to this multiple of the usual value it counts as back.
pub const BACK: f64 = 1.5;
/// Share of failing requests that nobody calls an outage.
pub const FEW_ERRORS: f64 = 0.01;
/// Growth that counts as none, bytes per hour: what garbage collectors and caches do anyway.
const NO_GROWTH: f64 = 5.0 * 1_048_576.0;

/// Every pod ready, no restarts, no OOM kills since the change.
#[must_use]
pub fn healthy(facts: &Facts, workload: &Workload) -> Vec<Criterion> {
    let restarts: u32 = facts.main_containers().map(|(_, container)| container.restarts).sum();
    let measure = |metric, description: String, before: f64, unit: &str| Criterion {
        description,
        probe: Probe::Workload {
            target: workload.object.clone(),
            metric,
        },
        comparison: Comparison::AtMost,
        threshold: 0.0,
        unit: unit.into(),
        before: Some(before),
        decisive: true,
    };
    let unready = f64::from(workload.desired.saturating_sub(workload.ready));
    vec![
        measure(
            WorkloadMetric::UnreadyReplicas,
            format!("every replica of {} is ready", workload.object),
            unready,
            "replicas",
        ),
        measure(
            WorkloadMetric::RestartsSinceChange,
            "no container restarted since the change".into(),
            f64::from(restarts),
            "restarts",
        ),
        measure(
            WorkloadMetric::OomKillsSinceChange,
            "no container was OOM killed since the change".into(),
            facts.oom_killed().count() as f64,
            "kills",
        ),
    ]
}

/// The working set below 90 % of the limit that will hold.
#[must_use]
pub fn below_limit(facts: &Facts, workload: &Workload, limit: f64) -> Criterion {
    let before = facts
        .memory
        .iter()
        .filter_map(|series| series.points.last())
        .map(|p| p.1)
        .max_by(f64::total_cmp);
    Criterion {
        description: format!(
            "the largest working set is below {:.0} % of the limit of {}",
            LIMIT_SHARE * 100.0,
            human(limit)
        ),
        probe: Probe::Promql {
            query: format!("max({})", working_set(workload)),
        },
        comparison: Comparison::AtMost,
        threshold: limit * LIMIT_SHARE,
        unit: "bytes".into(),
        before,
        decisive: true,
    }
}

/// The greatest use of the last five minutes stays below a share of the limit that is in force then, whichever way out was taken.
#[must_use]
pub fn usage(facts: &Facts, workload: &Workload, share: f64) -> Criterion {
    let peak = facts
        .memory
        .iter()
        .flat_map(|series| &series.points)
        .map(|p| p.1)
        .max_by(f64::total_cmp);
    let limits = format!(
        "kube_pod_container_resource_limits{{namespace=\"{}\",pod=~\"{}\",container=\"{}\",resource=\"memory\"}}",
        workload.object.namespace.as_deref().unwrap_or_default(),
        pods_of(workload),
        workload.container
    );
    Criterion {
        description: format!("the largest working set is below {:.0} % of the limit", share * 100.0),
        probe: Probe::Promql {
            query: format!(
                "max(max_over_time({}[5m]) / on (namespace, pod, container) {limits})",
                working_set(workload)
            ),
        },
        comparison: Comparison::AtMost,
        threshold: share,
        unit: "of the limit".into(),
        before: peak.zip(workload.limit).map(|(peak, limit)| peak / limit),
        decisive: true,
    }
}

/// Response times back near what they were, if they rose.
#[must_use]
pub fn latency(facts: &Facts, workload: &Workload) -> Option<Criterion> {
    let rise = shift::rise(facts, facts.latency.as_ref()?, ROSE)?;
    Some(Criterion {
        description: format!("p99 is back within {BACK} times the usual {:.0} ms", rise.before * 1000.0),
        probe: Probe::Promql {
            query: p99(workload, "5m"),
        },
        comparison: Comparison::AtMost,
        threshold: rise.before * BACK,
        unit: "s".into(),
        before: Some(rise.now),
        decisive: true,
    })
}

/// Failing requests back near what they were, if they rose.
#[must_use]
pub fn failures(facts: &Facts, workload: &Workload) -> Option<Criterion> {
    let rise = shift::rise(facts, facts.errors.as_ref()?, ROSE).filter(|rise| rise.now >= FEW_ERRORS)?;
    let threshold = (rise.before * BACK).max(FEW_ERRORS);
    Some(Criterion {
        description: format!("at most {:.1} % of requests fail", threshold * 100.0),
        probe: Probe::Promql {
            query: errors_of(workload),
        },
        comparison: Comparison::AtMost,
        threshold,
        unit: "share".into(),
        before: Some(rise.now),
        decisive: true,
    })
}

/// Failing requests about as many as they were, where they are counted.
#[must_use]
pub fn failures_as_before(facts: &Facts, workload: &Workload) -> Option<Criterion> {
    let usual = usual(facts.errors.as_ref()?)?;
    let threshold = (usual * BACK).max(FEW_ERRORS);
    Some(Criterion {
        description: format!(
            "at most {:.1} % of requests fail, as before ({:.2} %)",
            threshold * 100.0,
            usual * 100.0
        ),
        probe: Probe::Promql {
            query: errors_of(workload),
        },
        comparison: Comparison::AtMost,
        threshold,
        unit: "share".into(),
        before: Some(usual),
        decisive: true,
    })
}

/// Response times about as they were, where they are measured.
#[must_use]
pub fn latency_as_before(facts: &Facts, workload: &Workload) -> Option<Criterion> {
    let usual = usual(facts.latency.as_ref()?)?;
    Some(Criterion {
        description: format!("p99 stays within {ROSE} times the usual {:.0} ms", usual * 1000.0),
        probe: Probe::Promql {
            query: p99(workload, "5m"),
        },
        comparison: Comparison::AtMost,
        threshold: usual * ROSE,
        unit: "s".into(),
        before: Some(usual),
        decisive: true,
    })
}

/// The middle of what was measured.
fn usual(series: &Series) -> Option<f64> {
    median(
        series
            .points
            .iter()
            .map(|point| point.1)
            .filter(|value| value.is_finite())
            .collect(),
    )
}

/// The 99th percentile of the workload's response times, seconds, over a window.
#[must_use]
pub fn p99(workload: &Workload, window: &str) -> String {
    workload.counted.p99(&counted(workload), window)
}

/// Matchers of the series that count the workload's requests.
#[must_use]
pub fn counted(workload: &Workload) -> String {
    let namespace = workload.object.namespace.as_deref().unwrap_or_default();
    workload.counted.of(namespace, std::iter::once(&workload.object))
}

/// The growth; reported, but it decides nothing: a larger limit does not cure a leak.
#[must_use]
pub fn growth(workload: &Workload, slope: f64) -> Criterion {
    Criterion {
        description: "the working set does not grow".into(),
        probe: Probe::Promql {
            query: format!("max(deriv({}[10m])) * 3600", working_set(workload)),
        },
        comparison: Comparison::AtMost,
        threshold: NO_GROWTH,
        unit: "bytes/h".into(),
        before: Some(slope),
        decisive: false,
    }
}

/// The working set of the workload's container, whatever its pods are called after the next rollout.
#[must_use]
pub fn working_set(workload: &Workload) -> String {
    format!(
        "container_memory_working_set_bytes{{namespace=\"{}\",pod=~\"{}\",container=\"{}\"}}",
        workload.object.namespace.as_deref().unwrap_or_default(),
        pods_of(workload),
        workload.container
    )
}

/// A regular expression for the names of the workload's pods, now and later.
#[must_use]
pub fn pods_of(workload: &Workload) -> String {
    pods_like(&workload.object.kind, &workload.object.name)
}

/// The same for the workload of this kind and name.
#[must_use]
pub fn pods_like(kind: &str, name: &str) -> String {
    let name = name.replace('.', "\\\\.");
    match kind {
        "Deployment" => format!("{name}-[a-z0-9]+-[a-z0-9]{{5}}"),
        "StatefulSet" => format!("{name}-[0-9]+"),
        _ => format!("{name}-[a-z0-9]{{5}}"),
    }
}

/// The share of requests that a workload fails.
#[must_use]
pub fn errors_of(workload: &Workload) -> String {
    share_failed(workload.counted, &counted(workload), "2m")
}

/// The share of requests that fail of the series that these matchers select.
#[must_use]
pub fn share_failed(family: &Family, of: &str, window: &str) -> String {
    format!("({} or vector(0)) / {}", family.failures(of, window), family.rate(of, window))
}

/// A figure that must be at most (or at least) something.
#[must_use]
pub fn measured(description: String, figure: &Figure, comparison: Comparison, threshold: f64, unit: &str) -> Criterion {
    Criterion {
        description,
        probe: Probe::Promql {
            query: figure.query.clone(),
        },
        comparison,
        threshold,
        unit: unit.into(),
        before: Some(figure.value),
        decisive: true,
    }
}
