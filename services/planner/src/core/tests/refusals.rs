//! No plan, and why.

use paramedic_domain::{plan::Recommendation, policy::Mode};

use super::{
    fixtures::{Case, recommendation},
    p01::seven,
};
use crate::core::validate::{MAX_STEPS, validate};

fn reasons(recommendations: &[Recommendation]) -> String {
    let refusals = validate(recommendations).unwrap_err();
    refusals.into_iter().map(|refusal| refusal.reason).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_refusal_names_what_it_is_about() {
    let r = |name: &str, dependencies: &[&str]| recommendation(name, "read", dependencies);
    let chain = |n: usize| -> Vec<Recommendation> {
        let before = |i: usize| if i == 0 { vec![] } else { vec![format!("s{}", i - 1)] };
        (0..n)
            .map(|i| r(&format!("s{i}"), &before(i).iter().map(String::as_str).collect::<Vec<_>>()))
            .collect()
    };
    let table: [(&str, Vec<Recommendation>, &str); 7] = [
        ("empty", vec![], "there is no recommendation"),
        ("duplicate id", vec![r("a", &[]), r("a", &[])], "id a is used 2 times"),
        ("unknown dependency", vec![r("a", &["b"])], "unknown dependency b"),
        ("itself", vec![r("a", &["a"])], "a -> a"),
        (
            "cycle",
            vec![r("x", &["c"]), r("a", &["b"]), r("b", &["c"]), r("c", &["a"])],
            "a -> b -> c -> a",
        ),
        (
            "too many",
            (0..=MAX_STEPS).map(|i| r(&format!("s{i}"), &[])).collect(),
            "51 steps, at most 50",
        ),
        ("too deep", chain(21), "the longest chain has 21 steps, at most 20"),
    ];
    for (what, recommendations, expected) in table {
        let found = reasons(&recommendations);
        let rotated = ["b -> c -> a -> b", "c -> a -> b -> c"];
        let hit = found.contains(expected) || (what == "cycle" && rotated.iter().any(|cycle| found.contains(cycle)));
        assert!(hit, "{what}: {found}");
    }
}

#[test]
fn a_change_that_the_api_server_refused_in_a_dry_run_is_no_plan() {
    let mut case = Case {
        recommendations: seven(),
        confidence: 0.9,
        mode: Mode::Standard,
        rejected: None,
    };
    case.rejected = Some("admission webhook denied it".into());
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
            recommendations: seven(),
            confidence,
            mode,
            rejected: None,
        };
        let refusals = case.plan().unwrap_err();
        assert!(refusals.iter().any(|refusal| refusal.step.as_deref() == Some("rec-003")));
        assert!(refusals.iter().all(|refusal| refusal.reason.contains(expected)), "{refusals:?}");
    }
}
