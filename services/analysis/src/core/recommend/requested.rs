//! What carries out a request, and what takes it back.

use paramedic_domain::{
    risk::RiskLevel,
    verification::{Comparison, Criterion, Probe},
};
use serde_json::json;

use super::{List, Remedy};
use crate::core::{
    criteria,
    facts::{Facts, Revision, Workload},
};

/// Another image of one container.
pub(crate) struct Release<'a> {
    pub(crate) container: &'a str,
    pub(crate) present: &'a str,
    pub(crate) image: &'a str,
}

/// The release behind a gate, watched until it serves, and the word how to go back. `deadline`: seconds that it may make no progress.
pub(crate) fn release(facts: &Facts, workload: &Workload, release: &Release<'_>, deadline: u32) -> Remedy {
    let Release { container, present, image } = release;
    let mut list = List::of(workload);
    let deploy = list
        .add(
            "set_image",
            &format!("Run container {container} from {image}"),
            json!({"container": container, "image": image}),
            &[],
        )
        .why(
            0.95,
            RiskLevel::Medium,
            format!("it is asked for; {present} runs now, and is put back if this fails"),
        );
    list.require_approval(&deploy);
    let ready = list.ready(
        &format!("Wait until every pod is ready on {image}"),
        deploy,
        "the release is done when it serves",
    );
    let (namespace, name) = (list.namespace(), workload.object.name.clone());
    let revision = facts
        .revisions
        .first()
        .map_or_else(String::new, |revision| format!(" --to-revision={}", revision.number));
    let message = format!(
        "{}: container {container} runs {image} instead of {present}.\n\nTo go back: kubectl --namespace {namespace} rollout undo deployment/{name}{revision}, \
         or ask for {present}: paramedic request deploy {namespace}/{name} --container {container} --image {present}",
        workload.object
    );
    list.push(
        "notify_only",
        "Tell how to go back",
        json!({"title": format!("{namespace}/{name} runs {image}"), "message": message, "namespace": namespace, "deployment": name}),
        &[ready],
    )
    .why(1.0, RiskLevel::None, "whoever looks at it later knows what it was before".into());
    Remedy {
        recommendations: list.items,
        options: Vec::new(),
        criteria: proven(facts, workload, image, deadline),
    }
}

/// Back to what ran before, behind a gate.
pub(crate) fn back(facts: &Facts, workload: &Workload, previous: &Revision) -> Remedy {
    let mut list = List::of(workload);
    let diagnostics = list.keep(
        "logs",
        "Keep logs, events and states of the new pods",
        "a rollback removes the pods and their logs",
    );
    let why = format!("revision {} served before the release, which did not prove itself", previous.number);
    list.back(previous, &diagnostics, 0.90, why);
    Remedy {
        recommendations: list.items,
        options: Vec::new(),
        criteria: criteria::healthy(facts, workload),
    }
}

/// What shows that the release works: its pods serve in time, stay up, and serve no worse than those before.
fn proven(facts: &Facts, workload: &Workload, image: &str, deadline: u32) -> Vec<Criterion> {
    let mut criteria = criteria::healthy(facts, workload);
    if let Some(ready) = criteria.first_mut() {
        ready.description = format!("every replica of {} is ready on {image}", workload.object);
    }
    let namespace = workload.object.namespace.as_deref().unwrap_or_default();
    criteria.push(Criterion {
        description: format!("the rollout is complete and did not exceed its progress deadline of {deadline} s"),
        probe: Probe::Field {
            path: format!("/apis/apps/v1/namespaces/{namespace}/deployments/{}", workload.object.name),
            pointer: "/status/conditions/type=Progressing/status".into(),
        },
        comparison: Comparison::AtLeast,
        threshold: 1.0,
        unit: "condition".into(),
        before: None,
        decisive: true,
    });
    criteria.extend(criteria::failures_as_before(facts, workload));
    criteria.extend(criteria::latency_as_before(facts, workload));
    criteria
}
