//! The leak.

use paramedic_domain::{
    diagnosis::{Category, Diagnosis},
    verification::Comparison,
};
use serde_json::json;

use super::fixtures::{GIB, MIB, knobs, leaking, samples};
use crate::core::{contest::diagnose, facts::Facts};

fn found(facts: &Facts) -> Diagnosis {
    diagnose(facts, &knobs()).unwrap()
}

#[test]
fn a_leak_is_found_with_a_confidence_that_asks_a_person() {
    let diagnosis = found(&leaking("production", "payment-service"));
    assert_eq!(diagnosis.category, Category::MemoryLeak);
    assert_eq!(diagnosis.target.to_string(), "Deployment production/payment-service");
    assert_eq!(diagnosis.target.uid.as_deref(), Some("u-1"));
    assert!((0.60..=0.90).contains(&diagnosis.confidence), "{}", diagnosis.confidence);
    for factor in &diagnosis.factors {
        assert!(!factor.evidence.is_empty(), "{factor:?}");
        assert!(
            factor.evidence.iter().all(|id| diagnosis.evidence.iter().any(|e| e.id == *id)),
            "{factor:?}"
        );
    }
}

#[test]
fn the_seven_actions_have_parameters_computed_from_the_evidence() {
    let diagnosis = found(&leaking("production", "payment-service"));
    let all: Vec<_> = diagnosis
        .recommendations
        .iter()
        .map(|r| (r.id.as_str(), r.action.as_str()))
        .collect();
    let wanted = [
        ("rec-001", "collect_diagnostics"),
        ("rec-002", "backup_data"),
        ("rec-003", "increase_resources"),
        ("rec-004", "restart_pod"),
        ("rec-005", "enable_debug_mode"),
        ("rec-006", "update_hpa"),
        ("rec-007", "notify_only"),
    ];
    assert_eq!(all, wanted);
    let dependencies: Vec<Vec<&str>> = diagnosis
        .recommendations
        .iter()
        .map(|r| r.dependencies.iter().map(|id| id.as_str()).collect())
        .collect();
    let expected: [&[&str]; 7] = [
        &[],
        &[],
        &["rec-001", "rec-002"],
        &["rec-003"],
        &["rec-004"],
        &["rec-004"],
        &["rec-005", "rec-006"],
    ];
    assert_eq!(dependencies, expected);
    let parameter = |i: usize, name: &str| diagnosis.recommendations[i].parameters.get(name).cloned().unwrap();
    assert_eq!(parameter(1, "paths"), json!(["/var/log/payments"]));
    assert_eq!(parameter(2, "memory"), json!("3Gi"));
    assert_eq!(parameter(3, "strategy"), json!("rolling"));
    assert_eq!(parameter(4, "debug_flags"), json!(["--memory-profile=true"]));
    assert_eq!(parameter(5, "maxReplicas"), json!(8));
    assert_eq!(diagnosis.recommendations[3].requires_approval, Some(true));
    assert!(
        diagnosis
            .recommendations
            .iter()
            .enumerate()
            .all(|(i, r)| i == 3 || r.requires_approval.is_none())
    );
}

#[test]
fn names_do_not_matter() {
    let (one, other) = (found(&leaking("production", "payment-service")), found(&leaking("shop", "basket")));
    assert_eq!((one.category, one.confidence), (other.category, other.confidence));
    assert_eq!(other.recommendations[2].parameters["deployment"], json!("basket"));
}

#[test]
fn success_is_measured_against_the_new_limit_and_growth_decides_nothing() {
    let diagnosis = found(&leaking("production", "payment-service"));
    let working_set = diagnosis.criteria.iter().find(|c| c.unit == "bytes").unwrap();
    assert_eq!(
        (working_set.comparison, working_set.threshold),
        (Comparison::AtMost, 3.0 * GIB * 0.9)
    );
    let growth = diagnosis.criteria.iter().find(|c| c.unit == "bytes/h").unwrap();
    assert!(!growth.decisive);
    assert!((growth.before.unwrap() / MIB - 50.0).abs() < 1.0, "{growth:?}");
    assert_eq!(diagnosis.criteria.iter().filter(|c| c.decisive).count(), 4);
}

#[test]
fn a_missing_source_lowers_confidence_and_is_named() {
    let whole = leaking("production", "payment-service");
    let complete = found(&whole).confidence;
    let mut without_logs = whole.clone();
    without_logs.logs.clear();
    without_logs.missing.push("loki: connection refused".into());
    let fewer = found(&without_logs);
    assert!(fewer.confidence < complete);
    assert_eq!(fewer.missing_sources, ["loki: connection refused"]);

    let mut without_metrics = whole;
    without_metrics.memory.clear();
    without_metrics.requests = None;
    without_metrics.missing.push("prometheus: connection refused".into());
    let other = found(&without_metrics);
    assert_eq!(other.category, Category::OomLimitTooLow, "growth cannot be seen, the kill can");
    assert!(other.confidence < 0.60, "too unsure to change anything: {}", other.confidence);
}

#[test]
fn growth_that_follows_the_load_is_not_a_leak() {
    let mut facts = leaking("production", "payment-service");
    let load = |hour: f64| 100.0 * (1.0 + (hour * std::f64::consts::TAU / 24.0).sin()).max(0.05);
    facts.requests.as_mut().unwrap().points = samples(30, load);
    for series in &mut facts.memory {
        let mut total = 0.0;
        series.points = samples(30, |_| 0.0).into_iter().map(|(t, _)| (t, 0.0)).collect();
        for (i, point) in series.points.iter_mut().enumerate() {
            total += load(i as f64 / 6.0) * 0.1 * MIB;
            point.1 = 540.0 * MIB + total;
        }
    }
    facts
        .pods
        .iter_mut()
        .flat_map(|pod| &mut pod.containers)
        .for_each(|container| container.ended = None);
    let reasons = diagnose(&facts, &knobs()).unwrap_err();
    assert!(reasons.iter().any(|reason| reason.starts_with("memory_leak:")), "{reasons:?}");
}

#[test]
fn no_raise_beyond_node_or_quota_but_the_restart_stays() {
    let mut small_nodes = leaking("production", "payment-service");
    small_nodes.nodes.as_mut().unwrap().allocatable = vec![2.5 * GIB; 8];
    let mut tight_quota = leaking("production", "payment-service");
    tight_quota.quotas[0].limits = Some((18.0 * GIB, 16.0 * GIB));
    for facts in [small_nodes, tight_quota] {
        let actions: Vec<_> = found(&facts).recommendations.into_iter().map(|r| r.action).collect();
        assert!(!actions.contains(&"increase_resources".to_owned()), "{actions:?}");
        assert!(actions.contains(&"restart_pod".to_owned()), "{actions:?}");
    }
}
