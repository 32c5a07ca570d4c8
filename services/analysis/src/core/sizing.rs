//! How much memory, how many replicas.

use super::facts::{Facts, Nodes, Quota, Workload};

const GIB: f64 = 1_073_741_824.0;
const MIB: f64 = 1_048_576.0;

/// Least time a larger limit must buy, hours: a working day and a night, so that somebody awake can fix the leak.
pub const MIN_BOUGHT_HOURS: f64 = 20.0;
/// A raise stays below this multiple of the present limit: beyond it a leak is only hidden.
const MAX_FACTOR: f64 = 4.0;
/// Share of a new limit that the observed peak may fill when the limit was simply too low: the kill cut the peak off, so the
/// true one is greater.
pub const FILLED: f64 = 0.60;

/// Sizes people use, bytes: 1, 1.5 and 2 times the powers of two from 64 MiB to 512 GiB.
fn ladder() -> impl Iterator<Item = f64> {
    (0..14).flat_map(|power| {
        let base = 64.0 * MIB * f64::powi(2.0, power);
        [base, base * 1.5]
    })
}

/// The smallest usual size above the present limit that buys [`MIN_BOUGHT_HOURS`] at `slope` bytes per hour and that
/// nodes and quota permit; `None` if there is none below four times the limit.
#[must_use]
pub fn limit_for_leak(facts: &Facts, workload: &Workload, slope: f64) -> Option<f64> {
    let now = workload.limit?;
    candidates(facts, workload, now).find(|size| (size - now) / slope >= MIN_BOUGHT_HOURS)
}

/// The smallest usual size above the present limit that the observed peak fills to at most [`FILLED`].
#[must_use]
pub fn limit_for_peak(facts: &Facts, workload: &Workload, peak: f64) -> Option<f64> {
    let now = workload.limit?;
    candidates(facts, workload, now).find(|size| peak <= *size * FILLED)
}

/// Rounded to whole MiB, as people write it.
#[must_use]
pub fn whole_mib(bytes: f64) -> f64 {
    (bytes / MIB).round() * MIB
}

fn candidates(facts: &Facts, workload: &Workload, now: f64) -> impl Iterator<Item = f64> {
    let largest = facts
        .nodes
        .as_ref()
        .and_then(|nodes| nodes.allocatable.iter().copied().max_by(f64::total_cmp));
    ladder()
        .filter(move |size| *size > now && *size < now * MAX_FACTOR)
        .filter(move |size| largest.is_none_or(|largest| *size <= largest))
        .filter(move |size| facts.quotas.iter().all(|quota| quota_permits(quota, workload, now, *size)))
}

/// While the rollout runs, every replica may have the new limit and the surge pods come on top.
fn quota_permits(quota: &Quota, workload: &Workload, now: f64, size: f64) -> bool {
    quota.limits.is_none_or(|(hard, used)| {
        let after = used + f64::from(workload.desired) * (size - now) + f64::from(workload.surge) * size;
        after <= hard
    })
}

/// The most replicas whose new limits still fit when the largest node is lost:
/// `floor((allocatable of all nodes - the largest node - requests of everybody else) / new limit)`, and no more than the
/// namespace's quota on limits gives. With a single node a fifth of it stays free instead.
#[must_use]
pub fn replica_cap(facts: &Facts, workload: &Workload, limit: f64) -> Option<u32> {
    let nodes = facts.nodes.as_ref()?;
    let by_nodes = (free(nodes) / limit).floor();
    let own = workload.limit.unwrap_or(0.0) * f64::from(workload.desired);
    let by_quota = facts.quotas.iter().filter_map(|quota| {
        let (hard, used) = quota.limits?;
        Some(((hard - (used - own).max(0.0)) / limit).floor())
    });
    let cap = by_quota.fold(by_nodes, f64::min);
    // f64 -> u32 saturates: a negative room is no room
    (cap >= 1.0).then_some(cap as u32)
}

/// Bytes that stay unused: the largest node, or a fifth of the only one.
fn reserve(nodes: &Nodes) -> f64 {
    match nodes.allocatable.len() {
        0 | 1 => nodes.allocatable.iter().sum::<f64>() * 0.2,
        _ => nodes.allocatable.iter().copied().fold(0.0, f64::max),
    }
}

/// Bytes for this workload after the loss of the largest node.
fn free(nodes: &Nodes) -> f64 {
    (nodes.allocatable.iter().sum::<f64>() - reserve(nodes) - nodes.others).max(0.0)
}

/// The formula of [`replica_cap`] with its numbers, for the rationale.
#[must_use]
pub fn explain_cap(facts: &Facts, limit: f64) -> String {
    let Some(nodes) = &facts.nodes else { return String::new() };
    format!(
        "of {:.1} GiB allocatable, {:.1} GiB stay free for the loss of the largest node and {:.1} GiB are requested by other workloads, so \
         {:.1} GiB hold the limits of {:.2} GiB each",
        nodes.allocatable.iter().sum::<f64>() / GIB,
        reserve(nodes) / GIB,
        nodes.others / GIB,
        free(nodes) / GIB,
        limit / GIB
    )
}
