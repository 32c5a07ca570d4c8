//! Ways around the tools that deploy what a plan changes.

use std::collections::BTreeMap;

use paramedic_domain::{id::StepId, object::ObjectRef, plan::Recommendation};
use serde_json::json;

use super::fixtures::{catalogue, id, prepare, recommendation, with};
use crate::core::{
    arrange::Scene,
    detour::{Detour, detours, take},
    outline::Prepared,
};

fn deployed_from(recommendations: &[Recommendation], source: &ObjectRef) -> Vec<Detour> {
    let all: Vec<StepId> = recommendations.iter().map(|one| one.id.clone()).collect();
    let mut survey: BTreeMap<StepId, Prepared> = prepare(&all, recommendations);
    for prepared in survey.values_mut() {
        prepared.context.gitops_source = Some(source.clone());
    }
    detours(&Scene {
        survey: &survey,
        recommendations,
        catalogue: &catalogue(),
        root: None,
    })
}

#[test]
fn a_rollback_of_what_helm_deployed_is_helms() {
    let steps = [recommendation("rec-001", "rollback_deployment", &[])];
    let release = ObjectRef::new("helm.sh/v3", "Release", Some("production"), "shop");
    let found = deployed_from(&steps, &release);
    let [detour] = &found[..] else { panic!("{found:?}") };
    let taken = take(&steps, detour);
    assert_eq!(taken.len(), 1, "in place of the step");
    assert_eq!((taken[0].id.as_str(), taken[0].action.as_str()), ("rec-001", "helm_rollback"));
    assert_eq!(json!(taken[0].parameters), json!({"release": "shop", "namespace": "production"}));
    // Helm does not watch: other changes need no hold.
    assert_eq!(deployed_from(&[recommendation("rec-001", "scale", &[])], &release), []);
}

#[test]
fn who_would_put_the_old_state_back_is_held_once_before_every_change() {
    let steps = [
        recommendation("rec-000", "collect_diagnostics", &[]),
        recommendation("rec-001", "increase_resources", &["rec-000"]),
        recommendation("rec-002", "scale", &[]),
    ];
    let source = ObjectRef::new("kustomize.toolkit.fluxcd.io/v1", "Kustomization", Some("flux-system"), "apps");
    let found = deployed_from(&steps, &source);
    let [detour] = &found[..] else { panic!("{found:?}") };
    assert_eq!(detour.step.action, "flux_suspend");
    assert_eq!(
        json!(detour.step.parameters),
        json!({"kustomization": "apps", "namespace": "flux-system"})
    );
    let taken = take(&steps, detour);
    let hold = id("hold-rec-001");
    let waits = |step: usize| taken[step].dependencies.contains(&hold);
    assert_eq!((waits(0), waits(1), waits(2)), (false, true, true));
    assert_eq!(taken.last().unwrap().id, hold);
}

#[test]
fn an_application_of_the_usual_namespace_is_named_alone_and_held_before_it_is_rolled_back() {
    let steps = [recommendation("rec-001", "rollback_deployment", &[])];
    let found = deployed_from(&steps, &ObjectRef::new("argoproj.io/v1alpha1", "Application", None, "shop"));
    let actions: Vec<&str> = found.iter().map(|detour| detour.step.action.as_str()).collect();
    assert_eq!(actions, ["argo_pause_auto_sync", "argo_rollback"], "prepared in this order");
    assert!(
        found
            .iter()
            .all(|detour| json!(detour.step.parameters) == json!({"application": "shop"}))
    );
}

#[test]
fn a_hold_that_somebody_thought_of_is_enough() {
    let steps = [
        with("first", "argo_pause_auto_sync", &[], json!({"application": "shop"})),
        recommendation("rec-001", "scale", &["first"]),
    ];
    let source = ObjectRef::new("argoproj.io/v1alpha1", "Application", None, "shop");
    assert_eq!(deployed_from(&steps, &source), []);
}
