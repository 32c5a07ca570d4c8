//! A shared dependency that is not whole: many alerted workloads depend on one that has pods which are not ready.
//!
//! Weights: pods of it are not ready 0.25, the share of alerted workloads that depend on it up to 0.30, it says itself that it is
//! not whole 0.15, their logs name it 0.15, it depends on nothing that is broken 0.05.

use paramedic_domain::diagnosis::Category;

use super::{
    Finding, factor,
    roots::{Dependency, Root, alerted, named},
};
use crate::core::{
    estate::Member,
    facts::{Facts, Workload},
    read::{each, text},
};

/// Fewer dependants are no storm: the workload's own engines know more.
const MIN_CLIENTS: usize = 2;
/// Smaller shares of the alerted workloads may be chance.
const MIN_SHARE: f64 = 0.5;

pub(super) fn diagnose(facts: &Facts, _workload: &Workload) -> Result<Finding, String> {
    let clients = |member: &Member| -> Vec<&Member> {
        let object = &member.workload.object;
        let others = facts.estate.alerted().filter(|other| !other.workload.object.same_object(object));
        others.filter(|other| facts.estate.depends(other, object)).collect()
    };
    // What crashes is restarted by the kubelet already, without help: its own rules know more.
    let crashes = |member: &&Member| {
        let namespace = member.workload.object.namespace.as_deref().unwrap_or_default();
        let mut pods = member
            .unready
            .iter()
            .filter_map(|(pod, _)| facts.world.snapshot.named("Pod", namespace, pod));
        pods.any(|pod| each(pod, "/status/containerStatuses").any(|status| text(status, "/state/waiting/reason") == "CrashLoopBackOff"))
    };
    let broken = facts
        .estate
        .members
        .iter()
        .filter(|member| !member.unready.is_empty() && !crashes(member));
    let Some((member, clients)) = broken
        .map(|member| (member, clients(member)))
        .max_by_key(|(_, clients)| clients.len())
    else {
        return Err("nothing that the alerted workloads depend on has pods which are not ready".into());
    };
    let others = alerted(facts) - usize::from(!member.alerts.is_empty());
    let share = clients.len() as f64 / others.max(1) as f64;
    if clients.len() < MIN_CLIENTS || share < MIN_SHARE {
        return Err(format!(
            "{} is not whole, but only {} of {others} other alerted workloads depend on it",
            member.workload.object,
            clients.len()
        ));
    }
    let workload = &member.workload;
    let pods: Vec<String> = member.unready.iter().map(|(pod, _)| pod.clone()).collect();
    let mut factors = Vec::new();
    factors.extend(factor(
        0.25,
        format!(
            "{} of {} pods of {} are not ready: {}",
            pods.len(),
            workload.desired,
            workload.object,
            pods.join(", ")
        ),
        member.unready.iter().map(|(_, evidence)| evidence.clone()),
    ));
    factors.extend(factor(
        0.30 * share,
        format!(
            "{} of {others} other alerted workloads depend on it: {}",
            clients.len(),
            named(clients.iter().map(|client| &client.workload.object))
        ),
        [workload.evidence.clone()],
    ));
    if let Some(state) = member.state.as_ref().filter(|state| state.value < 1.0) {
        factors.extend(factor(
            0.15,
            format!("it says itself that it is not whole: {} is {}", state.query, state.value),
            [state.evidence.clone()],
        ));
    }
    let name = workload.object.name.as_str();
    let naming: Vec<_> = clients
        .iter()
        .filter_map(|client| client.complaints.iter().find(|complaint| complaint.latest.contains(name)))
        .collect();
    if let Some(first) = naming.first() {
        factors.extend(factor(
            0.15,
            format!("the logs of {} of them name it, for instance {:?}", naming.len(), first.latest),
            naming.iter().map(|complaint| complaint.evidence.clone()),
        ));
    }
    let below = |called: &paramedic_domain::object::ObjectRef| facts.estate.member(called).is_some_and(|other| !other.unready.is_empty());
    if !member.calls.iter().any(below) {
        factors.extend(factor(
            0.05,
            "nothing that it depends on itself is broken: it is the root, not another link".into(),
            [workload.evidence.clone()],
        ));
    }
    Ok(Finding {
        category: Category::DependencyFailure,
        summary: format!(
            "{} is not whole ({} of {} pods are not ready), and {} alerted workloads depend on it",
            workload.object,
            pods.len(),
            workload.desired,
            clients.len()
        ),
        chain: vec![
            format!("{} are not ready", pods.join(", ")),
            format!("{} does not serve everything it should", workload.object),
            format!(
                "what depends on it fails: {}",
                named(clients.iter().map(|client| &client.workload.object))
            ),
        ],
        factors,
        slope: None,
        root: Some(Root::Dependency(Dependency {
            workload: workload.clone(),
            unready: pods,
            clients: clients.iter().map(|client| client.workload.object.clone()).collect(),
            state: member.state.clone(),
        })),
    })
}
