//! Work on a node that was declared beforehand: what it makes fire is nobody's incident.

use super::{Cause, Chance, Firing, MINUTE, Plot, QUIET, Window, World, rules, time};
use crate::{
    cascade::{Harm, spread},
    labels::Target,
};

/// A node is drained and comes back.
pub(super) fn drain(world: &World, chance: &mut Chance) -> (Window, Vec<Firing>) {
    let node = chance.below(world.nodes.len());
    let from = QUIET + chance.millis(0.0, 300.0);
    let until = from + chance.millis(1_500.0, 2_400.0);
    let mut plot = Plot::new(world, chance, Cause::Window(0), until);
    let mut shaken = Vec::new();
    for (workload, pod) in world.pods_on(node) {
        // Pods are evicted one after the other; what takes their place often finds none.
        let at = from + plot.chance.millis(30.0, 240.0);
        let name = world.workloads[workload].pods[pod].name.as_str();
        if plot.chance.hit(0.4) {
            plot.not_ready(workload, &[name], at);
            plot.mismatch(workload, at);
        }
        if plot.chance.hit(0.3) {
            plot.alert(&rules::PDB_UNHEALTHY, Target::Budget(workload), &[], at);
        }
        if plot.role(workload).is_service() && plot.chance.hit(0.25) {
            let until = at + plot.chance.millis(240.0, 480.0);
            let dialect = plot.dialect(workload);
            plot.alert_until(&dialect.errors, Target::Requests(workload), &[], at, until);
        }
        if plot.role(workload).is_store() {
            plot.store_down(workload, &[name], at);
            shaken.push((workload, at));
        }
    }
    plot.alert(&rules::KUBELET_UNREACHABLE, Target::Node(node), &[], from + 4 * MINUTE);
    shaken.retain(|_| plot.chance.hit(0.3));
    spread(&mut plot, &shaken, Harm::Slowness);
    let window = Window {
        id: "maintenance-1".into(),
        entity: world.node_entity(node),
        from: time(from),
        until: time(until + 5 * MINUTE),
    };
    (window, plot.firings)
}
