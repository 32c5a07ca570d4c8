//! Limits, releases, and what is none of them.

use jiff::SignedDuration;
use paramedic_domain::{diagnosis::Category, evidence::Source};
use serde_json::json;

use super::fixtures::{GIB, MIB, ago, alert, exit_1, facts, knobs, leaking, memory, oom, pod, revision, room, samples};
use crate::core::{
    contest::diagnose,
    facts::{Facts, Series},
    logs::Pattern,
};

/// A new revision whose pods exit 1 while the old ones serve; the alert blames memory.
fn released(claim: &str) -> Facts {
    let mut facts = facts("backend", "worker", "worker", 64.0 * MIB);
    facts.alerts = vec![alert("KubePodCrashLooping", claim)];
    revision(
        &mut facts,
        5,
        SignedDuration::from_mins(7),
        0,
        &["template.spec.containers[0].command: (none) -> [\"x\"]"],
    );
    revision(&mut facts, 4, SignedDuration::from_hours(300), 3, &[]);
    pod(&mut facts, "worker-old-1", "rs-4", 0, None, None);
    for i in 1..3 {
        pod(
            &mut facts,
            &format!("worker-new-{i}"),
            "rs-5",
            4,
            Some(exit_1()),
            Some("CrashLoopBackOff"),
        );
    }
    memory(&mut facts, "worker-old-1", samples(24, |_| 9.0 * MIB));
    let evidence = facts.cite(Source::Loki, "{}", "fatal: bad release", None);
    facts.logs.push(Pattern {
        shape: "fatal: bad release".into(),
        count: 8,
        pods: vec!["worker-new-1".into(), "worker-new-2".into()],
        latest: "fatal: bad release".into(),
        growing: None,
        alarming: true,
        evidence,
    });
    facts
}

#[test]
fn a_bad_release_is_rolled_back_behind_a_gate() {
    let diagnosis = diagnose(&released("pod is in waiting state"), &knobs()).unwrap();
    assert_eq!(diagnosis.category, Category::BadRelease);
    assert!((0.60..=0.90).contains(&diagnosis.confidence), "{}", diagnosis.confidence);
    let actions: Vec<_> = diagnosis.recommendations.iter().map(|r| r.action.as_str()).collect();
    assert_eq!(
        actions,
        ["collect_diagnostics", "rollback_deployment", "health_check", "notify_only"]
    );
    assert_eq!(diagnosis.recommendations[1].parameters["revision"], json!(4));
    assert_eq!(diagnosis.recommendations[1].requires_approval, Some(true));
}

#[test]
fn an_alert_that_blames_memory_is_a_finding_and_not_a_reason() {
    let honest = diagnose(&released("pod is in waiting state"), &knobs()).unwrap();
    let misled = diagnose(&released("OOM: the 64Mi memory limit is too low, raise it"), &knobs()).unwrap();
    assert_eq!((misled.category, misled.confidence), (Category::BadRelease, honest.confidence));
    let doubt = misled
        .factors
        .iter()
        .find(|factor| factor.text.contains("the text was not used"))
        .unwrap();
    assert_eq!(doubt.weight, 0.0);
    assert!(misled.recommendations.iter().all(|r| r.action != "increase_resources"));
}

#[test]
fn an_image_that_cannot_be_pulled_is_called_that() {
    let mut facts = released("rollout stuck");
    for container in facts.pods.iter_mut().skip(1).flat_map(|pod| &mut pod.containers) {
        container.restarts = 0;
        container.ended = None;
        container.waiting = Some(("ImagePullBackOff".into(), "manifest unknown".into()));
    }
    facts.logs.clear();
    let diagnosis = diagnose(&facts, &knobs()).unwrap();
    assert_eq!(diagnosis.category, Category::ImagePull);
    assert_eq!(diagnosis.recommendations[1].action, "rollback_deployment");
}

#[test]
fn exit_code_137_without_the_reason_is_no_oom_kill() {
    let mut facts = facts("shop", "web", "web", 256.0 * MIB);
    let mut killed = oom(3);
    killed.reason = "Error".into();
    pod(&mut facts, "web-1", "rs-1", 3, Some(killed), None);
    let reasons = diagnose(&facts, &knobs()).unwrap_err();
    assert!(
        reasons
            .iter()
            .any(|reason| reason.starts_with("oom_limit_too_low: no container's last run")),
        "{reasons:?}"
    );
}

#[test]
fn a_limit_below_the_need_is_raised_to_the_peak_plus_headroom() {
    let mut facts = facts("shop", "web", "web", 256.0 * MIB);
    for i in 0..3 {
        pod(&mut facts, &format!("web-{i}"), "rs-1", 5, Some(oom(4)), None);
        memory(
            &mut facts,
            &format!("web-{i}"),
            samples(24, |hour| (235.0 + 12.0 * (hour * 2.1).sin()) * MIB),
        );
    }
    revision(&mut facts, 4, SignedDuration::from_hours(40), 3, &[]);
    revision(&mut facts, 3, SignedDuration::from_hours(400), 0, &[]);
    room(&mut facts);
    let diagnosis = diagnose(&facts, &knobs()).unwrap();
    assert_eq!(diagnosis.category, Category::OomLimitTooLow);
    let actions: Vec<_> = diagnosis.recommendations.iter().map(|r| r.action.as_str()).collect();
    assert_eq!(actions, ["collect_diagnostics", "increase_resources", "notify_only"]);
    assert_eq!(diagnosis.recommendations[1].parameters["memory"], json!("512Mi"));
    assert_eq!(diagnosis.recommendations[1].parameters["memory_request"], json!("256Mi"));
    let usage = diagnosis.criteria.iter().find(|c| c.unit == "of the limit").unwrap();
    assert_eq!(usage.threshold, 0.60);
}

/// Three pods of two days, one of them killed again and again; what the others use.
fn one_of_three(others: f64) -> Facts {
    let mut facts = facts("edge", "gateway", "gateway", 512.0 * MIB);
    facts.workload.as_mut().unwrap().desired = 3;
    pod(&mut facts, "gateway-bad", "rs-2", 8, Some(oom(2)), Some("CrashLoopBackOff"));
    for name in ["gateway-a", "gateway-b"] {
        pod(&mut facts, name, "rs-2", 0, None, None);
        memory(&mut facts, name, samples(24, |_| others * MIB));
    }
    revision(&mut facts, 2, SignedDuration::from_hours(48), 2, &[]);
    revision(&mut facts, 1, SignedDuration::from_hours(700), 0, &[]);
    let evidence = facts.cite(Source::Prometheus, "errors", "errors", None);
    facts.errors = Some(Series {
        of: "gateway".into(),
        points: samples(24, |hour| if hour > 23.5 { 0.33 } else { 0.0005 }),
        evidence,
    });
    room(&mut facts);
    facts
}

#[test]
fn a_single_pod_that_is_killed_is_replaced_first_and_a_larger_limit_comes_second() {
    let diagnosis = diagnose(&one_of_three(300.0), &knobs()).unwrap();
    assert!(diagnosis.summary.starts_with("pod gateway-bad of "), "{}", diagnosis.summary);
    let ways: Vec<_> = diagnosis.options.iter().map(|way| way.title.as_str()).collect();
    assert_eq!(ways, ["replace pod gateway-bad alone", "raise the memory limit"]);
    let delete = &diagnosis.recommendations[1];
    assert_eq!((delete.action.as_str(), delete.requires_approval), ("restart_pod", Some(true)));
    assert_eq!(delete.parameters["pod"], json!("gateway-bad"));
    let failing = diagnosis.criteria.iter().find(|c| c.unit == "share").unwrap();
    assert_eq!((failing.before, failing.threshold), (Some(0.33), 0.01));
    // Where the others are near their limit as well, one pod is not the matter.
    let shared = diagnose(&one_of_three(480.0), &knobs()).unwrap();
    assert_eq!(shared.recommendations[1].action, "increase_resources");
}

#[test]
fn success_after_a_slow_release_is_a_p99_near_what_it_was_before_it() {
    let mut facts = one_of_three(490.0);
    facts.revisions[0].created = ago(SignedDuration::from_mins(25));
    let evidence = facts.cite(Source::Prometheus, "p99", "p99", None);
    let points = samples(24, |hour| if hour > 23.6 { 2.4 } else { 0.12 });
    facts.latency = Some(Series {
        of: "gateway".into(),
        points,
        evidence,
    });
    let diagnosis = diagnose(&facts, &knobs()).unwrap();
    let p99 = diagnosis.criteria.iter().find(|c| c.unit == "s").unwrap();
    assert_eq!((p99.before, p99.threshold), (Some(2.4), 0.12 * 1.5));
    let ways: Vec<_> = diagnosis.options.iter().map(|way| way.title.as_str()).collect();
    assert_eq!(ways, ["raise the memory limit", "roll back to revision 1"]);
    // What was as slow before is not the rollout's.
    facts.latency.as_mut().unwrap().points = samples(24, |_| 2.4);
    let diagnosis = diagnose(&facts, &knobs()).unwrap();
    assert!(diagnosis.criteria.iter().all(|c| c.unit != "s"));
}

#[test]
fn nothing_wrong_is_inconclusive_with_what_was_looked_at() {
    let mut facts = facts("shop", "web", "web", GIB);
    pod(&mut facts, "web-1", "rs-1", 0, None, None);
    memory(&mut facts, "web-1", samples(24, |_| 300.0 * MIB));
    revision(&mut facts, 2, SignedDuration::from_hours(1), 1, &[]);
    revision(&mut facts, 1, SignedDuration::from_hours(100), 0, &[]);
    let reasons = diagnose(&facts, &knobs()).unwrap_err();
    for engine in ["memory_leak: ", "oom_limit_too_low: ", "bad_release: "] {
        assert!(reasons.iter().any(|reason| reason.starts_with(engine)), "{reasons:?}");
    }
    let mut lost = leaking("a", "b");
    lost.workload = None;
    assert!(diagnose(&lost, &knobs()).unwrap_err()[0].contains("no workload"));
    assert_eq!(ago(SignedDuration::ZERO), lost.at);
}
