//! An incident like the reference one: a leaking payment service, seven recommended steps, one gate.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use paramedic_domain::{
    alert::{Alert, AlertStatus, Severity},
    approval::{Channel, Decision},
    change::{Change, Confirm, DryRun, Exec, FieldChange, Notice, ObjectPatch, Wait},
    diagnosis::{Category, Diagnosis, Factor},
    digest::Digest,
    envelope::Recorded,
    event::{Artifact, Direction, Event, FailureCause, Receipt, WorkflowOutcome},
    evidence::{Evidence, Source},
    fault::{Effect, FailureKind},
    id::{ClusterId, GateId, IncidentId, PlanId, StepId},
    incident::Incident,
    object::ObjectRef,
    plan::{Gate, Plan, Refusal, Rollback, Step, gate_digest},
    risk::{Risk, RiskLevel},
    verification::{Comparison, Criterion, Measurement, Probe, Verdict, Verification},
};

const GIB: f64 = 1_073_741_824.0;

/// `seconds` after the alert.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_269_600 + seconds).unwrap()
}

/// An incident's log under construction.
pub(crate) struct Log {
    pub(crate) incident: Incident,
    pub(crate) recorded: Vec<Recorded>,
}

impl Log {
    pub(crate) fn new() -> Self {
        let cluster: ClusterId = "prod-eu".parse().unwrap();
        Self {
            incident: Incident::new(cluster, IncidentId::derive(&["payment"])),
            recorded: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, event: Event, seconds: i64) {
        let envelope = self.incident.next_envelope(event, at(seconds), None);
        let digest = Digest::of_json(&envelope);
        let recorded = Recorded { envelope, digest };
        self.incident.apply(&recorded).unwrap();
        self.recorded.push(recorded);
    }

    fn step(&mut self, id: &str, from: i64, to: i64, summary: &str, artifacts: Vec<Artifact>) {
        let plan = self.incident.plan.as_ref().unwrap().id.clone();
        self.begin(id, Direction::Forward, from);
        let succeeded = Event::StepSucceeded {
            plan,
            step: step_id(id),
            attempt: 1,
            summary: summary.into(),
            artifacts,
        };
        self.push(succeeded, to);
    }

    fn begin(&mut self, id: &str, direction: Direction, at: i64) {
        let plan = self.incident.plan.as_ref().unwrap().id.clone();
        let scheduled = Event::StepScheduled {
            plan: plan.clone(),
            step: step_id(id),
            direction,
            attempt: 1,
        };
        self.push(scheduled, at);
        let started = Event::StepStarted {
            plan,
            step: step_id(id),
            direction,
            attempt: 1,
            worker: "executor-1".parse().unwrap(),
        };
        self.push(started, at);
    }
}

fn step_id(id: &str) -> StepId {
    id.parse().unwrap()
}

fn deployment() -> ObjectRef {
    let mut target = ObjectRef::new("apps/v1", "Deployment", Some("production"), "payment-service");
    target.uid = Some("7d3f5a52-1c1e-4a4e-9d0e-6a1f0e3c9b11".into());
    target
}

/// From the alert to the verified end.
pub(crate) fn whole() -> Log {
    let mut log = asked("OOMKilled in production/payment-service", plan(1));
    let plan = log.incident.plan.clone().unwrap();
    log.step(
        "rec-001",
        32,
        41,
        "logs and events of 4 pods kept",
        vec![artifact("diagnostics.tar.zst", 48_213)],
    );
    log.step(
        "rec-002",
        32,
        55,
        "/var/log/payments of 4 pods kept",
        vec![artifact("payments-logs.tar.zst", 9_482_113)],
    );
    let decision = Decision {
        gate: plan.gates[0].id.clone(),
        digest: plan.gates[0].digest,
        by: "ann@example.com".into(),
        channel: Channel::Email,
        reason: "matches the runbook".into(),
    };
    log.push(
        Event::ApprovalGranted {
            plan: plan.id.clone(),
            decision,
        },
        190,
    );
    log.step("rec-003", 191, 193, "limit 3Gi accepted (generation 13)", Vec::new());
    log.step("rec-004", 194, 291, "4 of 4 pods are new and ready", Vec::new());
    log.step("rec-005", 291, 292, "arguments are in the template", Vec::new());
    log.step("rec-006", 291, 293, "maxReplicas 8", Vec::new());
    log.step("rec-007", 294, 295, "", Vec::new());
    log.push(
        Event::WorkflowFinished {
            plan: plan.id.clone(),
            outcome: WorkflowOutcome::Succeeded,
            cause: None,
        },
        296,
    );
    log.push(
        Event::VerificationPassed {
            attempt: 1,
            verification: Box::new(verification()),
        },
        900,
    );
    log.push(
        Event::IncidentResolved {
            reason: "every decisive criterion holds; the leak itself is with the owning team".into(),
        },
        901,
    );
    log
}

/// One plan is refused, the next denied in part, its effect cannot be undone; nobody can be sure of anything.
pub(crate) fn unhappy() -> Log {
    let mut log = diagnosed("OOMKilled in production/payment-service");
    log.push(
        Event::PlanRefused {
            attempt: 1,
            refusals: vec![
                Refusal {
                    step: Some("rec-003".into()),
                    reason: "limit 64Gi is above the largest node's allocatable memory (30Gi)".into(),
                },
                Refusal {
                    step: None,
                    reason: "no step is left that would help".into(),
                },
            ],
        },
        31,
    );
    log.push(Event::PlanProposed { plan: Box::new(plan(2)) }, 40);
    let plan = log.incident.plan.clone().unwrap();
    ask(&mut log, 41);
    let mut decision = Decision {
        gate: plan.gates[0].id.clone(),
        digest: plan.gates[0].digest,
        by: "ben".into(),
        channel: Channel::Cli,
        reason: String::new(),
    };
    log.push(
        Event::ApprovalGranted {
            plan: plan.id.clone(),
            decision: decision.clone(),
        },
        60,
    );
    log.begin("rec-003", Direction::Forward, 61);
    log.push(
        Event::StepFailed {
            plan: plan.id.clone(),
            step: step_id("rec-003"),
            direction: Direction::Forward,
            attempt: 1,
            kind: FailureKind::Timeout,
            effect: Effect::Applied,
            message: "the rollout did not complete in 10 min: 1 of 4 pods is ready".into(),
        },
        661,
    );
    log.begin("rec-003", Direction::Undo, 662);
    log.push(
        Event::StepFailed {
            plan: plan.id.clone(),
            step: step_id("rec-003"),
            direction: Direction::Undo,
            attempt: 1,
            kind: FailureKind::Drift,
            effect: Effect::Applied,
            message: "somebody changed the limit to 4Gi since".into(),
        },
        663,
    );
    log.push(
        Event::WorkflowFinished {
            plan: plan.id.clone(),
            outcome: WorkflowOutcome::Stuck,
            cause: Some(FailureCause::StepFailed {
                step: step_id("rec-003"),
                kind: FailureKind::Timeout,
            }),
        },
        664,
    );
    log.push(
        Event::PlanProposed {
            plan: Box::new(self::plan(3)),
        },
        670,
    );
    ask(&mut log, 671);
    let third = log.incident.plan.clone().unwrap();
    decision.gate = third.gates[0].id.clone();
    decision.digest = third.gates[0].digest;
    decision.reason = "not during the sale".into();
    log.push(
        Event::ApprovalDenied {
            plan: third.id.clone(),
            decision,
        },
        700,
    );
    log.push(
        Event::WorkflowFinished {
            plan: third.id.clone(),
            outcome: WorkflowOutcome::RolledBack,
            cause: Some(FailureCause::Denied {
                gate: third.gates[0].id.clone(),
            }),
        },
        701,
    );
    log.push(
        Event::PlanProposed {
            plan: Box::new(self::plan(4)),
        },
        705,
    );
    ask(&mut log, 706);
    let fourth = log.incident.plan.clone().unwrap();
    log.push(
        Event::ApprovalExpired {
            plan: fourth.id.clone(),
            gate: fourth.gates[0].id.clone(),
        },
        2_506,
    );
    log.push(
        Event::IncidentEscalated {
            reason: "nobody answered and the memory still grows".into(),
        },
        2_507,
    );
    log
}

/// The same with one text everywhere where text comes from outside.
pub(crate) fn with_text(text: &str) -> Log {
    let mut plan = plan(1);
    plan.summary = text.into();
    plan.notes = vec![text.into()];
    for step in &mut plan.steps {
        step.description = text.into();
        step.rationale = text.into();
        if let Change::Patch(patch) = &mut step.change {
            patch.diff[0].from = Some(text.into());
            patch.diff[0].path = text.into();
        }
        if let Change::Notify(notice) = &mut step.change {
            notice.title = text.into();
            notice.body = text.into();
        }
    }
    let mut log = asked(text, plan);
    for id in ["rec-001", "rec-002"] {
        log.step(id, 40, 41, text, Vec::new());
    }
    log.push(Event::IncidentEscalated { reason: text.into() }, 50);
    log
}

/// The same with very many steps behind the gate.
pub(crate) fn with_steps(count: usize) -> Log {
    let mut plan = plan(1);
    let model = plan.steps[5].clone();
    for n in 0..count {
        let mut step = model.clone();
        step.id = step_id(&format!("more-{n}"));
        step.gate = Some(plan.gates[0].id.clone());
        plan.gates[0].steps.push(step.id.clone());
        plan.levels[3].push(step.id.clone());
        plan.steps.push(step);
    }
    asked("OOMKilled in production/payment-service", plan)
}

/// The receipt of a message.
pub(crate) fn sent(key: &str, recipient: &str) -> Event {
    Event::NotificationSent {
        receipt: Receipt {
            key: key.into(),
            channel: "email".into(),
            recipient: recipient.into(),
            title: "Incident".into(),
            message_id: "<first@example.com>".into(),
            thread: "<first@example.com>".into(),
        },
    }
}

fn diagnosed(text: &str) -> Log {
    let mut log = Log::new();
    let labels = [
        ("alertname", "OOMKilled"),
        ("namespace", "production"),
        ("pod", "payment-service-7c9d-x2x"),
        ("container", "app"),
        ("severity", "warning"),
    ];
    let alert = Alert {
        fingerprint: "c8a1b2c3d4e5f607".into(),
        status: AlertStatus::Firing,
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        annotations: BTreeMap::from([("summary".to_owned(), text.to_owned())]),
        starts_at: at(0),
        ends_at: None,
        generator_url: String::new(),
        group_key: "{}:{alertname=\"OOMKilled\"}".into(),
    };
    log.push(
        Event::IncidentOpened {
            title: text.into(),
            severity: Severity::Warning,
            alerts: vec![alert],
            traceparent: None,
        },
        2,
    );
    log.push(Event::AnalysisStarted { attempt: 1 }, 12);
    log.push(
        Event::DiagnosisReached {
            attempt: 1,
            diagnosis: Box::new(diagnosis(text)),
        },
        19,
    );
    log
}

fn asked(text: &str, plan: Plan) -> Log {
    let mut log = diagnosed(text);
    log.push(Event::PlanProposed { plan: Box::new(plan) }, 30);
    ask(&mut log, 31);
    log
}

fn ask(log: &mut Log, seconds: i64) {
    let plan = log.incident.plan.clone().unwrap();
    for gate in &plan.gates {
        let requested = Event::ApprovalRequested {
            plan: plan.id.clone(),
            gate: gate.id.clone(),
            expires_at: at(seconds + 1_800),
        };
        log.push(requested, seconds);
    }
}

fn artifact(name: &str, bytes: u64) -> Artifact {
    Artifact {
        name: name.into(),
        bytes,
        digest: Digest::of(name.as_bytes()),
    }
}

fn evidence(id: &str, source: Source, query: &str, excerpt: &str, value: Option<(f64, &str)>) -> Evidence {
    Evidence {
        id: id.parse().unwrap(),
        source,
        query: query.into(),
        observed_at: at(14),
        excerpt: excerpt.into(),
        value: value.map(|(value, _)| value),
        unit: value.map_or("", |(_, unit)| unit).into(),
    }
}

fn diagnosis(text: &str) -> Diagnosis {
    let slope = "deriv(container_memory_working_set_bytes{namespace=\"production\",container=\"app\"}[30h])";
    Diagnosis {
        category: Category::MemoryLeak,
        target: deployment(),
        confidence: 0.82,
        summary: "Memory of every pod grows by 50 MiB/h whatever the load; the 2Gi limit is reached about every 30 h.".into(),
        causal_chain: vec![
            "the process keeps memory it no longer needs".into(),
            "the working set reaches the 2Gi limit".into(),
            "the kernel kills the container (exit code 137)".into(),
        ],
        factors: vec![
            Factor {
                text: "linear growth in 4 of 4 pods over 30 h".into(),
                weight: 0.45,
                evidence: vec!["ev-1".parse().unwrap()],
            },
            Factor {
                text: "last termination was OOMKilled, exit code 137".into(),
                weight: 0.32,
                evidence: vec!["ev-2".parse().unwrap()],
            },
            Factor {
                text: "traces could not be read".into(),
                weight: -0.05,
                evidence: vec!["ev-3".parse().unwrap()],
            },
        ],
        evidence: vec![
            evidence(
                "ev-1",
                Source::Prometheus,
                slope,
                "+50 MiB/h, r2 = 0.998",
                Some((52_428_800.0, "bytes/h")),
            ),
            evidence(
                "ev-2",
                Source::Kubernetes,
                "/api/v1/namespaces/production/pods/payment-service-7c9d-x2x",
                "lastState.terminated: reason=OOMKilled exitCode=137 restartCount=3",
                Some((3.0, "restarts")),
            ),
            evidence("ev-3", Source::Loki, "{app=\"payment-service\"} |= \"pool\"", text, None),
        ],
        missing_sources: vec!["Jaeger: no address is configured".into()],
        recommendations: Vec::new(),
        criteria: Vec::new(),
        engine: "rules".into(),
    }
}

fn field(path: &str, from: Option<&str>, to: Option<&str>) -> FieldChange {
    FieldChange {
        path: path.into(),
        from: from.map(Into::into),
        to: to.map(Into::into),
    }
}

fn patch(target: ObjectRef, diff: Vec<FieldChange>, wait: Wait) -> Change {
    let one = |value: &str| serde_json::from_value(serde_json::json!([{"op": "replace", "path": "/spec", "value": value}])).unwrap();
    Change::Patch(ObjectPatch {
        target,
        patch: one("new"),
        undo: one("old"),
        diff,
        dry_run: DryRun::Accepted { warnings: Vec::new() },
        wait,
    })
}

fn carried(expect: Confirm) -> Change {
    Change::Carried {
        by: step_id("rec-003"),
        expect,
    }
}

fn steps() -> Vec<Step> {
    let template = "spec.template.spec.containers[app]";
    let hpa = {
        let mut hpa = ObjectRef::new(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            Some("production"),
            "payment-service-hpa",
        );
        hpa.uid = Some("0b6d1c1f-8a07-4d0e-8a55-c4f7f60a7c22".into());
        hpa
    };
    let limits = vec![
        field(&format!("{template}.resources.limits.memory"), Some("2Gi"), Some("3Gi")),
        field(&format!("{template}.args[2]"), None, Some("--debug-memory")),
        field(
            "spec.template.metadata.annotations[kubectl.kubernetes.io/restartedAt]",
            None,
            Some("2026-11-21T14:00:30Z"),
        ),
    ];
    let read = Change::Read {
        what: "logs, events and descriptions of 4 pods".into(),
        targets: vec![deployment()],
    };
    let exec = Change::Exec(Exec {
        target: deployment(),
        container: "app".into(),
        argv: vec!["tar".into(), "-cz".into(), "/var/log/payments".into()],
    });
    let notify = Change::Notify(Notice {
        title: "Bug: payment-service leaks memory".into(),
        body: "Every pod grows by 50 MiB/h independent of load. The pool of coroutines is the likeliest cause.".into(),
        attachments: vec![step_id("rec-001"), step_id("rec-002")],
    });
    [
        (
            "rec-001",
            "collect_diagnostics",
            "Collect diagnostics",
            vec![],
            read,
            RiskLevel::None,
            "only reads",
        ),
        (
            "rec-002",
            "backup_data",
            "Copy /var/log/payments out",
            vec![],
            exec,
            RiskLevel::Low,
            "runs \"tar\" in a container to copy data out",
        ),
        (
            "rec-003",
            "increase_resources",
            "Raise the memory limit from 2Gi to 3Gi",
            vec!["rec-001", "rec-002"],
            patch(deployment(), limits, Wait::Accepted),
            RiskLevel::Medium,
            "changes the pod template of Deployment production/payment-service: 4 pods are replaced",
        ),
        (
            "rec-004",
            "restart_pod",
            "Restart the pods one by one",
            vec!["rec-003"],
            carried(Confirm::RolledOut),
            RiskLevel::None,
            "only checks",
        ),
        (
            "rec-005",
            "enable_debug_mode",
            "Record memory by origin",
            vec!["rec-004"],
            carried(Confirm::InTemplate),
            RiskLevel::None,
            "only checks",
        ),
        (
            "rec-006",
            "update_hpa",
            "Lower maxReplicas from 12 to 8",
            vec!["rec-004"],
            patch(hpa, vec![field("spec.maxReplicas", Some("12"), Some("8"))], Wait::Accepted),
            RiskLevel::Low,
            "changes an autoscaler without replacing pods",
        ),
        (
            "rec-007",
            "notify_only",
            "File the bug",
            vec!["rec-005", "rec-006"],
            notify,
            RiskLevel::None,
            "only tells people",
        ),
    ]
    .into_iter()
    .map(|(id, action, description, after, change, level, reason)| Step {
        id: step_id(id),
        action: action.into(),
        description: description.into(),
        rationale: "the leak refills any limit; this buys 20 h".into(),
        parameters: serde_json::Map::new(),
        depends_on: after.into_iter().map(step_id).collect(),
        change,
        risk: Risk {
            level,
            reasons: vec![reason.into()],
        },
        policy: "it changes production".into(),
        gate: None,
        timeout: Duration::from_secs(600),
    })
    .collect()
}

fn plan(attempt: u32) -> Plan {
    let id = PlanId::derive(&["payment", &attempt.to_string()]);
    let gate = GateId::derive(&[id.as_str(), "rec-003"]);
    let mut steps = steps();
    let held = ["rec-003", "rec-006"];
    for step in &mut steps {
        if held.contains(&step.id.as_str()) {
            step.gate = Some(gate.clone());
        }
    }
    let bound: Vec<&Step> = steps.iter().filter(|step| step.gate.is_some()).collect();
    let digest = gate_digest(&id, &bound);
    let level = |ids: &[&str]| ids.iter().map(|id| step_id(id)).collect::<Vec<_>>();
    Plan {
        attempt,
        summary: "raise the memory limit of payment-service and collect what the leak needs".into(),
        gates: vec![Gate {
            id: gate,
            steps: held.map(step_id).into(),
            digest,
            risk: RiskLevel::Medium,
            reason: "it changes production".into(),
            quorum: 1,
            expires_after: Duration::from_secs(1_800),
        }],
        steps,
        levels: vec![
            level(&["rec-001", "rec-002"]),
            level(&["rec-003"]),
            level(&["rec-004"]),
            level(&["rec-005", "rec-006"]),
            level(&["rec-007"]),
        ],
        critical_path: level(&["rec-001", "rec-003", "rec-004", "rec-005", "rec-007"]),
        longest: Duration::from_secs(3_000),
        rollback: Rollback::Automatic,
        criteria: vec![criterion("no OOM kill since the change", "kills", 0.0, Some(3.0), true)],
        notes: vec!["rec-003, rec-004 and rec-005 change one template: they are one rollout behind one gate".into()],
        id,
    }
}

fn criterion(description: &str, unit: &str, threshold: f64, before: Option<f64>, decisive: bool) -> Criterion {
    Criterion {
        description: description.into(),
        probe: Probe::Promql { query: "up".into() },
        comparison: Comparison::AtMost,
        threshold,
        unit: unit.into(),
        before,
        decisive,
    }
}

fn verification() -> Verification {
    let measured = |criterion: Criterion, after: Option<f64>, holds: Option<bool>| Measurement {
        criterion,
        after,
        holds,
        evidence: Evidence {
            observed_at: at(898),
            ..evidence("ev-9", Source::Prometheus, "up", "measured", None)
        },
    };
    Verification {
        verdict: Verdict::Passed,
        summary: "The mitigation holds: no OOM kill, every pod ready.".into(),
        measurements: vec![
            measured(
                criterion("no OOM kill since the change", "kills", 0.0, Some(3.0), true),
                Some(0.0),
                Some(true),
            ),
            measured(
                criterion("working set below the limit", "bytes", 2.4 * GIB, Some(1.97 * GIB), true),
                Some(0.41 * GIB),
                Some(true),
            ),
            measured(
                criterion("growth", "bytes/h", 1_048_576.0, Some(52_428_800.0), false),
                Some(51_380_224.0),
                Some(false),
            ),
            measured(criterion("p99 latency", "s", 0.2, None, false), None, None),
        ],
        caveats: vec!["The leak goes on at 49 MiB/h: the next OOM kill is expected on 2026-11-24 at 18:40 UTC.".into()],
        window: Duration::from_secs(600),
        expected_recurrence: Some(at(278_400)),
    }
}
