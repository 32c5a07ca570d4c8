//! Values with every field set at least once.

use std::time::Duration;

use paramedic_domain::{
    alert::{Alert, AlertStatus, Notification},
    change::{Change, Confirm, Deletion, DryRun, Exec, FieldChange, Notice, ObjectPatch, Wait},
    diagnosis::{Category, Diagnosis, Factor},
    digest::Digest,
    evidence::{Evidence, Source},
    object::ObjectRef,
    plan::{Gate, Plan, Recommendation, Rollback, Step},
    risk::{Risk, RiskLevel},
    topology::TopologyTaken,
    verification::{Comparison, Criterion, Measurement, Probe, Verdict, Verification, WorkloadMetric},
};
use serde_json::json;

/// A value from its JSON form: ids, times, patches.
fn is<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap()
}

pub(super) fn time<T: serde::de::DeserializeOwned>(text: &str) -> T {
    is(json!(text))
}

pub(super) fn alert() -> Alert {
    Alert {
        fingerprint: "a1b2c3d4e5f60718".into(),
        status: AlertStatus::Firing,
        labels: [("alertname", "PodOOMKilled"), ("namespace", "shop"), ("pod", "checkout-7d9f-x2x")]
            .map(|(name, value)| (name.into(), value.into()))
            .into(),
        annotations: [("summary".into(), "checkout was OOM killed".into())].into(),
        starts_at: time("2026-03-02T10:00:00.123456789Z"),
        ends_at: None,
        generator_url: "http://prometheus:9090/graph?g0.expr=up".into(),
        group_key: "{}:{alertname=\"PodOOMKilled\"}".into(),
    }
}

pub(super) fn resolved() -> Alert {
    Alert {
        status: AlertStatus::Resolved,
        ends_at: Some(time("2026-03-02T10:30:00Z")),
        ..alert()
    }
}

pub(crate) fn notification() -> Notification {
    Notification {
        source: "alertmanager".into(),
        group_key: alert().group_key,
        received_at: time("2026-03-02T10:00:01.25Z"),
        whole_group: true,
        from: "a0".into(),
        until: "b0".into(),
        alerts: vec![alert(), resolved()],
    }
}

pub(crate) fn topology() -> TopologyTaken {
    TopologyTaken {
        taken_at: time("2026-03-02T10:00:02.5Z"),
        digest: Digest::of(b"topology"),
        artifact: "topology-5f0c9d3e1111".into(),
        entities: 120,
        edges: 345,
    }
}

pub(super) fn evidence(id: &str, source: Source, value: Option<f64>) -> Evidence {
    Evidence {
        id: id.parse().unwrap(),
        source,
        query: "GET /api/v1/namespaces/shop/pods/checkout-7d9f-x2x".into(),
        observed_at: time("2026-03-02T10:01:00Z"),
        excerpt: "lastState.terminated.reason: OOMKilled".into(),
        value,
        unit: "restarts".into(),
    }
}

fn workload() -> ObjectRef {
    ObjectRef {
        uid: Some("5f0c9d3e-1111-2222-3333-444455556666".into()),
        ..ObjectRef::new("apps/v1", "Deployment", Some("shop"), "checkout")
    }
}

fn criterion() -> Criterion {
    Criterion {
        description: "no OOM kills since the change".into(),
        probe: Probe::Workload {
            target: workload(),
            metric: WorkloadMetric::OomKillsSinceChange,
        },
        comparison: Comparison::AtMost,
        threshold: 0.0,
        unit: "kills".into(),
        before: Some(3.0),
        decisive: true,
    }
}

pub(super) fn diagnosis() -> Diagnosis {
    Diagnosis {
        category: Category::OomLimitTooLow,
        target: workload(),
        confidence: 0.92,
        summary: "the memory limit of 256Mi is below what checkout needs".into(),
        causal_chain: vec!["limit too low".into(), "OOM kills".into(), "restarts".into()],
        factors: vec![Factor {
            text: "three OOM kills in an hour".into(),
            weight: 0.4,
            evidence: vec!["ev-1".parse().unwrap()],
        }],
        evidence: vec![
            evidence("ev-1", Source::Kubernetes, Some(3.0)),
            evidence("ev-2", Source::Loki, None),
        ],
        missing_sources: vec!["jaeger: not configured".into()],
        recommendations: vec![Recommendation {
            id: "rec-001".parse().unwrap(),
            action: "update_resource_limits".into(),
            description: "raise the memory limit".into(),
            confidence: 0.9,
            parameters: is(json!({"memory": "512Mi", "deployment": "checkout", "replicas": 3})),
            dependencies: vec!["rec-000".parse().unwrap()],
            rationale: "the working set peaks at 300Mi".into(),
            risk: Some(RiskLevel::Medium),
            requires_approval: Some(true),
        }],
        criteria: vec![
            criterion(),
            Criterion {
                probe: Probe::Promql { query: "sum(up)".into() },
                comparison: Comparison::AtLeast,
                before: None,
                decisive: false,
                ..criterion()
            },
        ],
        engine: "rules".into(),
        alternatives: Vec::new(),
        wrong_if: String::new(),
        timeline: Vec::new(),
        timeline_left_out: 0,
        options: Vec::new(),
    }
}

fn step(id: &str, change: Change) -> Step {
    Step {
        id: id.parse().unwrap(),
        action: "update_resource_limits".into(),
        description: "raise the memory limit".into(),
        rationale: "the working set peaks at 300Mi".into(),
        parameters: is(json!({"memory": "512Mi"})),
        depends_on: vec!["rec-000".parse().unwrap()],
        change,
        risk: Risk {
            level: RiskLevel::Medium,
            reasons: vec!["3 pods are replaced".into()],
        },
        context: Some(paramedic_domain::risk::Context::default()),
        policy: "it changes production".into(),
        gate: Some("gate_1".parse().unwrap()),
        timeout: Duration::from_millis(600_500),
        estimate: None,
        lasts: None,
    }
}

pub(super) fn plan() -> Plan {
    let accepted = DryRun::Accepted {
        warnings: vec!["deprecated field".into()],
    };
    let changes = [
        Change::Read {
            what: "logs".into(),
            targets: vec![workload(), ObjectRef::new("v1", "Node", None, "node-1")],
        },
        Change::Exec(Exec {
            target: workload(),
            container: "app".into(),
            argv: vec!["jcmd".into(), "1".into(), "GC.heap_info".into()],
        }),
        Change::Patch(ObjectPatch {
            target: workload(),
            patch: is(json!([
                {"op": "test", "path": "/metadata/uid", "value": "5f0c9d3e-1111-2222-3333-444455556666"},
                {"op": "replace", "path": "/spec/template/spec/containers/0/resources/limits/memory", "value": "512Mi"}
            ])),
            undo: is(json!([{"op": "remove", "path": "/metadata/annotations/paramedic.dev~1step"}])),
            diff: vec![FieldChange {
                path: "spec.template.spec.containers[app].resources.limits.memory".into(),
                from: Some("256Mi".into()),
                to: None,
            }],
            dry_run: accepted.clone(),
            wait: Wait::Rollout,
            irreversible: None,
            owner: None,
            subresource: None,
        }),
        Change::Delete(Deletion {
            target: ObjectRef::new("v1", "Pod", Some("shop"), "checkout-7d9f-x2x"),
            owner: Some(workload()),
            dry_run: DryRun::Rejected {
                message: "forbidden".into(),
            },
            restore: None,
            ended: None,
        }),
        Change::Notify(Notice {
            title: "ask the developers".into(),
            body: "a leak is likely".into(),
            attachments: vec!["rec-000".parse().unwrap()],
        }),
        Change::Carried {
            by: "rec-002".parse().unwrap(),
            expect: Confirm::RolledOut,
            part: None,
        },
    ];
    let steps: Vec<_> = changes
        .into_iter()
        .enumerate()
        .map(|(index, change)| step(&format!("rec-{index:03}"), change))
        .collect();
    Plan {
        id: "plan_1".parse().unwrap(),
        attempt: 1,
        summary: "raise the memory limit of checkout".into(),
        levels: vec![vec![steps[0].id.clone()], steps[1..].iter().map(|step| step.id.clone()).collect()],
        critical_path: vec![steps[0].id.clone(), steps[2].id.clone()],
        steps,
        gates: vec![Gate {
            id: "gate_1".parse().unwrap(),
            steps: vec!["rec-002".parse().unwrap()],
            digest: Digest::of(b"changes"),
            risk: RiskLevel::Medium,
            reason: "it changes production".into(),
            terms: paramedic_domain::terms::Terms {
                quorum: 1,
                expires_after: Duration::from_secs(1800),
                ..Default::default()
            },
        }],
        longest: Duration::from_secs(1201),
        rollback: Rollback::Automatic,
        criteria: vec![criterion()],
        notes: vec!["one rollout for three steps".into()],
        chosen: 0,
        policy: None,
        deadline: None,
        estimate: None,
        options: Vec::new(),
    }
}

pub(super) fn verification(verdict: Verdict, after: Option<f64>) -> Box<Verification> {
    Box::new(Verification {
        verdict,
        summary: "no OOM kills for 10 minutes".into(),
        measurements: vec![Measurement {
            criterion: criterion(),
            after,
            holds: after.map(|value| value <= 0.0),
            evidence: evidence("ev-9", Source::Prometheus, after),
        }],
        caveats: vec!["the leak goes on".into()],
        window: Duration::from_secs(600),
        expected_recurrence: Some(time("2026-03-03T04:00:00Z")),
    })
}
