//! Asks what delivers the workloads of an incident: Argo CD, Flux and Helm by their objects, then Git for what they apply.

use paramedic_domain::object::ObjectRef;
use serde_json::Value;

use super::{kubernetes::Problem, probes::Probes, reader::Reader};
use crate::core::{
    delivery::{Delivery, Owner, Places, Tool, owned},
    facts::Facts,
    snapshot::reference,
    subjects::owners::WORKLOADS,
};

/// Asks those that deliver, and files what they say.
pub(super) async fn deliveries(probes: &Probes, kubernetes: &Reader, facts: &mut Facts) {
    let places = Places {
        argo_namespace: &probes.config.argocd_namespace,
        helm: probes.config.helm_records,
    };
    for owner in owned(&facts.world, &facts.alerts, &workloads(facts), places) {
        let Some(object) = answer(read(kubernetes, &owner).await, &owner, facts) else {
            continue;
        };
        let Some(mut delivery) = Delivery::read(&owner, &object) else {
            continue;
        };
        if let Some(path) = Delivery::source_of(&object)
            && let Some(repository) = answer(kubernetes.get(&path).await, &owner, facts)
        {
            delivery.fetched(&object, &repository);
        }
        facts.moments.extend(delivery.moments());
        delivery.quote().file(facts.at, &mut facts.evidence);
        facts.world.deliveries.push(delivery);
    }
}

/// What was answered; what should have been is named as missing.
fn answer(answer: Result<Value, Problem>, owner: &Owner, facts: &mut Facts) -> Option<Value> {
    match answer {
        Ok(object) => Some(object),
        // Gone, or the label of an instance was somebody else's.
        Err(Problem::Absent(_)) => None,
        // What may not be read of a guess is no source that is missing.
        Err(Problem::Refused { .. }) if !owner.certain => None,
        // The meter says it.
        Err(Problem::TooMuch { .. }) => None,
        // Their kinds are added to the API server, and may fail by themselves.
        Err(problem @ (Problem::Refused { .. } | Problem::Unreachable { .. })) => {
            facts.missing.push(format!("{}: {problem}", owner.tool.name()));
            None
        }
    }
}

/// Workloads of this incident, those that alerts lead to first.
fn workloads(facts: &Facts) -> Vec<ObjectRef> {
    let alerted = facts.workload.iter().map(|workload| &workload.object);
    let alerted = alerted.chain(facts.estate.alerted().map(|member| &member.workload.object));
    let mut all: Vec<ObjectRef> = alerted.cloned().collect();
    for kind in WORKLOADS {
        all.extend(facts.world.snapshot.of(kind).iter().map(|object| reference(kind, object)));
    }
    all
}

async fn read(kubernetes: &Reader, owner: &Owner) -> Result<Value, Problem> {
    let path = owner.path();
    match owner.tool {
        // Of records, which hold values that may be secret, only what they are called is read.
        Tool::Helm => kubernetes.metadata(&path).await,
        Tool::Argo | Tool::Flux => kubernetes.get(&path).await,
    }
}
