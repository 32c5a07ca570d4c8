//! A plan that changes workloads looks at them afterwards.

use std::collections::BTreeMap;

use paramedic_domain::{
    change::{Change, Confirm},
    id::StepId,
    object::ObjectRef,
    plan::Recommendation,
};

use super::{
    arrange::Scene,
    graph::Graph,
    outline::{Prepared, templates},
};

/// Actions that look whether workloads are well, the more thorough one first.
const LOOKERS: [&str; 2] = ["verify_recovery", "health_check"];
/// Most workloads that steps are added for: a plan that changes more of them brings its own verification.
const MOST: usize = 5;

/// Steps that look at the workloads which nothing looks at after the last change, the likelier action first for each:
/// the first one that can be prepared is meant.
#[must_use]
pub fn missing(graph: &Graph, scene: &Scene<'_>) -> Vec<Vec<Recommendation>> {
    let last = last_changes(graph, scene.survey);
    let looks = |id: &StepId| looks(id, scene);
    let seen = last
        .iter()
        .all(|change| scene.survey.keys().any(|id| looks(id) && graph.waits(id, change)));
    if seen {
        return Vec::new();
    }
    let mut taken: Vec<StepId> = scene.recommendations.iter().map(|r| r.id.clone()).collect();
    workloads(&last, graph, scene)
        .iter()
        .take(MOST)
        .filter_map(|workload| {
            let id = free_id(workload, &taken)?;
            taken.push(id.clone());
            Some(candidates(&id, workload, &last, scene))
        })
        .filter(|candidates| !candidates.is_empty())
        .collect()
}

/// Changes of workloads that no other one waits for.
fn last_changes(graph: &Graph, survey: &BTreeMap<StepId, Prepared>) -> Vec<StepId> {
    let changes: Vec<&StepId> = survey
        .iter()
        .filter(|(_, prepared)| prepared.change.lease_targets().into_iter().any(is_workload))
        .map(|(id, _)| id)
        .collect();
    let last = changes.iter().filter(|id| !changes.iter().any(|other| graph.waits(other, id)));
    last.map(|id| (*id).clone()).collect()
}

fn looks(id: &StepId, scene: &Scene<'_>) -> bool {
    let confirms = matches!(
        scene.survey.get(id).map(|prepared| &prepared.change),
        Some(Change::Carried {
            expect: Confirm::RolledOut,
            ..
        })
    );
    let action = scene.recommendations.iter().find(|r| r.id == *id).map(|r| r.action.as_str());
    confirms || action.is_some_and(|action| LOOKERS.contains(&scene.catalogue.canonical(action)))
}

/// Workloads of the last changes and of everything before them.
fn workloads(last: &[StepId], graph: &Graph, scene: &Scene<'_>) -> Vec<ObjectRef> {
    let templates = templates(scene.survey);
    let mut found: Vec<ObjectRef> = Vec::new();
    for (id, prepared) in scene.survey {
        if !last.iter().any(|change| change == id || graph.waits(change, id)) {
            continue;
        }
        let own = prepared.change.lease_targets();
        for object in own.into_iter().chain(templates.get(id)) {
            if is_workload(object) && !found.iter().any(|other| other.same_object(object)) {
                found.push(object.clone());
            }
        }
    }
    found
}

fn is_workload(object: &ObjectRef) -> bool {
    matches!(object.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet")
}

fn candidates(id: &StepId, workload: &ObjectRef, last: &[StepId], scene: &Scene<'_>) -> Vec<Recommendation> {
    LOOKERS
        .iter()
        .filter_map(|action| {
            let parameters = scene.catalogue.about_workload(action, workload)?;
            Some(Recommendation {
                id: id.clone(),
                action: (*action).to_owned(),
                description: format!("is {workload} well after the change?"),
                confidence: 1.0,
                parameters,
                dependencies: last.to_vec(),
                rationale: "added by the planner: nothing looked at it after the last change".into(),
                risk: None,
                requires_approval: None,
            })
        })
        .collect()
}

/// `verify-<name>`, cut to what an id may be, with a number where it is taken.
fn free_id(workload: &ObjectRef, taken: &[StepId]) -> Option<StepId> {
    let name: String = workload.name.chars().map(|c| if c == '.' { '-' } else { c }).take(50).collect();
    let kind = workload.kind.chars().next().unwrap_or('w').to_ascii_lowercase();
    let names = [format!("verify-{name}"), format!("verify-{name}-{kind}")];
    let numbered = (2..100).map(|n| format!("verify-{name}-{n}"));
    names
        .into_iter()
        .chain(numbered)
        .filter_map(|text| text.parse::<StepId>().ok())
        .find(|id| !taken.contains(id))
}

/// The sentence about an added step.
#[must_use]
pub fn note(step: &Recommendation) -> String {
    format!(
        "{} ({}) was added: nothing in the recommendations looks at the workload after the last change",
        step.id, step.action
    )
}
