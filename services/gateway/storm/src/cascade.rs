//! How trouble spreads: callers suffer from what they call, retries burden others, what is downstream of a failure starves.

use std::collections::{BTreeSet, VecDeque};

use crate::{
    labels::Target,
    plot::{Millis, Plot, SECOND},
    rules,
    world::Role,
};

/// A caller suffers with `FIRST` times `DECAY` to the power of the calls in between.
const FIRST: f64 = 0.9;
const DECAY: f64 = 0.75;
/// One call's delay until the caller suffers: median in seconds and sigma of its logarithm.
const DELAY_SECONDS: f64 = 20.0;
const DELAY_SIGMA: f64 = 0.8;

/// What callers notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    /// Requests fail.
    Errors,
    /// Requests are slow, and some time out.
    Slowness,
}

/// Spreads harm from workloads to their callers and on. The origins' own alerts are the fault's affair.
pub(crate) fn spread(plot: &mut Plot<'_>, origins: &[(usize, Millis)], harm: Harm) {
    let mut seen: BTreeSet<usize> = origins.iter().map(|(workload, _)| *workload).collect();
    let mut queue: VecDeque<(usize, Millis, i32)> = origins.iter().map(|(workload, at)| (*workload, *at, 0)).collect();
    while let Some((callee, at, depth)) = queue.pop_front() {
        for caller in plot.world.callers(callee) {
            if seen.contains(&caller) || !plot.chance.hit(FIRST * DECAY.powi(depth)) {
                continue;
            }
            seen.insert(caller);
            let at = at + plot.chance.log_normal(DELAY_SECONDS, DELAY_SIGMA);
            suffer(plot, caller, callee, at, depth, harm);
            retry(plot, caller, &mut seen, at);
            if harm == Harm::Errors && depth <= 1 {
                starve(plot, caller, &seen, at);
            }
            queue.push_back((caller, at, depth + 1));
        }
    }
}

/// What a caller shows when what it calls fails.
fn suffer(plot: &mut Plot<'_>, caller: usize, callee: usize, at: Millis, depth: i32, harm: Harm) {
    plot.affects(caller);
    let (errors, latency) = match harm {
        Harm::Errors => (0.9, 0.55),
        Harm::Slowness => (0.4, 0.95),
    };
    if plot.chance.hit(errors) {
        plot.errors(caller, at);
    }
    if plot.chance.hit(latency) {
        plot.latency(caller, at);
    }
    match plot.role(callee) {
        Role::Postgres => {
            if plot.chance.hit(0.3) {
                plot.alert(&rules::POOL_EXHAUSTED, Target::Requests(caller), &[], at);
            }
            if harm == Harm::Errors && plot.chance.hit(0.3) {
                plot.alert(&rules::NO_DATABASE_OPERATIONS, Target::Requests(caller), &[], at);
            }
        }
        Role::Kafka => {
            if plot.chance.hit(0.6) {
                plot.alert(&rules::KAFKA_LAG, Target::ConsumerGroup(caller, callee), &[], at);
            }
        }
        Role::Edge
        | Role::Mid
        | Role::Data
        | Role::Redis
        | Role::Dns
        | Role::Settings
        | Role::Prometheus
        | Role::StateMetrics
        | Role::NodeExporter => {}
    }
    // Probes that look at dependencies, and programs that give up without them.
    let strong = DECAY.powi(depth);
    if harm == Harm::Errors && plot.chance.hit(0.2 * strong) {
        let pods = plot.pods(caller);
        plot.not_ready(caller, &pods, at);
        plot.mismatch(caller, at);
    }
    if harm == Harm::Errors && plot.chance.hit(0.12 * strong) {
        let pods = plot.pods(caller);
        plot.crash_loop(caller, &pods, at);
    }
    if plot.world.workloads[caller].scaled && plot.chance.hit(0.15) {
        plot.alert(&rules::HPA_MAXED, Target::Autoscaler(caller), &[], at);
    }
    if plot.chance.hit(0.12) {
        plot.throttled(caller, at);
    }
}

/// Retries of a caller are load on others that it calls.
fn retry(plot: &mut Plot<'_>, caller: usize, seen: &mut BTreeSet<usize>, at: Millis) {
    if !plot.chance.hit(0.25) {
        return;
    }
    let siblings: Vec<usize> = plot
        .world
        .callees(caller)
        .into_iter()
        .filter(|callee| !seen.contains(callee))
        .collect();
    let Some(sibling) = plot.chance.pick(&siblings).copied() else {
        return;
    };
    let at = at + plot.chance.log_normal(DELAY_SECONDS, DELAY_SIGMA);
    burden(plot, sibling, at);
}

/// What more load shows as.
pub(crate) fn burden(plot: &mut Plot<'_>, workload: usize, at: Millis) {
    plot.affects(workload);
    match plot.role(workload) {
        Role::Edge | Role::Mid | Role::Data | Role::Settings => {
            plot.surge(workload, at);
            if plot.chance.hit(0.5) {
                plot.latency(workload, at + 20 * SECOND);
            }
            if plot.chance.hit(0.3) {
                plot.throttled(workload, at);
            }
        }
        Role::Postgres => {
            let rule = if plot.chance.hit(0.5) {
                &rules::POSTGRES_CONNECTIONS
            } else {
                &rules::POSTGRES_SLOW
            };
            on_first_pod(plot, workload, rule, at);
        }
        Role::Redis => on_first_pod(plot, workload, &rules::REDIS_REJECTED, at),
        Role::Kafka => on_first_pod(plot, workload, &rules::KAFKA_UNDER_REPLICATED, at),
        Role::Dns | Role::Prometheus | Role::StateMetrics | Role::NodeExporter => {}
    }
}

/// An exporter beside the first pod says so.
pub(crate) fn on_first_pod(plot: &mut Plot<'_>, workload: usize, rule: &'static rules::AlertRule, at: Millis) {
    if let Some(pod) = plot.pods(workload).first() {
        plot.alert(rule, Target::Scraped(workload, pod), &[], at);
    }
}

/// A caller that fails early no longer calls the rest.
fn starve(plot: &mut Plot<'_>, caller: usize, seen: &BTreeSet<usize>, at: Millis) {
    for callee in plot.world.callees(caller) {
        let others = plot.world.callers(callee).iter().filter(|other| !seen.contains(other)).count();
        if !seen.contains(&callee) && others == 0 && plot.chance.hit(0.5) {
            let at = at + plot.chance.log_normal(DELAY_SECONDS, DELAY_SIGMA);
            plot.absent(callee, at);
        }
    }
}
