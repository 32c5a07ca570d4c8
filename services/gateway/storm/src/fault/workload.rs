//! Faults of one workload.

use super::{Root, choose, workload_root};
use crate::{
    cascade::{Harm, on_first_pod, spread},
    labels::Target,
    names::SAFE,
    plot::{MINUTE, Millis, Plot, SECOND},
    rules,
    world::{Pod, Role},
};

/// What others need: stores, and services with callers.
fn needed(plot: &Plot<'_>, stores: bool) -> Vec<usize> {
    let of = |roles: &[Role]| plot.world.of_role(roles);
    let mut needed: Vec<usize> = of(&[Role::Mid, Role::Data]);
    if stores {
        // As often as all services together: that is what shared stores are in real storms.
        let stores = of(&[Role::Postgres, Role::Redis, Role::Kafka]);
        let times = (needed.len() / stores.len().max(1)).max(1);
        needed.extend(stores.repeat(times));
    }
    needed.retain(|workload| !plot.world.callers(*workload).is_empty());
    needed
}

/// All pods of a dependency are down.
pub(super) fn dependency_down(plot: &mut Plot<'_>, at: Millis, zone: Option<usize>) -> Option<Root> {
    let candidates = needed(plot, !plot.masked);
    let workload = choose(plot, &candidates, zone)?;
    plot.affects(workload);
    let pods = plot.pods(workload);
    plot.store_down(workload, &pods, at);
    if plot.masked || plot.chance.hit(0.7) {
        plot.crash_loop(workload, &pods, at);
    }
    plot.not_ready(workload, &pods, at);
    plot.mismatch(workload, at);
    if plot.chance.hit(0.5) {
        plot.alert(&rules::TARGET_DOWN, Target::Job(workload), &[], at);
    }
    if plot.chance.hit(0.6) {
        plot.absent(workload, at);
    }
    spread(plot, &[(workload, at)], Harm::Errors);
    Some(workload_root(plot, workload))
}

/// A dependency answers slowly.
pub(super) fn dependency_slow(plot: &mut Plot<'_>, at: Millis, zone: Option<usize>) -> Option<Root> {
    let candidates = needed(plot, true);
    let workload = choose(plot, &candidates, zone)?;
    plot.affects(workload);
    match plot.role(workload) {
        Role::Postgres => {
            on_first_pod(plot, workload, &rules::POSTGRES_SLOW, at);
            if plot.chance.hit(0.4) {
                on_first_pod(plot, workload, &rules::POSTGRES_CONNECTIONS, at + MINUTE);
            }
        }
        Role::Redis => {
            for pod in plot.pods(workload) {
                plot.alert(&rules::REDIS_MEMORY, Target::Scraped(workload, pod), &[], at);
            }
        }
        Role::Kafka => on_first_pod(plot, workload, &rules::KAFKA_UNDER_REPLICATED, at),
        Role::Edge | Role::Mid | Role::Data | Role::Settings | Role::Dns | Role::Prometheus | Role::StateMetrics | Role::NodeExporter => {
            plot.latency(workload, at);
            if plot.chance.hit(0.4) {
                for pod in plot.pods(workload) {
                    plot.alert(&rules::CONTAINER_CPU, Target::Container(workload, pod), &[], at);
                }
            }
        }
    }
    if plot.chance.hit(0.5) {
        plot.throttled(workload, at);
    }
    spread(plot, &[(workload, at)], Harm::Slowness);
    Some(workload_root(plot, workload))
}

/// A new version does not start: new pods crash, the rollout stands still, part of the requests fails.
pub(super) fn bad_release(plot: &mut Plot<'_>, at: Millis, zone: Option<usize>) -> Option<Root> {
    let mut candidates = plot.world.of_role(&[Role::Mid, Role::Data, Role::Edge]);
    candidates.retain(|workload| plot.role(*workload) == Role::Edge || !plot.world.callers(*workload).is_empty());
    let workload = choose(plot, &candidates, zone)?;
    let name = plot.world.workloads[workload].name.clone();
    let hash = plot.chance.letters(SAFE, 9);
    let new: Vec<Pod> = (0..plot.chance.count(1, 2))
        .map(|_| Pod {
            name: format!("{name}-{hash}-{}", plot.chance.letters(SAFE, 5)),
            node: plot.chance.below(plot.world.nodes.len()),
        })
        .collect();
    let names: Vec<&str> = new.iter().map(|pod| pod.name.as_str()).collect();
    plot.crash_loop(workload, &names, at);
    plot.not_ready(workload, &names, at);
    // progressDeadlineSeconds is 600 unless somebody changed it.
    plot.telling(
        &rules::ROLLOUT_STUCK,
        Target::Workload(workload),
        &[("condition", "Progressing"), ("status", "false")],
        at + 10 * MINUTE,
    );
    plot.mismatch(workload, at);
    plot.errors(workload, at + 20 * SECOND);
    if plot.chance.hit(0.5) {
        plot.latency(workload, at + 30 * SECOND);
    }
    spread(plot, &[(workload, at + 20 * SECOND)], Harm::Errors);
    let mut root = workload_root(plot, workload);
    root.aliases.extend(names.iter().map(|pod| plot.world.named("Pod", workload, pod)));
    plot.new_pods.extend(new.into_iter().map(|pod| (workload, pod)));
    Some(root)
}

/// Containers reach their limit and are killed, one after the other, again and again.
pub(super) fn out_of_memory(plot: &mut Plot<'_>, at: Millis, zone: Option<usize>) -> Option<Root> {
    let mut candidates = plot.world.of_role(&[Role::Mid, Role::Data, Role::Edge, Role::Redis]);
    candidates.retain(|workload| plot.role(*workload) == Role::Edge || !plot.world.callers(*workload).is_empty());
    let workload = choose(plot, &candidates, zone)?;
    let pods = plot.pods(workload);
    for pod in &pods {
        let killed = at + plot.chance.millis(0.0, 240.0);
        plot.telling(&rules::MEMORY_NEAR_LIMIT, Target::Container(workload, pod), &[], at - 4 * MINUTE);
        plot.telling(
            &rules::OOM_KILLED,
            Target::Container(workload, pod),
            &[("reason", "OOMKilled")],
            killed,
        );
    }
    plot.crash_loop(workload, &pods, at + 2 * MINUTE);
    if plot.chance.hit(0.5) {
        plot.mismatch(workload, at + 2 * MINUTE);
    }
    plot.store_down(workload, &pods[..1], at + MINUTE);
    plot.errors(workload, at + MINUTE);
    spread(plot, &[(workload, at + MINUTE)], Harm::Errors);
    Some(workload_root(plot, workload))
}

/// A network policy keeps callers away from a healthy workload.
pub(super) fn cut_off(plot: &mut Plot<'_>, at: Millis, zone: Option<usize>) -> Option<Root> {
    let mut candidates = needed(plot, true);
    candidates.retain(|workload| plot.world.callers(*workload).len() >= 2);
    let workload = choose(plot, &candidates, zone)?;
    plot.affects(workload);
    plot.absent(workload, at);
    if plot.chance.hit(0.4) {
        let pods = plot.pods(workload);
        plot.not_ready(workload, &pods, at);
        plot.mismatch(workload, at);
    }
    if plot.chance.hit(0.5) {
        // The scrape comes from another namespace, too.
        plot.alert(&rules::TARGET_DOWN, Target::Job(workload), &[], at);
    }
    spread(plot, &[(workload, at)], Harm::Errors);
    let policy = format!("{}-ingress", plot.world.workloads[workload].name);
    let mut aliases = plot.world.same_thing(workload);
    aliases.push(plot.world.entity(workload));
    Some(Root {
        entity: plot.world.named("NetworkPolicy", workload, &policy),
        aliases,
    })
}

/// A certificate expires: every new connection to its service fails.
pub(super) fn certificate(plot: &mut Plot<'_>, at: Millis, zone: Option<usize>) -> Option<Root> {
    let mut candidates = plot.world.of_role(&[Role::Edge, Role::Mid, Role::Data]);
    candidates.retain(|workload| plot.world.workloads[*workload].certificate.is_some());
    let workload = choose(plot, &candidates, zone)?;
    let secret = plot.world.workloads[workload].certificate.as_deref()?;
    // cert-manager says so when it could not renew, which is before clients notice.
    plot.alert(&rules::CERTIFICATE_NOT_READY, Target::Certificate(workload), &[], at - 8 * MINUTE);
    plot.alert(&rules::HANDSHAKES_FAIL, Target::Requests(workload), &[], at);
    plot.alert(&rules::PROBE_FAILED, Target::Address(workload), &[], at);
    if plot.chance.hit(0.7) {
        plot.absent(workload, at);
    }
    if plot.role(workload) == Role::Edge {
        plot.errors(workload, at);
    }
    spread(plot, &[(workload, at)], Harm::Errors);
    let mut aliases = plot.world.same_thing(workload);
    aliases.extend([plot.world.entity(workload), plot.world.named("Certificate", workload, secret)]);
    Some(Root {
        entity: plot.world.named("Secret", workload, secret),
        aliases,
    })
}
