//! How success will be measured, fixed before anything is changed.

use paramedic_domain::verification::{Comparison, Criterion, Probe, WorkloadMetric};

use super::{
    estate::Figure,
    facts::{Facts, Workload},
    quantity::human,
};

/// Share of the limit that the working set must stay below after the change.
const LIMIT_SHARE: f64 = 0.90;
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
    let name = workload.object.name.replace('.', "\\\\.");
    match workload.object.kind.as_str() {
        "Deployment" => format!("{name}-[a-z0-9]+-[a-z0-9]{{5}}"),
        "StatefulSet" => format!("{name}-[0-9]+"),
        _ => format!("{name}-[a-z0-9]{{5}}"),
    }
}

/// The share of requests that these workloads of one namespace fail, all together.
#[must_use]
pub fn errors_of<'a>(namespace: &str, workloads: impl Iterator<Item = &'a Workload>) -> String {
    let pods: Vec<String> = workloads.map(pods_of).collect();
    let of = format!("namespace=\"{namespace}\",pod=~\"{}\"", pods.join("|"));
    format!("(sum(rate(http_requests_total{{{of},code=~\"5..\"}}[2m])) or vector(0)) / sum(rate(http_requests_total{{{of}}}[2m]))")
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
