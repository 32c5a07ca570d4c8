//! What fires anyway: alerts that nobody has found the time to mend, and blips that pass.

use crate::{
    chance::Chance,
    labels::Target,
    names::SAFE,
    plot::{Cause, Firing, MINUTE, Millis, Plot},
    rules,
    world::{Role, World, claim},
};

/// Alerts that begin per minute; the rate of a storm lies in between.
const LOW: f64 = 0.3;
const HIGH: f64 = 1.0;
/// How long such an alert fires on average, in seconds.
const MEAN_SECONDS: f64 = 2_400.0;

/// Everything that fires between 0 and `horizon` for no reason that matters.
pub(crate) fn background(world: &World, horizon: Millis, chance: &mut Chance) -> Vec<Firing> {
    let rate = chance.between(LOW, HIGH);
    let mut plot = Plot::new(world, chance, Cause::Noise, horizon);
    standing(&mut plot);
    let mut at = 0;
    loop {
        at += plot.chance.exponential(60.0 / rate);
        if at >= horizon {
            return plot.firings;
        }
        plot.until = (at + plot.chance.exponential(MEAN_SECONDS) + 2 * MINUTE).min(horizon + MINUTE);
        one(&mut plot, at);
    }
}

/// What has fired for hours or days when the storm begins.
fn standing(plot: &mut Plot<'_>) {
    let long_ago = |plot: &mut Plot<'_>| -plot.chance.millis(7_200.0, 500_000.0);
    plot.until *= 2;
    let at = long_ago(plot);
    plot.alert(&rules::WATCHDOG, Target::Cluster, &[], at);
    if plot.chance.hit(0.4) {
        let at = long_ago(plot);
        plot.alert(&rules::MEMORY_OVERCOMMIT, Target::Cluster, &[], at);
    }
    for _ in 0..2 + plot.world.namespaces.len() / 2 {
        let at = long_ago(plot);
        let workload = plot.chance.below(plot.world.workloads.len());
        let pod = plot.chance.pick(&plot.world.workloads[workload].pods).map(|pod| pod.name.as_str());
        match (plot.chance.below(3), pod) {
            (0, Some(pod)) => {
                plot.alert(&rules::CPU_THROTTLING, Target::Container(workload, pod), &[], at);
                let namespace = plot.world.workloads[workload].namespace;
                plot.alert(&rules::INFO_INHIBITOR, Target::Namespace(namespace), &[], at);
            }
            (1, _) => quota(plot, at),
            _ => failed_job(plot, at),
        }
    }
}

fn quota(plot: &mut Plot<'_>, at: Millis) {
    let namespace = plot.chance.below(plot.world.namespaces.len());
    let resource = if plot.chance.hit(0.5) { "requests.cpu" } else { "requests.memory" };
    let extra = [("resource", resource), ("resourcequota", "compute")];
    plot.alert(&rules::QUOTA_ALMOST_FULL, Target::Namespace(namespace), &extra, at);
}

fn failed_job(plot: &mut Plot<'_>, at: Millis) {
    let namespace = plot.chance.below(plot.world.namespaces.len());
    let number = plot.chance.letters("0123456789", 8);
    let job = format!("nightly-{}-{number}", plot.chance.letters(SAFE, 4));
    plot.alert(
        &rules::JOB_FAILED,
        Target::FinishedJob(namespace, &job),
        &[("condition", "true")],
        at,
    );
}

fn one(plot: &mut Plot<'_>, at: Millis) {
    const WEIGHTS: [f64; 12] = [5.0, 3.0, 2.0, 1.5, 1.0, 1.0, 1.5, 1.0, 0.7, 0.5, 0.5, 0.8];
    let workload = plot.chance.below(plot.world.workloads.len());
    let services = plot.world.of_role(&[Role::Edge, Role::Mid, Role::Data]);
    let service = services[plot.chance.below(services.len())];
    let node = plot.chance.below(plot.world.nodes.len());
    let Some(pod) = plot.chance.pick(&plot.world.workloads[workload].pods).map(|pod| pod.name.as_str()) else {
        return;
    };
    match plot.chance.weighted(&WEIGHTS) {
        // Most alerts about throttling had begun before.
        0 => plot.alert(&rules::CPU_THROTTLING, Target::Container(workload, pod), &[], at - 14 * MINUTE),
        1 => {
            let namespace = plot.world.workloads[workload].namespace;
            plot.alert(&rules::INFO_INHIBITOR, Target::Namespace(namespace), &[], at);
        }
        2 => plot.latency(service, at),
        3 => failed_job(plot, at - 14 * MINUTE),
        4 => quota(plot, at - 14 * MINUTE),
        5 => plot.alert(&rules::HPA_MAXED, Target::Autoscaler(service), &[], at - 14 * MINUTE),
        6 => plot.alert(&rules::MEMORY_NEAR_LIMIT, Target::Container(workload, pod), &[], at),
        7 => plot.alert(&rules::NODE_CPU, Target::Node(node), &[], at - 14 * MINUTE),
        8 => plot.alert(&rules::NODE_CLOCK, Target::Node(node), &[], at - 9 * MINUTE),
        9 => plot.alert(
            &rules::NODE_DISK,
            Target::Node(node),
            &[("mountpoint", "/var"), ("fstype", "ext4")],
            at - 59 * MINUTE,
        ),
        10 => {
            let stores = plot.world.of_role(&[Role::Postgres, Role::Redis, Role::Kafka]);
            if let Some(store) = plot.chance.pick(&stores).copied() {
                let name = claim(&plot.world.workloads[store].name, 0);
                plot.alert(&rules::VOLUME_FILLING, Target::Claim(store, &name), &[], at - 59 * MINUTE);
            }
        }
        _ => {
            plot.surge(service, at);
        }
    }
}
