//! What is printed and what is sent.

use paramedic_domain::plan::{Plan, Refusal};
use serde_json::{Value, json};

use super::{edits, page};

/// Two steps, one of them gated; the option has both.
fn plan() -> Plan {
    let target =
        json!({"api_version": "apps/v1", "kind": "Deployment", "namespace": "production", "name": "payment-service", "uid": "u-1"});
    let digest = format!("sha256:{}", "ab".repeat(32));
    let seconds = |secs: u64| json!({"secs": secs, "nanos": 0});
    let step = |id: &str, action: &str, change: Value, gate: Value, after: Value| {
        json!({
            "id": id, "action": action, "description": "a description that a person reads before they say yes or no to it, of some length",
            "rationale": "", "parameters": {}, "depends_on": after, "change": change,
            "risk": {"level": "medium", "reasons": ["changes the pod template", "in production"]}, "policy": "it changes production",
            "gate": gate, "timeout": seconds(300), "estimate": {"typical": seconds(150), "samples": 12},
        })
    };
    let patch = json!({
        "type": "patch", "target": target, "patch": [], "undo": [],
        "diff": [{"path": "spec.template.spec.containers[app].resources.limits.memory", "from": "2Gi", "to": "3Gi"}],
        "dry_run": {"type": "accepted", "warnings": []}, "wait": "rollout",
    });
    let read = json!({"type": "read", "what": "pods, events and logs", "targets": []});
    let option = json!({
        "approach": "fix", "title": "more memory", "tradeoff": "costs memory",
        "recommendations": [{"id": "keep", "action": "collect_diagnostics"},
            {"id": "raise", "action": "increase_resources", "parameters": {"memory": "3Gi", "patch": {"a": 1}}}],
    });
    let other = json!({
        "approach": "mitigation", "title": "restart", "tradeoff": "the leak goes on", "recommendations": [],
        "refusals": [{"step": "r", "reason": "did not last"}],
    });
    serde_json::from_value(json!({
        "id": "plan_abc", "attempt": 1, "summary": "2 steps in 2 levels, 1 change of the cluster, 1 approval",
        "steps": [step("keep", "collect_diagnostics", read, Value::Null, json!([])),
            step("raise", "increase_resources", patch, json!("gate_abc"), json!(["keep"]))],
        "gates": [{"id": "gate_abc", "steps": ["raise"], "digest": digest, "risk": "medium", "reason": "raise: it changes production",
            "quorum": 1, "expires_after": seconds(1800)}],
        "levels": [["keep"], ["raise"]], "critical_path": ["keep", "raise"], "longest": seconds(600), "rollback": "automatic",
        "criteria": [], "notes": ["a note"], "deadline": seconds(4200), "estimate": {"typical": seconds(300), "samples": 12},
        "options": [option, other],
    }))
    .unwrap()
}

#[test]
fn a_page_says_everything_that_a_person_decides_on() {
    let page = page::page(&plan());
    for expected in [
        "longest chain keep -> raise",
        "usual time    5 min (median of 12 runs)",
        "stopped after 1 h 10 min",
        "what was done is undone",
        "gate_abc  medium risk",
        "needs         1 approval within 30 min",
        "raise  increase_resources  after keep",
        "risk          medium: changes the pod template; in production",
        "changes       spec.template.spec.containers[app].resources.limits.memory: 2Gi -> 3Gi",
        "dry run       accepted",
        "stays         for good",
        "2 min 30 s (median of 12 runs); at most 5 min an attempt",
        "1 fix: more memory (costs memory)",
        "cannot be planned: r: did not last",
        "  - a note",
        "╔",
    ] {
        assert!(page.contains(expected), "{expected}:\n{page}");
    }
}

#[test]
fn a_page_fits_a_terminal() {
    for line in page::page(&plan()).lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[test]
fn a_refusal_names_every_reason_and_its_step() {
    let refusal = |step: Option<&str>, reason: &str| Refusal {
        step: step.map(Into::into),
        reason: reason.into(),
    };
    let long = "word ".repeat(40);
    let text = page::refused(&[refusal(Some("a"), "unknown action"), refusal(None, &long)]);
    assert!(text.starts_with("refused: 2 reasons\n  - a: unknown action\n  - word"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 96), "{text}");
}

#[test]
fn settings_are_put_over_the_recommended_parameters() {
    let settings = ["raise.memory=4Gi", "raise.patch.b=2", "raise.replicas=5"].map(String::from);
    let edits = edits(&plan(), 0, &settings).unwrap();
    assert_eq!(edits.len(), 1);
    let wanted = json!({"memory": "4Gi", "patch": {"a": 1, "b": 2}, "replicas": 5});
    assert_eq!(Value::Object(edits[0].parameters.clone()), wanted);
}

#[test]
fn settings_that_mean_nothing_are_refused_with_what_would() {
    for (option, setting, expected) in [
        (0, "raise", "is not STEP.param=value"),
        (0, "other.memory=1", "the option has no step other; it has keep, raise"),
        (0, "raise.memory.limit=1", "memory is \"3Gi\""),
        (7, "raise.memory=1", "the plan has 2 options"),
    ] {
        let error = format!("{:#}", edits(&plan(), option, &[setting.to_owned()]).unwrap_err());
        assert!(error.contains(expected), "{setting}: {error}");
    }
}
