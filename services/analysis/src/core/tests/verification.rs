//! Verdicts and what stays true in spite of them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{
    diagnosis::Diagnosis,
    digest::Digest,
    evidence::{Evidence, Source},
    id::PlanId,
    plan::{Plan, Rollback, Step},
    verification::{Verdict, Verification},
};

use super::fixtures::{MIB, at, knobs, leaking};
use crate::core::{
    contest::diagnose,
    verify::{Done, Reading, closing, conclude},
};

pub(super) fn plan(diagnosis: &Diagnosis) -> Plan {
    let steps: Vec<Step> = serde_json::from_value(serde_json::json!([{
        "id": "rec-003", "action": "increase_resources", "description": "", "rationale": "", "parameters": {"memory": "3Gi"}, "depends_on": [],
        "change": {"type": "read", "what": "x", "targets": []}, "risk": {"level": "low", "reasons": []}, "policy": "", "gate": null,
        "timeout": {"secs": 60, "nanos": 0}}]))
    .unwrap();
    Plan {
        id: PlanId::derive(&["p"]),
        attempt: 1,
        summary: String::new(),
        steps,
        gates: Vec::new(),
        levels: Vec::new(),
        critical_path: Vec::new(),
        longest: Duration::ZERO,
        rollback: Rollback::Automatic,
        criteria: diagnosis.criteria.clone(),
        notes: vec![Digest::ZERO.short()],
        chosen: 0,
        policy: None,
        deadline: None,
        estimate: None,
        options: Vec::new(),
    }
}

fn verified(window: SignedDuration, value: impl Fn(&str) -> Option<f64>) -> Verification {
    let diagnosis = diagnose(&leaking("production", "payment-service"), &knobs()).unwrap();
    let plan = plan(&diagnosis);
    let now: Timestamp = at().checked_add(window).unwrap();
    let readings = plan.criteria.iter().enumerate().map(|(i, criterion)| {
        let value = value(&criterion.unit);
        Reading {
            criterion: criterion.clone(),
            value,
            evidence: Evidence {
                id: format!("ver-{i}").parse().unwrap(),
                source: Source::Prometheus,
                query: "q".into(),
                observed_at: now,
                excerpt: "timed out".into(),
                value,
                unit: criterion.unit.clone(),
            },
        }
    });
    let done = Done {
        changed_at: Some(at()),
        ended_at: at(),
    };
    conclude(&diagnosis, &plan, readings.collect(), done, &[], now)
}

/// Everything is well; 600 MiB are used.
fn well(unit: &str) -> Option<f64> {
    Some(match unit {
        "bytes" => 600.0 * MIB,
        "bytes/h" => 50.0 * MIB,
        _ => 0.0,
    })
}

#[test]
fn a_mitigation_passes_and_says_when_the_leak_will_be_back() {
    let verification = verified(SignedDuration::from_mins(10), well);
    assert_eq!(verification.verdict, Verdict::Passed);
    // (3072 - 600) MiB at about 50 MiB/h: 49.4 h
    let expected = verification.expected_recurrence.unwrap().duration_since(at()).as_secs_f64() / 3600.0;
    assert!((48.0..51.0).contains(&expected), "{expected}");
    let caveat = &verification.caveats[0];
    assert!(
        caveat.starts_with("the leak goes on at 50 MiB/h; next OOM kill expected at 2026-11-24T"),
        "{caveat}"
    );
    assert!(caveat.contains("measured before the change"), "{caveat}");
    assert!(
        closing(&verification).contains("does not cure the leak"),
        "{}",
        closing(&verification)
    );
}

#[test]
fn a_long_window_measures_the_slope_again() {
    let slower = verified(SignedDuration::from_hours(2), |unit| {
        if unit == "bytes/h" { Some(25.0 * MIB) } else { well(unit) }
    });
    assert!(
        slower.caveats[0].contains("at 25 MiB/h") && slower.caveats[0].contains("measured after the change"),
        "{:?}",
        slower.caveats
    );
    let cured = verified(SignedDuration::from_hours(2), |unit| {
        if unit == "bytes/h" { Some(0.1 * MIB) } else { well(unit) }
    });
    assert_eq!((cured.verdict, cured.expected_recurrence), (Verdict::Passed, None));
}

#[test]
fn one_new_oom_kill_fails_it_and_a_missing_number_leaves_doubt() {
    let failed = verified(
        SignedDuration::from_mins(10),
        |unit| if unit == "kills" { Some(1.0) } else { well(unit) },
    );
    assert_eq!(failed.verdict, Verdict::Failed);
    assert!(
        failed.summary.contains("OOM killed since the change (measured 1 kills)"),
        "{}",
        failed.summary
    );
    let doubtful = verified(
        SignedDuration::from_mins(10),
        |unit| if unit == "bytes" { None } else { well(unit) },
    );
    assert_eq!(doubtful.verdict, Verdict::Inconclusive);
    assert!(doubtful.caveats[0].contains("timed out"), "{:?}", doubtful.caveats);
}
