//! Order that the recommendations forgot.

use paramedic_domain::plan::Recommendation;
use serde_json::json;

use super::fixtures::{Case, id, recommendation as r, with, workload};

fn after(case: &Case, later: &str, earlier: &str) -> bool {
    case.outline().0.graph.waits(&id(later), &id(earlier))
}

fn restart(name: &str, deployment: &str, dependencies: &[&str]) -> Recommendation {
    with(name, "rolling_restart", dependencies, json!({"deployment": deployment}))
}

#[test]
fn a_silence_after_the_restart_it_should_cover_moves_before_it() {
    let case = Case::of(vec![
        r("look", "health_check", &[]),
        restart("restart", "redis", &["look"]),
        r("silence", "silence_alerts", &["restart"]),
        r("verify", "health_check", &["restart"]),
    ]);
    assert!(after(&case, "restart", "silence") && after(&case, "silence", "look") && after(&case, "verify", "restart"));
    let plan = case.plan().unwrap();
    assert!(
        plan.notes
            .iter()
            .any(|note| note.contains("silence was to start only after restart")),
        "{:?}",
        plan.notes
    );
}

#[test]
fn a_silence_behind_a_check_of_the_restart_moves_too_and_an_early_one_stays() {
    let late = Case::of(vec![
        restart("restart", "redis", &[]),
        r("verify", "health_check", &["restart"]),
        r("silence", "silence_alerts", &["verify"]),
    ]);
    assert!(after(&late, "restart", "silence") && !after(&late, "silence", "verify"));
    let early = Case::of(vec![r("silence", "silence_alerts", &[]), restart("restart", "redis", &["silence"])]);
    let notes = early.outline().1;
    assert!(!notes.iter().any(|note| note.contains("silence")), "{notes:?}");
}

#[test]
fn the_object_at_fault_is_mended_before_other_workloads_are_restarted() {
    let set = || vec![restart("caller", "checkout", &[]), restart("root", "fraud-detection", &[])];
    let known = Case {
        root: Some(workload("fraud-detection")),
        ..Case::of(set())
    };
    assert!(after(&known, "caller", "root"));
    assert!(
        known.outline().1.iter().any(|note| note.contains("is at fault")),
        "{:?}",
        known.outline().1
    );
    let unknown = Case::of(set());
    assert!(!after(&unknown, "caller", "root") && !after(&unknown, "root", "caller"));
    let ordered = Case {
        root: Some(workload("fraud-detection")),
        ..Case::of(vec![
            restart("caller", "checkout", &[]),
            restart("root", "fraud-detection", &["caller"]),
        ])
    };
    assert!(after(&ordered, "root", "caller"), "an order that was recommended stays");
}

#[test]
fn evidence_is_kept_before_what_destroys_it_or_its_lack_is_said() {
    let kept = Case::of(vec![restart("restart", "a", &[]), r("keep", "collect_diagnostics", &[])]);
    assert!(after(&kept, "restart", "keep"));
    let bare = Case::of(vec![restart("restart", "a", &[]), r("delete", "delete_pod", &["restart"])]);
    let notes = bare.outline().1;
    assert!(
        notes
            .iter()
            .any(|note| note.starts_with("nothing collects diagnostics before delete, restart")),
        "{notes:?}"
    );
    let harmless = Case::of(vec![r("scale", "scale", &[])]);
    assert_eq!(harmless.outline().1, Vec::<String>::new());
}

#[test]
fn every_object_of_a_step_counts_for_the_order_not_only_the_first() {
    // deleting a pod touches its workload too
    let case = Case::of(vec![r("delete", "delete_pod", &[]), r("scale", "scale", &[])]);
    assert!(after(&case, "scale", "delete") || after(&case, "delete", "scale"));
}

#[test]
fn a_plan_that_nothing_verifies_gets_a_look_at_its_workloads() {
    let added = |set: Vec<Recommendation>| Case::of(set).added();
    let one = added(vec![r("raise", "increase_resources", &[]), r("tell", "notify_only", &["raise"])]);
    assert_eq!(one, [(id("verify-payment-service"), vec!["health_check".to_owned()])]);
    let two = added(vec![
        restart("a", "one", &[]),
        restart("b", "two", &[]),
        r("look", "health_check", &["a"]),
    ]);
    assert_eq!(two.len(), 2, "b is changed and nothing looks afterwards: {two:?}");
    for verified in [
        vec![restart("a", "one", &[]), r("look", "check_health", &["a"])],
        vec![r("raise", "increase_resources", &[]), r("restart", "restart_pod", &["raise"])],
        vec![r("cap", "update_hpa", &[])],
        vec![r("tell", "notify_only", &[])],
    ] {
        assert_eq!(added(verified), Vec::new());
    }
}

#[test]
fn an_added_step_never_takes_an_id_that_is_in_use() {
    let added = Case::of(vec![r("verify-payment-service", "scale", &[])]).added();
    assert_eq!(added[0].0, id("verify-payment-service-d"));
}
