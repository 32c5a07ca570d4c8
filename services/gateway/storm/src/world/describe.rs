//! The estate as it is told to whoever correlates: complete in what Kubernetes knows, incomplete and wrong in who calls whom.

use paramedic_correlation::topology::{Edge, Entity, Relation, Rule, Topology};

use super::{Pod, Role, WorkloadKind, World};
use crate::{chance::Chance, rules};

/// Share of real calls that nobody declared.
const WITHHELD: f64 = 0.10;
/// Calls that are declared and never made, as a share of the real ones.
const SPURIOUS: f64 = 0.03;

/// `new_pods` came during the storm and were seen by whoever watches.
pub(crate) fn describe(world: &World, new_pods: &[(usize, Pod)], chance: &mut Chance) -> Topology {
    let mut told = Topology::default();
    let mut edge = |from: Entity, to: Entity, relation| told.edges.push(Edge { from, to, relation });
    for (index, node) in world.nodes.iter().enumerate() {
        edge(world.node_entity(index), world.zone_entity(node.zone), Relation::InZone);
    }
    for (index, workload) in world.workloads.iter().enumerate() {
        let this = || world.entity(index);
        let named = |kind: &str, name: &str| world.named(kind, index, name);
        edge(named("Service", &workload.name), this(), Relation::Selects);
        if workload.scaled {
            edge(named("HorizontalPodAutoscaler", &workload.name), this(), Relation::Selects);
        }
        edge(this(), named("ConfigMap", &workload.config), Relation::Uses);
        if let Some(secret) = &workload.certificate {
            edge(this(), named("Secret", secret), Relation::Uses);
        }
        let new = new_pods.iter().filter(|(owner, _)| *owner == index).map(|(_, pod)| pod);
        for (ordinal, pod) in workload.pods.iter().chain(new).enumerate() {
            edge(this(), named("Pod", &pod.name), Relation::Owns);
            edge(named("Pod", &pod.name), world.node_entity(pod.node), Relation::RunsOn);
            if workload.kind == WorkloadKind::StatefulSet {
                edge(
                    named("Pod", &pod.name),
                    named("PersistentVolumeClaim", &claim(&workload.name, ordinal)),
                    Relation::Uses,
                );
            }
        }
    }
    for (caller, callee) in declared_calls(world, chance) {
        edge(
            world.entity(caller),
            world.named("Service", callee, &world.workloads[callee].name),
            Relation::Calls,
        );
    }
    told.edges.sort();
    told.edges.dedup();
    told.entities = told.edges.iter().flat_map(|edge| [edge.from.clone(), edge.to.clone()]).collect();
    told.entities.sort();
    told.entities.dedup();
    told.rules = rules::all()
        .map(|rule| Rule {
            alert: rule.name.to_owned(),
            for_seconds: rule.for_seconds,
        })
        .collect();
    told.rules.sort_by(|one, other| one.alert.cmp(&other.alert));
    told
}

/// Name of a StatefulSet's claim.
pub(crate) fn claim(workload: &str, ordinal: usize) -> String {
    format!("data-{workload}-{ordinal}")
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "shares of a few hundred"
)]
fn declared_calls(world: &World, chance: &mut Chance) -> Vec<(usize, usize)> {
    let mut calls = world.calls.clone();
    chance.shuffle(&mut calls);
    let share = |part: f64| (world.calls.len() as f64 * part).round() as usize;
    calls.truncate(world.calls.len() - share(WITHHELD));
    let services = world.of_role(&[Role::Edge, Role::Mid, Role::Data]);
    let mut wrong = share(SPURIOUS);
    while wrong > 0 {
        let call = (services[chance.below(services.len())], services[chance.below(services.len())]);
        wrong -= 1;
        if call.0 != call.1 && !world.calls.contains(&call) {
            calls.push(call);
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::chance::Stream;

    #[test]
    fn a_tenth_of_the_calls_is_kept_back_and_a_few_are_invented() {
        let world = super::super::build(120, &mut Chance::new(5, 0, Stream::World));
        let told: BTreeSet<_> = declared_calls(&world, &mut Chance::new(5, 0, Stream::Topology))
            .into_iter()
            .collect();
        let real: BTreeSet<_> = world.calls.iter().copied().collect();
        let share = |count: usize| count as f64 / real.len() as f64;
        assert!(
            (0.095..0.105).contains(&share(real.difference(&told).count())),
            "{} of {}",
            told.len(),
            real.len()
        );
        assert!((0.01..0.035).contains(&share(told.difference(&real).count())));
    }

    #[test]
    fn a_replica_set_is_spread_over_the_zones_and_calls_are_no_circle() {
        let world = super::super::build(40, &mut Chance::new(6, 0, Stream::World));
        for workload in world.workloads.iter().filter(|workload| workload.pods.len() >= 3) {
            let zones: BTreeSet<usize> = workload.pods.iter().map(|pod| world.nodes[pod.node].zone).collect();
            assert_eq!(zones.len(), 3, "{}", workload.name);
        }
        assert!(world.calls.iter().all(|(caller, callee)| caller < callee));
        for service in world.of_role(&[Role::Mid, Role::Data]) {
            assert!(!world.callers(service).is_empty(), "{} is called", world.workloads[service].name);
        }
    }
}
