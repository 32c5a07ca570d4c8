//! Steps that work against each other.

use paramedic_domain::plan::Recommendation;
use serde_json::json;

use super::fixtures::{Case, recommendation as r, with};
use super::p01::seven;

fn found(recommendations: Vec<Recommendation>) -> Vec<String> {
    Case::of(recommendations).contradictions()
}

#[test]
fn opposite_steps_without_an_order_are_refused() {
    let scale = |name: &str, replicas: u32| with(name, "scale", &[], json!({"replicas": replicas}));
    let table: [(&str, Vec<Recommendation>, &str); 5] = [
        ("scale up and down", vec![scale("up", 8), scale("down", 2)], "/spec/replicas"),
        (
            "cordon and uncordon",
            vec![r("close", "cordon", &[]), r("open", "uncordon", &[])],
            "/spec/unschedulable of Node worker-1",
        ),
        (
            "suspend and resume",
            vec![r("stop", "suspend", &[]), r("go", "resume", &[])],
            "/spec/suspend of CronJob production/report",
        ),
        (
            "one key, two values",
            vec![
                with("a", "patch_config_map", &[], json!({"POOL": "100"})),
                with("b", "patch_config_map", &[], json!({"POOL": "200"})),
            ],
            "becomes \"100\" by the one and \"200\" by the other",
        ),
        (
            "two limits in one rollout",
            vec![
                with("a", "increase_resources", &[], json!({"memory": "3Gi"})),
                with("b", "set_resources", &["a"], json!({"memory": "4Gi"})),
            ],
            "both are in one rollout",
        ),
    ];
    for (what, recommendations, expected) in table {
        let found = found(recommendations);
        assert!(found.len() == 1 && found[0].contains(expected), "{what}: {found:?}");
    }
}

#[test]
fn an_order_with_something_in_between_makes_sense_of_opposites() {
    let drained = vec![
        r("close", "cordon", &[]),
        r("check", "health_check", &["close"]),
        r("open", "uncordon", &["check"]),
    ];
    assert_eq!(found(drained), Vec::<String>::new());
    let at_once = vec![r("close", "cordon", &[]), r("open", "uncordon", &["close"])];
    let said = found(at_once);
    assert!(said.len() == 1 && said[0].contains("nothing happens between them"), "{said:?}");
}

#[test]
fn the_same_value_twice_and_other_objects_are_no_contradiction() {
    let same = vec![
        with("a", "scale", &[], json!({"replicas": 8})),
        with("b", "scale", &[], json!({"replicas": 8})),
        with("c", "scale", &[], json!({"replicas": 2, "deployment": "other"})),
        with("d", "cordon", &[], json!({"node": "worker-1"})),
        with("e", "uncordon", &[], json!({"node": "worker-2"})),
    ];
    assert_eq!(found(same), Vec::<String>::new());
    assert_eq!(found(seven()), Vec::<String>::new());
}

#[test]
fn a_rollback_and_another_change_of_the_same_field_are_compared_one_by_one() {
    let both = vec![
        with("limits", "increase_resources", &[], json!({"memory": "3Gi"})),
        r("back", "rollback_deployment", &[]),
    ];
    assert_eq!(found(both), Vec::<String>::new(), "other fields of the template");
}

#[test]
fn a_step_that_acts_on_what_another_one_deletes_is_refused_unless_it_is_done_before() {
    let copy = |dependencies: &[&str]| with("copy", "backup_data", dependencies, json!({"pod": "payment-service-1"}));
    for (dependencies, copy_after) in [(vec![], true), (vec![], false)] {
        let set = if copy_after {
            vec![r("delete", "delete_pod", &[]), copy(&["delete"])]
        } else {
            vec![r("delete", "delete_pod", &dependencies), copy(&[])]
        };
        let said = found(set);
        assert!(
            said.len() == 1 && said[0].contains("copy acts on Pod production/payment-service-1, which delete deletes"),
            "{said:?}"
        );
    }
    assert_eq!(found(vec![r("delete", "delete_pod", &["copy"]), copy(&[])]), Vec::<String>::new());
}
