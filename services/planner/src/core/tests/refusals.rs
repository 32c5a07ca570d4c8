//! No plan, and why.

use paramedic_domain::{plan::Recommendation, policy::Mode};
use serde_json::json;

use super::{
    fixtures::{Case, catalogue, prepare, recommendation, rules, with},
    p01::seven,
};
use crate::core::{request, scope::Scope, validate::validate};

fn reasons(recommendations: &[Recommendation]) -> String {
    let unsound = validate(recommendations, &rules(), &catalogue()).unwrap_err();
    unsound
        .refusals
        .into_iter()
        .map(|refusal| refusal.reason)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn every_refusal_names_what_it_is_about() {
    let r = |name: &str, dependencies: &[&str]| recommendation(name, "health_check", dependencies);
    let chain = |n: usize| -> Vec<Recommendation> {
        let before = |i: usize| if i == 0 { vec![] } else { vec![format!("s{}", i - 1)] };
        (0..n)
            .map(|i| r(&format!("s{i}"), &before(i).iter().map(String::as_str).collect::<Vec<_>>()))
            .collect()
    };
    let table: [(&str, Vec<Recommendation>, &[&str]); 9] = [
        ("empty", vec![], &["there is no recommendation"]),
        ("duplicate id", vec![r("a", &[]), r("a", &[])], &["id a is used 2 times"]),
        ("unknown dependency", vec![r("a", &["b"])], &["unknown dependency b"]),
        ("itself", vec![r("a", &["a"])], &["a -> a"]),
        (
            "cycle",
            vec![r("x", &["c"]), r("a", &["b"]), r("b", &["c"]), r("c", &["a"])],
            &["a -> b -> c -> a", "b -> c -> a -> b", "c -> a -> b -> c"],
        ),
        (
            "too many",
            (0..=50).map(|i| r(&format!("s{i}"), &[])).collect(),
            &["51 steps, at most 50"],
        ),
        ("too deep", chain(21), &["the longest chain has 21 steps, at most 20"]),
        (
            "unknown action",
            vec![recommendation("a", "rolling_restarts", &[])],
            &["action \"rolling_restarts\" is not in the catalogue; near: rolling_restart"],
        ),
        (
            "unlike anything",
            vec![recommendation("a", "xyzzy", &[])],
            &["action \"xyzzy\" is not in the catalogue"],
        ),
    ];
    for (what, recommendations, any_of) in table {
        let found = reasons(&recommendations);
        assert!(any_of.iter().any(|expected| found.contains(expected)), "{what}: {found}");
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let found = reasons(&[
        recommendation("a", "health_check", &["b"]),
        recommendation("b", "health_check", &["a"]),
        recommendation("c", "restart_everything", &["nobody"]),
        recommendation("d", "health_check", &["d"]),
        recommendation("e", "health_check", &[]),
        recommendation("e", "health_check", &[]),
    ]);
    for expected in [
        "restart_everything",
        "unknown dependency nobody",
        "d -> d",
        "id e is used 2 times",
        "-> a",
    ] {
        assert!(found.contains(expected), "{expected}: {found}");
    }
}

#[test]
fn what_can_still_be_prepared_is_prepared_to_learn_what_else_is_wrong() {
    let unsound = validate(
        &[
            recommendation("a", "health_check", &["a"]),
            recommendation("b", "xyzzy", &[]),
            recommendation("c", "health_check", &[]),
            recommendation("c", "health_check", &[]),
        ],
        &rules(),
        &catalogue(),
    )
    .unwrap_err();
    assert_eq!(unsound.preparable, vec!["a".parse().unwrap()]);
}

#[test]
fn a_change_that_the_api_server_refused_in_a_dry_run_is_no_plan() {
    let case = Case {
        rejected: Some("admission webhook denied it".into()),
        ..Case::of(seven())
    };
    let refusals = case.plan().unwrap_err();
    assert!(
        refusals
            .iter()
            .all(|refusal| refusal.reason.contains("admission webhook denied it")),
        "{refusals:?}"
    );
    assert!(refusals.iter().any(|refusal| refusal.step.as_deref() == Some("rec-003")));
}

#[test]
fn observe_mode_refuses_every_change_and_an_unsure_diagnosis_changes_nothing() {
    for (mode, confidence, expected) in [(Mode::Observe, 0.9, "observe mode"), (Mode::Standard, 0.5, "below 60 %")] {
        let case = Case {
            confidence,
            mode,
            ..Case::of(seven())
        };
        let refusals = case.plan().unwrap_err();
        assert!(refusals.iter().any(|refusal| refusal.step.as_deref() == Some("rec-003")));
        assert!(refusals.iter().all(|refusal| refusal.reason.contains(expected)), "{refusals:?}");
    }
}

#[test]
fn targets_outside_of_the_scope_are_named() {
    let scope = |allowed: &[&str], denied: &[&str], kinds: &[&str]| {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Scope {
            allowed: owned(allowed),
            denied: owned(denied),
            cluster_kinds: owned(kinds),
            opt_out: None,
        }
    };
    let table = [
        (scope(&[], &[], &[]), "scale", "ok"),
        (scope(&["prod*"], &[], &[]), "scale", "ok"),
        (
            scope(&["staging"], &[], &[]),
            "scale",
            "namespace production is not among planner.allow_namespaces",
        ),
        (
            scope(&["production"], &["prod*"], &[]),
            "scale",
            "namespace production is among planner.deny_namespaces",
        ),
        (
            scope(&[], &[], &[]),
            "cordon",
            "Node is cluster-scoped and not among planner.cluster_kinds",
        ),
        (scope(&["staging"], &[], &["Node"]), "cordon", "ok"),
        (
            scope(&["staging"], &[], &[]),
            "backup_data",
            "namespace production is not among planner.allow_namespaces",
        ),
        (scope(&["staging"], &[], &[]), "health_check", "ok"),
    ];
    for (scope, action, expected) in table {
        let recommendations = [recommendation("a", action, &[])];
        let prepared = prepare(&["a".parse().unwrap()], &recommendations);
        let found: Vec<String> = scope.refusals(&prepared).into_iter().map(|refusal| refusal.reason).collect();
        match expected {
            "ok" => assert_eq!(found, Vec::<String>::new(), "{scope:?} {action}"),
            expected => assert!(found.len() == 1 && found[0].contains(expected), "{scope:?} {action}: {found:?}"),
        }
    }
}

#[test]
fn an_object_whose_owner_opted_out_is_left_alone() {
    let recommendations = [recommendation("a", "scale", &[]), recommendation("b", "health_check", &[])];
    let mut prepared = prepare(&["a".parse().unwrap(), "b".parse().unwrap()], &recommendations);
    for step in prepared.values_mut() {
        step.context.labels.insert("paramedic.dev/remediation".into(), "disabled".into());
    }
    let refusals = rules().scope.refusals(&prepared);
    assert_eq!(refusals.len(), 1, "reading is allowed: {refusals:?}");
    assert!(
        refusals[0].reason.contains("has the label paramedic.dev/remediation=disabled"),
        "{refusals:?}"
    );
    for step in prepared.values_mut() {
        step.context.labels.insert("paramedic.dev/remediation".into(), "enabled".into());
    }
    assert_eq!(rules().scope.refusals(&prepared), Vec::new());
}

#[test]
fn kube_system_is_denied_unless_the_operator_says_otherwise() {
    let recommendations = [with("a", "patch_config_map", &[], json!({"namespace": "kube-system"}))];
    let prepared = prepare(&["a".parse().unwrap()], &recommendations);
    assert_eq!(rules().scope.refusals(&prepared).len(), 1);
}

#[test]
fn a_text_that_is_no_set_of_recommendations_is_refused_by_path() {
    let table = [
        ("[", "not JSON"),
        (r#"{"x": 1}"#, "neither an array nor an object"),
        (r#"{"recommendations": {}}"#, "not an array"),
        (r#"[{"id": "a"}]"#, "/recommendations/0 (a): missing field `action`"),
        (
            r#"[{"id": "a", "action": "x"}, {"id": "B!", "action": "x"}]"#,
            "/recommendations/1 (B!): invalid step id",
        ),
        (
            r#"{"recommendations": [], "rollbackStrategy": "maybe"}"#,
            "/rollbackStrategy: unknown variant `maybe`",
        ),
    ];
    for (text, expected) in table {
        let problems = request::parse(text).unwrap_err().join("\n");
        assert!(problems.contains(expected), "{text}: {problems}");
    }
}
