//! Faults of machines.

use std::collections::BTreeSet;

use super::{Root, workload_root};
use crate::{
    cascade::{Harm, spread},
    labels::Target,
    plot::{MINUTE, Millis, Plot},
    rules,
};

/// One node is gone: its pods are not ready, services limp until their pods have moved.
pub(super) fn not_ready(plot: &mut Plot<'_>, at: Millis, zone: Option<usize>) -> Option<Root> {
    let nodes: Vec<usize> = (0..plot.world.nodes.len())
        .filter(|node| plot.world.pods_on(*node).len() >= 4 && zone.is_none_or(|zone| plot.world.nodes[*node].zone == zone))
        .collect();
    let node = plot.chance.pick(&nodes).copied()?;
    lose(plot, &[node], at);
    Some(Root {
        entity: plot.world.node_entity(node),
        aliases: Vec::new(),
    })
}

/// All nodes of a zone are gone.
pub(super) fn zone_loss(plot: &mut Plot<'_>, at: Millis, zone: Option<usize>) -> Option<Root> {
    let zone = zone.unwrap_or_else(|| plot.chance.below(plot.world.zones.len()));
    let nodes: Vec<usize> = (0..plot.world.nodes.len())
        .filter(|node| plot.world.nodes[*node].zone == zone)
        .collect();
    lose(plot, &nodes, at);
    Some(Root {
        entity: plot.world.zone_entity(zone),
        // A zone of one node is that node.
        aliases: match nodes[..] {
            [only] => vec![plot.world.node_entity(only)],
            _ => Vec::new(),
        },
    })
}

fn lose(plot: &mut Plot<'_>, nodes: &[usize], at: Millis) {
    let mut hit: BTreeSet<usize> = BTreeSet::new();
    for node in nodes {
        let at = at + plot.chance.millis(0.0, 20.0);
        plot.affected.insert(plot.world.node_entity(*node));
        let ready = [("condition", "Ready"), ("status", "true")];
        plot.alert(&rules::NODE_NOT_READY, Target::Node(*node), &ready, at + 40_000);
        let taint = [("key", "node.kubernetes.io/unreachable"), ("effect", "NoSchedule")];
        plot.alert(&rules::NODE_UNREACHABLE, Target::Node(*node), &taint, at + 40_000);
        if plot.chance.hit(0.6) {
            plot.alert(&rules::KUBELET_UNREACHABLE, Target::Node(*node), &[], at);
        }
        for (workload, pod) in plot.world.pods_on(*node) {
            hit.insert(workload);
            let name = plot.world.workloads[workload].pods[pod].name.as_str();
            plot.not_ready(workload, &[name], at + 40_000);
            plot.store_down(workload, &[name], at);
        }
    }
    let mut lame = Vec::new();
    for workload in hit {
        let pods = &plot.world.workloads[workload].pods;
        let gone = pods.iter().filter(|pod| nodes.contains(&pod.node)).count();
        let (half, store) = (gone * 2 >= pods.len(), plot.role(workload).is_store());
        if store || plot.chance.hit(0.6) {
            plot.mismatch(workload, at + 40_000);
        }
        // Requests to the lost pods fail until endpoints are withdrawn and pods have moved, five minutes and a start later.
        if plot.role(workload).is_service() && plot.chance.hit(if half { 0.9 } else { 0.5 }) {
            let rule = if plot.chance.hit(0.7) {
                &plot.dialect(workload).errors
            } else {
                &plot.dialect(workload).latency
            };
            let until = at + plot.chance.millis(360.0, 900.0);
            plot.alert_until(rule, Target::Requests(workload), &[], at + 10_000, until);
        }
        if half && plot.role(workload).is_store() {
            lame.push((workload, at));
        }
    }
    spread(plot, &lame, Harm::Errors);
}

/// One workload takes what a node has; its neighbours wait.
pub(super) fn noisy_neighbour(plot: &mut Plot<'_>, at: Millis, zone: Option<usize>) -> Option<Root> {
    let nodes: Vec<usize> = (0..plot.world.nodes.len())
        .filter(|node| plot.world.pods_on(*node).len() >= 5 && zone.is_none_or(|zone| plot.world.nodes[*node].zone == zone))
        .collect();
    let node = plot.chance.pick(&nodes).copied()?;
    let here = plot.world.pods_on(node);
    let loud: Vec<(usize, usize)> = here
        .iter()
        .copied()
        .filter(|(workload, _)| plot.role(*workload).is_service())
        .collect();
    let (hog, pod) = plot.chance.pick(&loud).copied()?;
    plot.affects(hog);
    plot.affected.insert(plot.world.node_entity(node));
    let name = plot.world.workloads[hog].pods[pod].name.as_str();
    plot.alert(&rules::CONTAINER_CPU, Target::Container(hog, name), &[], at);
    plot.alert(&rules::NODE_CPU, Target::Node(node), &[], at);
    plot.alert(&rules::NODE_SATURATED, Target::Node(node), &[], at);
    if plot.chance.hit(0.4) {
        plot.alert(&rules::NODE_MEMORY, Target::Node(node), &[], at + MINUTE);
        plot.alert(
            &rules::NODE_PRESSURE,
            Target::Node(node),
            &[("condition", "MemoryPressure"), ("status", "true")],
            at + 2 * MINUTE,
        );
        plot.alert(
            &rules::NODE_EVICTION,
            Target::Node(node),
            &[("eviction_signal", "memory.available")],
            at + 3 * MINUTE,
        );
    }
    let mut slow = Vec::new();
    for (workload, pod) in here {
        if workload == hog || !plot.chance.hit(0.6) {
            continue;
        }
        let at = at + plot.chance.log_normal(20.0, 0.8);
        let pod = plot.world.workloads[workload].pods[pod].name.as_str();
        if plot.role(workload).is_service() {
            plot.latency(workload, at);
            slow.push((workload, at));
        }
        if plot.chance.hit(0.4) {
            plot.affects(workload);
            plot.alert(&rules::CPU_THROTTLING, Target::Container(workload, pod), &[], at);
        }
        if plot.chance.hit(0.15) {
            plot.not_ready(workload, &[pod], at);
        }
    }
    // One slow pod of several: it reaches callers less often than a slow service does.
    slow.retain(|_| plot.chance.hit(0.4));
    spread(plot, &slow, Harm::Slowness);
    Some(workload_root(plot, hog))
}
