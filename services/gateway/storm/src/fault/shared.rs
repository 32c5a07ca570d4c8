//! Faults of what many share: databases, names, settings, monitoring, the way in.

use std::collections::{BTreeSet, VecDeque};

use super::{Root, choose, workload_root};
use crate::{
    cascade::{Harm, burden, on_first_pod, spread},
    labels::Target,
    plot::{MINUTE, Millis, Plot, SECOND},
    rules,
    world::Role,
};

/// Connections run out, because one client keeps them or because there are too few for all.
pub(super) fn pool(plot: &mut Plot<'_>, at: Millis) -> Option<Root> {
    let mut stores = plot.world.of_role(&[Role::Postgres]);
    stores.retain(|store| plot.world.callers(*store).len() >= 2);
    let store = plot.chance.pick(&stores).copied()?;
    let clients = plot.world.callers(store);
    plot.affects(store);
    let leaks = plot.chance.hit(0.6);
    let leaker = if leaks { plot.chance.pick(&clients).copied() } else { None };
    let full = match leaker {
        Some(leaker) => {
            plot.alert(&rules::POOL_EXHAUSTED, Target::Requests(leaker), &[], at);
            plot.latency(leaker, at);
            plot.errors(leaker, at + 30 * SECOND);
            at + MINUTE + plot.chance.log_normal(60.0, 0.5)
        }
        None => {
            on_first_pod(plot, store, &rules::POSTGRES_ROLLBACKS, at);
            at
        }
    };
    on_first_pod(plot, store, &rules::POSTGRES_CONNECTIONS, full);
    let mut starved: Vec<(usize, Millis)> = leaker.map(|leaker| (leaker, at + 30 * SECOND)).into_iter().collect();
    for client in clients {
        if Some(client) == leaker || !plot.chance.hit(if leaks { 0.7 } else { 0.9 }) {
            continue;
        }
        let at = full + plot.chance.log_normal(20.0, 0.8);
        if plot.chance.hit(if leaks { 0.3 } else { 0.8 }) {
            plot.alert(&rules::POOL_EXHAUSTED, Target::Requests(client), &[], at);
        }
        plot.errors(client, at);
        starved.push((client, at));
    }
    spread(plot, &starved, Harm::Errors);
    Some(workload_root(plot, leaker.unwrap_or(store)))
}

/// Names are not resolved: many services that have nothing else in common fail at once.
pub(super) fn dns(plot: &mut Plot<'_>, at: Millis) -> Option<Root> {
    let dns = plot.world.of_role(&[Role::Dns]).first().copied()?;
    plot.affects(dns);
    plot.alert(&rules::DNS_ERRORS, Target::Cluster, &[], at);
    if plot.chance.hit(0.5) {
        plot.alert(&rules::DNS_LATENCY, Target::Cluster, &[], at);
    }
    let pods = plot.pods(dns);
    if plot.chance.hit(0.5) {
        plot.crash_loop(dns, &pods, at);
        plot.not_ready(dns, &pods, at);
        plot.mismatch(dns, at);
    }
    if plot.chance.hit(0.5) {
        plot.alert(&rules::TARGET_DOWN, Target::Job(dns), &[], at);
    }
    for service in plot.world.of_role(&[Role::Edge, Role::Mid, Role::Data]) {
        if !plot.chance.hit(0.55) {
            continue;
        }
        let at = at + plot.chance.log_normal(20.0, 0.8);
        plot.affects(service);
        if plot.chance.hit(0.5) {
            plot.alert(&rules::LOOKUPS_FAIL, Target::Requests(service), &[], at);
        }
        if plot.chance.hit(0.6) {
            plot.latency(service, at);
        }
        if plot.chance.hit(0.5) {
            plot.errors(service, at);
        }
    }
    Some(workload_root(plot, dns))
}

/// Requests come in crowds: load goes down the calls, errors come back up.
pub(super) fn surge(plot: &mut Plot<'_>, at: Millis, zone: Option<usize>) -> Option<Root> {
    let candidates = plot.world.of_role(&[Role::Edge]);
    let edge = choose(plot, &candidates, zone)?;
    plot.surge(edge, at);
    plot.latency(edge, at + 30 * SECOND);
    plot.alert(&rules::HPA_MAXED, Target::Autoscaler(edge), &[], at + MINUTE);
    plot.throttled(edge, at);
    if plot.chance.hit(0.5) {
        plot.errors(edge, at + MINUTE);
    }
    let mut seen = BTreeSet::from([edge]);
    let mut queue = VecDeque::from([(edge, at, 0)]);
    let mut overrun = Vec::new();
    while let Some((caller, at, depth)) = queue.pop_front() {
        for callee in plot.world.callees(caller) {
            if seen.contains(&callee) || !plot.chance.hit(0.9 * 0.75_f64.powi(depth)) {
                continue;
            }
            seen.insert(callee);
            let at = at + plot.chance.log_normal(20.0, 0.8);
            burden(plot, callee, at);
            if plot.world.workloads[callee].scaled && plot.chance.hit(0.5) {
                plot.alert(&rules::HPA_MAXED, Target::Autoscaler(callee), &[], at + MINUTE);
            }
            if plot.chance.hit(0.15) {
                overrun.push((callee, at + MINUTE));
            }
            queue.push_back((callee, at, depth + 1));
        }
    }
    for (workload, at) in overrun.clone() {
        plot.errors(workload, at);
    }
    spread(plot, &overrun, Harm::Slowness);
    let mut root = workload_root(plot, edge);
    let name = &plot.world.workloads[edge].name;
    root.aliases
        .extend(["HorizontalPodAutoscaler", "Ingress"].map(|kind| plot.world.named(kind, edge, name)));
    Some(root)
}

/// Monitoring loses sight of what it watches: symptoms without a fault.
pub(super) fn scrape_outage(plot: &mut Plot<'_>, at: Millis) -> Option<Root> {
    let monitoring = plot.world.of_role(&[Role::Prometheus]).first().copied()?;
    plot.affects(monitoring);
    let rule = if plot.chance.hit(0.6) {
        &rules::SYNC_FAILURE
    } else {
        &rules::BAD_CONFIG
    };
    for pod in plot.pods(monitoring) {
        plot.alert(rule, Target::Scraped(monitoring, pod), &[], at);
    }
    for workload in 0..plot.world.workloads.len() {
        if workload != monitoring && plot.chance.hit(0.5) {
            plot.alert(&rules::TARGET_DOWN, Target::Job(workload), &[], at);
        }
    }
    for node in 0..plot.world.nodes.len() {
        if plot.chance.hit(0.6) {
            plot.alert(&rules::KUBELET_UNREACHABLE, Target::Node(node), &[], at);
        }
    }
    for service in plot.world.of_role(&[Role::Edge, Role::Mid, Role::Data]) {
        if plot.chance.hit(0.4) {
            plot.alert(&plot.dialect(service).absent, Target::Requests(service), &[], at);
        }
    }
    Some(workload_root(plot, monitoring))
}

/// A wrong setting reaches several services within a minute or two.
pub(super) fn config_push(plot: &mut Plot<'_>, at: Millis) -> Option<Root> {
    let settings = plot.world.of_role(&[Role::Settings]).first().copied()?;
    plot.affects(settings);
    if plot.chance.hit(0.4) {
        plot.latency(settings, at);
    }
    let mut failing = Vec::new();
    for reader in plot.world.callers(settings) {
        if !plot.chance.hit(0.8) {
            continue;
        }
        let at = at + plot.chance.millis(0.0, 90.0);
        plot.errors(reader, at);
        if plot.chance.hit(0.3) {
            plot.latency(reader, at);
        }
        if plot.chance.hit(0.4) {
            let pods = plot.pods(reader);
            plot.crash_loop(reader, &pods, at);
        }
        failing.push((reader, at));
    }
    spread(plot, &failing, Harm::Errors);
    let mut aliases = plot.world.same_thing(settings);
    aliases.push(plot.world.entity(settings));
    Some(Root {
        entity: plot.world.named("ConfigMap", settings, &plot.world.workloads[settings].config),
        aliases,
    })
}
