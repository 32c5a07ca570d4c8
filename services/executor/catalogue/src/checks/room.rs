//! Whether nodes have room for the pods that come.

use paramedic_domain::risk::RiskLevel;

use super::{
    Findings, Scene,
    workloads::{changed, pods, replicas, surge, unavailable},
};
use crate::room::{asks, fitting};

pub(super) fn check(scene: &Scene<'_>, found: &mut Findings) {
    let Some(asked) = &scene.after.asked else { return };
    if scene.after.nodes.is_empty() {
        return;
    }
    for workload in changed(scene).into_iter().filter(|workload| workload.reference.kind != "DaemonSet") {
        let spec = pods(workload.after);
        let more = replicas(workload.after) - replicas(workload.before);
        let room = fitting(spec, &scene.after.nodes, asked);
        if more > 0 && room < i128::from(more) {
            found.concern(
                workload.last,
                RiskLevel::High,
                format!(
                    "{more} more pods of {} are wanted, but by what pods ask for nodes have room for {room}: the others would wait for a node",
                    workload.reference
                ),
            );
        }
        let (one, old) = (asks(spec), asks(pods(workload.before)));
        let grows = one.cpu > old.cpu || one.memory > old.memory;
        if workload.replaced && room == 0 && (surge(workload.after) > 0 || grows) {
            let waits = unavailable(workload.after) == 0;
            found.concern(
                workload.last,
                if waits { RiskLevel::High } else { RiskLevel::Medium },
                format!(
                    "no node has room for one more pod of {}: the rollout {}",
                    workload.reference,
                    if waits {
                        "could not begin, because its strategy lets no old pod go first"
                    } else {
                        "has fewer pods than wanted while it goes on"
                    }
                ),
            );
        }
    }
}
