//! Ways around the tools that deploy what a plan changes: what Helm or Argo CD deployed is rolled back by them, and who would put the
//! old state back is stopped first.

use paramedic_domain::{id::StepId, object::ObjectRef, plan::Recommendation};
use serde_json::{Map, Value, json};

use super::arrange::Scene;

/// One way around.
#[derive(Debug, Clone, PartialEq)]
pub struct Detour {
    /// What is to be prepared: in place of a recommended step if it has its id, before it otherwise.
    pub step: Recommendation,
    /// The steps that it is for.
    pub of: Vec<StepId>,
    /// What people are told when it is taken.
    pub note: String,
}

impl Detour {
    /// What people are told when it cannot be taken.
    #[must_use]
    pub fn not_taken(&self, reason: &str) -> String {
        let of: Vec<&str> = self.of.iter().map(StepId::as_str).collect();
        format!(
            "{} stays a direct change: {} was refused: {reason}",
            of.join(", "),
            self.step.action
        )
    }
}

/// The action that puts an earlier template of a Deployment back.
const ROLLBACK: &str = "rollback_deployment";

/// Every way around for these steps, in an order in which they can be prepared together; whether one can be taken, that says.
#[must_use]
pub fn detours(scene: &Scene<'_>) -> Vec<Detour> {
    let (mut found, mut rollbacks): (Vec<Detour>, Vec<Detour>) = (Vec::new(), Vec::new());
    for recommendation in scene.recommendations {
        let Some(prepared) = scene.survey.get(&recommendation.id) else {
            continue;
        };
        let Some(source) = &prepared.context.gitops_source else { continue };
        let rollback = scene.catalogue.canonical(&recommendation.action) == ROLLBACK;
        rollbacks.extend(instead(recommendation, source, rollback));
        if !prepared.mutates {
            continue;
        }
        // One hold serves every step on what the same source deploys.
        match found.iter_mut().find(|detour| holds(detour, source)) {
            Some(detour) => detour.of.push(recommendation.id.clone()),
            None => found.extend(hold(recommendation, source, scene)),
        }
    }
    found.extend(rollbacks);
    found
}

/// The recommendations with a detour taken.
#[must_use]
pub fn take(recommendations: &[Recommendation], detour: &Detour) -> Vec<Recommendation> {
    let mut taken = recommendations.to_vec();
    if let Some(replaced) = taken.iter_mut().find(|one| one.id == detour.step.id) {
        *replaced = detour.step.clone();
        return taken;
    }
    for step in taken.iter_mut().filter(|one| detour.of.contains(&one.id)) {
        step.dependencies.push(detour.step.id.clone());
    }
    taken.push(detour.step.clone());
    taken
}

/// A rollback by the tool that deployed what is to be rolled back.
fn instead(recommendation: &Recommendation, source: &ObjectRef, rollback: bool) -> Option<Detour> {
    if !rollback {
        return None;
    }
    let (action, parameters) = match source.kind.as_str() {
        "Release" => ("helm_rollback", json!({"release": source.name, "namespace": source.namespace})),
        "Application" => ("argo_rollback", application(source)),
        _ => return None,
    };
    Some(Detour {
        note: format!(
            "{} goes through {action}: {source} deploys what it changes, and would not know of a rollback made behind its back",
            recommendation.id
        ),
        step: Recommendation {
            action: action.into(),
            parameters: object(parameters),
            ..recommendation.clone()
        },
        of: vec![recommendation.id.clone()],
    })
}

/// A step that keeps the tool from putting the old state back.
fn hold(recommendation: &Recommendation, source: &ObjectRef, scene: &Scene<'_>) -> Option<Detour> {
    let (action, parameters) = match source.kind.as_str() {
        "Application" => ("argo_pause_auto_sync", application(source)),
        "Kustomization" => ("flux_suspend", json!({"kustomization": source.name, "namespace": source.namespace})),
        "HelmRelease" => ("flux_suspend", json!({"helmRelease": source.name, "namespace": source.namespace})),
        _ => return None,
    };
    // Somebody thought of it already.
    let parameters = object(parameters);
    let known = |one: &Recommendation| scene.catalogue.canonical(&one.action) == action;
    if scene.recommendations.iter().any(known) {
        return None;
    }
    let id = format!("hold-{}", recommendation.id).parse().ok()?;
    if scene.recommendations.iter().any(|one| one.id == id) {
        return None;
    }
    Some(Detour {
        note: format!(
            "{id} comes first: {source} deploys what the plan changes and would put the old state back; propose the change to its Git \
             repository, too (update_git_manifests), before it is let go on"
        ),
        step: Recommendation {
            id,
            action: action.into(),
            description: format!("Keep {source} from putting the old state back"),
            confidence: recommendation.confidence,
            parameters,
            dependencies: Vec::new(),
            rationale: format!("{source} deploys what {} changes", recommendation.id),
            risk: None,
            requires_approval: None,
        },
        of: vec![recommendation.id.clone()],
    })
}

fn holds(detour: &Detour, source: &ObjectRef) -> bool {
    let names = |key: &str| detour.step.parameters.get(key).and_then(Value::as_str) == Some(source.name.as_str());
    detour.step.id.as_str().starts_with("hold-") && ["application", "kustomization", "helmRelease"].into_iter().any(names)
}

fn application(source: &ObjectRef) -> Value {
    json!({"application": source.name, "namespace": source.namespace})
}

/// Parameters without those that nobody knows.
fn object(parameters: Value) -> Map<String, Value> {
    let Value::Object(mut parameters) = parameters else {
        return Map::new();
    };
    parameters.retain(|_, value| !value.is_null());
    parameters
}
