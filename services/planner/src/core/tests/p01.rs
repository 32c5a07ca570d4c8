//! The leak with seven recommended actions.

use std::time::Duration;

use paramedic_domain::{
    change::{Change, Confirm},
    id::StepId,
    plan::{Recommendation, gate_digest},
    risk::RiskLevel,
};

use super::fixtures::{Case, id, recommendation};
use crate::core::outline::settled;

pub(super) fn seven() -> Vec<Recommendation> {
    let mut all = vec![
        recommendation("rec-001", "collect_diagnostics", &[]),
        recommendation("rec-002", "backup_data", &[]),
        recommendation("rec-003", "increase_resources", &["rec-001", "rec-002"]),
        recommendation("rec-004", "restart_pod", &["rec-003"]),
        recommendation("rec-005", "enable_debug_mode", &["rec-004"]),
        recommendation("rec-006", "update_hpa", &["rec-004"]),
        recommendation("rec-007", "notify_only", &["rec-005", "rec-006"]),
    ];
    all[3].requires_approval = Some(true);
    all
}

fn case() -> Case {
    Case {
        confidence: 0.78,
        ..Case::of(seven())
    }
}

fn ids(names: &[&str]) -> Vec<StepId> {
    names.iter().map(|name| id(name)).collect()
}

#[test]
fn the_template_changes_are_one_patch_that_keeps_seven_steps() {
    let plan = case().plan().unwrap();
    assert_eq!(plan.steps.len(), 7);
    let patches: Vec<_> = plan
        .steps
        .iter()
        .filter(|step| step.change.mutates())
        .map(|step| step.id.as_str())
        .collect();
    assert_eq!(patches, ["rec-003", "rec-006"]);
    let expect = |name: &str| match &plan.step(&id(name)).unwrap().change {
        Change::Carried { by, expect, .. } => (by.clone(), *expect),
        other => panic!("{name} is {other:?}"),
    };
    assert_eq!(expect("rec-004"), (id("rec-003"), Confirm::RolledOut));
    assert_eq!(expect("rec-005"), (id("rec-003"), Confirm::InTemplate));
}

#[test]
fn the_graph_keeps_its_parallelism() {
    let plan = case().plan().unwrap();
    let wanted = [
        ids(&["rec-001", "rec-002"]),
        ids(&["rec-003"]),
        ids(&["rec-004"]),
        ids(&["rec-005", "rec-006"]),
        ids(&["rec-007"]),
    ];
    assert_eq!(plan.levels, wanted);
    assert_eq!(plan.critical_path, ids(&["rec-001", "rec-003", "rec-004", "rec-005", "rec-007"]));
    assert_eq!(plan.longest, Duration::from_secs(5 * 60));
}

#[test]
fn one_gate_stands_before_the_first_template_change() {
    let plan = case().plan().unwrap();
    let [gate] = plan.gates.as_slice() else {
        panic!("{:?}", plan.gates)
    };
    assert_eq!(gate.steps, ids(&["rec-003", "rec-004", "rec-005", "rec-006"]));
    assert_eq!(gate.risk, RiskLevel::Medium);
    let held: Vec<_> = gate.steps.iter().map(|id| plan.step(id).unwrap()).collect();
    assert_eq!(gate.digest, gate_digest(&plan.id, &held));
    assert!(held.iter().all(|step| step.gate.as_ref() == Some(&gate.id)));
    for name in ["rec-001", "rec-002", "rec-007"] {
        assert_eq!(plan.step(&id(name)).unwrap().gate, None, "{name} waits for nobody");
    }
    assert!(
        plan.notes.iter().any(|note| note.contains("first change of the pod template")),
        "{:?}",
        plan.notes
    );
}

#[test]
fn a_survey_that_merged_the_same_way_is_not_asked_again() {
    let case = case();
    let (outline, _) = case.outline();
    let survey = super::fixtures::prepare(&outline.graph.order(), &case.recommendations);
    assert!(settled(&outline, &survey));
}

#[test]
fn a_step_that_waits_for_something_after_the_rollout_is_a_rollout_of_its_own() {
    let mut case = case();
    case.recommendations = vec![
        recommendation("raise", "increase_resources", &[]),
        recommendation("check", "health_check", &["raise"]),
        recommendation("debug", "enable_debug_mode", &["check"]),
        recommendation("restart", "restart_pod", &["raise"]),
    ];
    let (outline, _) = case.outline();
    assert_eq!(outline.groups.len(), 2);
    assert_eq!(outline.groups[0].carried, ids(&["restart"]));
    assert_eq!(outline.batches.len(), 2, "{:?}", outline.batches);
    let plan = case.plan().unwrap();
    assert!(plan.step(&id("debug")).unwrap().change.mutates());
    assert_eq!(
        plan.gates.len(),
        1,
        "the second rollout is known now, so it is asked with the first"
    );
}

#[test]
fn what_a_carried_step_waits_for_precedes_its_carrier() {
    let mut case = case();
    case.recommendations = vec![
        recommendation("raise", "increase_resources", &[]),
        recommendation("backup", "backup_data", &[]),
        recommendation("restart", "restart_pod", &["backup"]),
    ];
    let plan = case.plan().unwrap();
    assert_eq!(plan.step(&id("raise")).unwrap().depends_on, ids(&["backup"]));
    assert_eq!(plan.step(&id("restart")).unwrap().depends_on, ids(&["raise", "backup"]));
}

#[test]
fn steps_on_one_object_get_an_order() {
    let mut case = case();
    case.recommendations = vec![recommendation("a", "update_hpa", &[]), recommendation("b", "update_hpa", &[])];
    let plan = case.plan().unwrap();
    assert_eq!(plan.step(&id("b")).unwrap().depends_on, ids(&["a"]));
}
