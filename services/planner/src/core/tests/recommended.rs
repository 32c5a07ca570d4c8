//! Sets of recommendations in the shape that other engines write them, with what is wrong in them.

use serde_json::{Value, json};

use super::fixtures::{Case, id, workload};
use crate::core::request;
use paramedic_domain::{
    plan::{Plan, Rollback},
    risk::RiskLevel,
};

fn case(set: &Value) -> Case {
    Case::of(request::parse(&set.to_string()).unwrap().recommendations)
}

fn step(id: &str, action: &str, dependencies: &[&str], parameters: Value) -> Value {
    json!({"id": id, "action": action, "dependencies": dependencies, "parameters": parameters})
}

/// A leak: the gate that was asked for stands behind the first change of the template.
fn leak() -> Value {
    let mut restart = step("restart", "restart_pod", &["limit"], json!({}));
    restart["requiresApproval"] = json!(true);
    json!({"recommendations": [
        step("dump", "collect_diagnostics", &[], json!({})),
        step("logs", "backup_data", &[], json!({})),
        step("limit", "increase_resources", &["dump", "logs"], json!({"memory": "3Gi"})),
        restart,
        step("profile", "enable_debug_mode", &["restart"], json!({"debug_flags": ["--profile"]})),
        step("cap", "update_hpa", &["restart"], json!({"maxReplicas": 8})),
        step("bug", "notify_only", &["profile", "cap"], json!({})),
    ], "estimatedDuration": "4 minutes", "historicalSuccessRate": 0.92})
}

/// A storm: a high risk that asks nobody because it is sure, and a silence after the storm.
fn storm() -> Value {
    let mut restart = step("restart", "rolling_restart_pods", &["look"], json!({"deployment": "redis"}));
    restart["risk"] = json!("high");
    restart["requiresApproval"] = json!(false);
    json!([
        step("look", "health_check", &[], json!({})),
        restart,
        step("quiet", "silence_alerts", &["restart"], json!({})),
        step("verify", "health_check", &["restart"], json!({})),
    ])
}

/// A cascade: callers are restarted, and nothing says that the root comes first.
fn cascade() -> Value {
    json!([
        step("pool", "patch_config_map", &[], json!({"POOL": "200"})),
        step("root", "rolling_restart_pods", &["pool"], json!({"deployment": "fraud-detection"})),
        step("more", "scale", &["root"], json!({"deployment": "fraud-detection", "replicas": 8})),
        step("caller", "rolling_restart_pods", &[], json!({"deployment": "checkout"})),
        step("gateway", "rolling_restart_pods", &[], json!({"deployment": "payment-gateway"})),
        step("well", "health_check", &["more", "caller", "gateway"], json!({})),
    ])
}

fn place(plan: &Plan, name: &str) -> usize {
    plan.levels.iter().position(|level| level.contains(&id(name))).unwrap()
}

#[test]
fn the_gate_of_a_leak_stands_before_the_first_template_change() {
    let plan = case(&leak()).plan().unwrap();
    let gate = &plan.gates[0];
    assert_eq!(plan.gates.len(), 1);
    assert!(
        ["limit", "restart", "profile"].iter().all(|name| gate.steps.contains(&id(name))),
        "{gate:?}"
    );
    assert_eq!(plan.step(&id("limit")).unwrap().gate.as_ref(), Some(&gate.id));
    let rollouts = plan
        .steps
        .iter()
        .filter(|step| step.change.lease_targets().iter().any(|o| o.kind == "Deployment"));
    assert_eq!(rollouts.count(), 1, "three template changes are one restart");
}

#[test]
fn what_a_set_claims_about_time_and_success_is_not_believed() {
    let set = request::parse(&leak().to_string()).unwrap();
    assert_eq!(set.notes.len(), 2);
    assert!(set.notes.iter().all(|note| note.contains("not used")), "{:?}", set.notes);
    let asked = request::parse(r#"{"recommendations": [], "rollbackStrategy": "ask"}"#).unwrap();
    assert_eq!(asked.rollback, Some(Rollback::Ask));
}

#[test]
fn a_storm_is_silenced_before_its_high_risk_restart_which_asks_in_spite_of_its_confidence() {
    let case = Case {
        confidence: 0.95,
        ..case(&storm())
    };
    let plan = case.plan().unwrap();
    assert!(place(&plan, "look") < place(&plan, "quiet") && place(&plan, "quiet") < place(&plan, "restart"));
    assert!(place(&plan, "restart") < place(&plan, "verify"));
    let restart = plan.step(&id("restart")).unwrap();
    assert_eq!(restart.risk.level, RiskLevel::High);
    assert!(restart.gate.is_some());
    assert_eq!(restart.action, "rolling_restart", "other names are names of the same action");
}

#[test]
fn a_cascade_restarts_callers_after_the_root_and_the_root_alone_waits_for_the_pool() {
    let case = Case {
        root: Some(workload("fraud-detection")),
        ..case(&cascade())
    };
    let plan = case.plan().unwrap();
    for caller in ["caller", "gateway"] {
        assert!(place(&plan, caller) > place(&plan, "more"), "{:?}", plan.levels);
    }
    assert_eq!(place(&plan, "caller"), place(&plan, "gateway"), "callers restart at the same time");
}
