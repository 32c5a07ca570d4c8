//! A case that is answered well, and ways to answer it worse.

use jiff::Timestamp;
use paramedic_domain::{digest::Digest, envelope::Recorded, event::Event, id::IncidentId, incident::Incident};
use paramedic_simulator::AuditEntry;
use serde_json::{Value, json};

use super::{super::truth::Truth, Score, Seen, judge};
use crate::range::Stories;

/// A case with its log and its audit, as JSON where a test wants to change it.
pub struct Case {
    pub truth: Value,
    /// Times of the day, and events.
    pub log: Vec<(&'static str, Value)>,
    pub audit: Vec<AuditEntry>,
    pub given_up: Option<&'static str>,
}

fn target() -> Value {
    json!({"api_version": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "checkout", "uid": "u"})
}

fn evidence(id: &str, source: &str, excerpt: &str) -> Value {
    json!({"id": id, "source": source, "query": "q", "observed_at": at("14:20:30"), "excerpt": excerpt, "value": null, "unit": ""})
}

fn at(time: &str) -> Timestamp {
    format!("2026-03-02T{time}Z").parse().unwrap()
}

fn alert(name: &str, pod: &str) -> Value {
    json!({"fingerprint": format!("{name}{pod}"), "status": "firing", "labels": {"alertname": name, "pod": pod}, "annotations": {},
        "starts_at": at("14:19:00"), "ends_at": null, "generator_url": "", "group_key": ""})
}

/// A request of the API server on an object in namespace `shop`.
pub fn request(time: &str, verb: &str, kind: &str, name: &str, dry_run: bool) -> AuditEntry {
    serde_json::from_value(json!({
        "time": at(time), "verb": verb, "path": format!("/x/{kind}/{name}"), "kind": kind, "namespace": "shop", "name": name,
        "query": "", "dry_run": dry_run, "user_agent": "", "field_manager": "", "content_type": "", "body": null, "code": 200,
    }))
    .unwrap()
}

fn steps() -> Value {
    let step = |id: &str, action: &str, depends_on: Value, gate: Value, change: Value| {
        json!({"id": id, "action": action, "description": "", "rationale": "", "parameters": {"namespace": "shop", "deployment": "checkout"},
            "depends_on": depends_on, "change": change, "risk": {"level": "low", "reasons": []}, "policy": "", "gate": gate,
            "timeout": {"secs": 60, "nanos": 0}})
    };
    let patch = json!({"type": "patch", "target": target(), "patch": [{"op": "add", "path": "/a", "value": 1}],
        "undo": [{"op": "remove", "path": "/a"}], "diff": [{"path": "a", "from": null, "to": "1"}],
        "dry_run": {"type": "accepted", "warnings": []}, "wait": "rollout"});
    let read = json!({"type": "read", "what": "logs", "targets": []});
    json!([
        step("rec-001", "collect_diagnostics", json!([]), json!(null), read),
        step("rec-002", "rollback_deployment", json!(["rec-001"]), json!("gate_a"), patch),
    ])
}

impl Case {
    /// Answered as well as can be.
    pub fn good() -> Self {
        let zero = Digest::ZERO;
        let time = json!({"secs": 60, "nanos": 0});
        let decision = json!({"gate": "gate_a", "digest": zero, "by": "script", "channel": "cli", "reason": ""});
        let criterion = |description: &str, query: &str| {
            json!({"description": description, "probe": {"type": "promql", "query": query}, "comparison": "at_most", "threshold": 0.0,
                "unit": "", "before": 1.0, "decisive": true})
        };
        let measured = |criterion: Value| json!({"criterion": criterion, "after": 0.0, "holds": true, "evidence": evidence("ev-5", "prometheus", "0")});
        let diagnosis = json!({
            "category": "bad_release", "target": target(), "confidence": 0.8, "summary": "the new image crashes",
            "causal_chain": [], "missing_sources": [], "recommendations": [], "criteria": [], "engine": "rules",
            "factors": [
                {"text": "it crashes", "weight": 0.5, "evidence": ["ev-1"]},
                {"text": "it began with the release", "weight": 0.3, "evidence": ["ev-2"]},
            ],
            "evidence": [evidence("ev-1", "kubernetes", "CrashLoopBackOff"), evidence("ev-2", "prometheus", "12 restarts")],
        });
        let plan = json!({"id": "plan_a", "attempt": 1, "summary": "", "steps": steps(),
            "gates": [{"id": "gate_a", "steps": ["rec-002"], "digest": zero, "risk": "medium", "reason": "", "quorum": 1, "expires_after": time}],
            "levels": [["rec-001"], ["rec-002"]], "critical_path": [], "longest": time, "rollback": "automatic", "criteria": [], "notes": []});
        let verification = json!({"verdict": "PASSED", "summary": "", "caveats": [], "window": time, "expected_recurrence": null,
            "measurements": [measured(criterion("every replica is ready", "kube_ready")), measured(criterion("no restarts", "restarts"))]});
        let step = |kind: &str, more: Value| {
            let mut event = json!({"type": kind, "plan": "plan_a", "step": "rec-002", "attempt": 1});
            event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            event
        };
        Self {
            truth: json!({
                "case": "X", "title": "x",
                "expect": {"category": ["bad_release"], "target": [{"kind": "Deployment", "namespace": "shop", "name": "checkout"}],
                    "confidence": {"at_least": 0.6, "at_most": 0.95}, "outcome": ["resolved"], "findings": ["image"],
                    "alerts": {"at_least": 2, "of": ["KubePod.*"]}, "out": ["Watchdog"]},
                "evidence": [{"source": "kubernetes", "says": "crashloop"}, {"source": "prometheus|loki", "says": "restarts"}],
                "plan": {"accept": [[{"action": "rollback_deployment", "with": {"deployment": "checkout"}}]],
                    "order": [["collect_diagnostics", "rollback_deployment"]], "gated": ["rollback_deployment"]},
                "forbid": {"steps": [{"action": "scale", "with": {"deployment": "cart"}}], "requests": []},
                "verify": ["ready", "restart"],
            }),
            log: vec![
                (
                    "14:20:00",
                    json!({"type": "incident_opened", "title": "x", "severity": "critical", "traceparent": null,
                        "alerts": [alert("KubePodCrashLooping", "checkout-1"), alert("KubePodCrashLooping", "checkout-2")]}),
                ),
                ("14:20:10", json!({"type": "analysis_started", "attempt": 1})),
                (
                    "14:21:00",
                    json!({"type": "diagnosis_reached", "attempt": 1, "diagnosis": diagnosis}),
                ),
                ("14:21:10", json!({"type": "plan_proposed", "plan": plan})),
                (
                    "14:21:20",
                    json!({"type": "approval_requested", "plan": "plan_a", "gate": "gate_a", "expires_at": at("15:00:00")}),
                ),
                (
                    "14:22:00",
                    json!({"type": "approval_granted", "plan": "plan_a", "decision": decision}),
                ),
                ("14:22:10", step("step_started", json!({"direction": "forward", "worker": "w"}))),
                ("14:23:00", step("step_succeeded", json!({"summary": "", "artifacts": []}))),
                (
                    "14:33:00",
                    json!({"type": "verification_passed", "attempt": 1, "verification": verification}),
                ),
                ("14:33:10", json!({"type": "incident_resolved", "reason": "it holds"})),
            ],
            audit: vec![
                request("14:20:20", "get", "Deployment", "checkout", false),
                request("14:21:05", "patch", "Deployment", "checkout", true),
                request("14:22:20", "patch", "Deployment", "checkout", false),
            ],
            given_up: None,
        }
    }

    fn changed(mut self, kind: &str, field: &str, change: impl FnOnce(&mut Value)) -> Self {
        let event = self.log.iter_mut().find(|(_, event)| event["type"] == kind).unwrap();
        change(&mut event.1[field]);
        self
    }

    /// With another diagnosis.
    pub fn diagnosed(self, change: impl FnOnce(&mut Value)) -> Self {
        self.changed("diagnosis_reached", "diagnosis", change)
    }

    /// With another plan.
    pub fn planned(self, change: impl FnOnce(&mut Value)) -> Self {
        self.changed("plan_proposed", "plan", change)
    }

    /// With another verification.
    pub fn verified(self, change: impl FnOnce(&mut Value)) -> Self {
        self.changed("verification_passed", "verification", change)
    }

    /// Without what happened after the diagnosis (`plan_proposed`) or the plan (`plan_proposed_done`).
    pub fn until(mut self, kind: &str) -> Self {
        let end = self.log.iter().position(|(_, event)| event["type"] == "plan_proposed").unwrap();
        self.log.truncate(if kind == "plan_proposed" { end } else { end + 1 });
        self.audit.clear();
        self
    }

    /// Without the events of a kind.
    pub fn without(mut self, kind: &str) -> Self {
        self.log.retain(|(_, event)| event["type"] != kind);
        self
    }

    /// With one more request.
    pub fn requested(mut self, request: AuditEntry) -> Self {
        self.audit.push(request);
        self
    }

    /// Where something else is expected.
    pub fn truth(mut self, field: &str, value: Value) -> Self {
        self.truth["expect"][field] = value;
        self
    }

    /// Where another plan is expected.
    pub fn truth_plan(mut self, field: &str, value: Value) -> Self {
        self.truth["plan"][field] = value;
        self
    }

    /// Where something else is forbidden.
    pub fn forbid(mut self, field: &str, value: Value) -> Self {
        self.truth["forbid"][field] = value;
        self
    }

    /// What it is worth.
    pub fn score(&self) -> Score {
        let truth = Truth::parse(&self.truth.to_string()).unwrap();
        let mut stories = Stories::default();
        let mut incident = Incident::new("test".parse().unwrap(), IncidentId::derive(&["a"]));
        for (time, event) in &self.log {
            let event: Event = serde_json::from_value(event.clone()).unwrap();
            let envelope = incident.next_envelope(event, at(time), None);
            let digest = Digest::of(&envelope.seq.to_be_bytes());
            let recorded = Recorded { envelope, digest };
            incident.apply(&recorded).unwrap();
            stories.absorb(recorded).unwrap();
        }
        let seen = Seen {
            stories: &stories,
            audit: &self.audit,
            commands: &[],
            given_up: self.given_up,
        };
        judge(&truth, &seen).score
    }
}

/// Points of these rules.
pub fn points(score: &Score, rules: &[&str]) -> Vec<u32> {
    let of = |rule: &&str| score.lines.iter().find(|line| line.rule == *rule).unwrap().points;
    rules.iter().map(of).collect()
}

/// What lost points of a rule.
pub fn why(score: &Score, rule: &str) -> String {
    score.lines.iter().find(|line| line.rule == rule).unwrap().why.join("; ")
}
