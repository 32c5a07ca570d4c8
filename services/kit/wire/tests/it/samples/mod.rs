//! One envelope of every kind, each with every field set at least once.

mod quiet;
mod values;

use std::time::Duration;

use paramedic_domain::{
    alert::{Priority, Severity},
    approval::{Answer, Channel, Decision},
    correlation::{Candidate, Position, Ranking},
    digest::Digest,
    envelope::Envelope,
    event::{Artifact, Direction, Event, FailureCause, Receipt, WorkflowOutcome},
    evidence::Source,
    fault::{Effect, FailureKind},
    id::{EventId, IncidentId},
    object::ObjectRef,
    plan::{Refusal, StepEdit},
    request::{ChangeRequest, What},
    verification::Verdict,
};

pub(crate) use self::quiet::{quiet, windows};
use self::values::{alert, diagnosis, evidence, plan, resolved, time, verification};
pub(crate) use self::values::{notification, topology};

/// One event of every kind, in the order of the numbers on the wire.
fn events() -> Vec<Event> {
    let (plan_id, gate, step) = (plan().id, plan().gates[0].id.clone(), plan().steps[2].id.clone());
    let decision = |answer| Decision {
        gate: gate.clone(),
        digest: Digest::of(b"changes"),
        by: "ana@example.com".into(),
        channel: if answer == Answer::Approve {
            Channel::Slack
        } else {
            Channel::Email
        },
        reason: "looks right".into(),
        right: "approver in shop for bob@example.com".into(),
        behalf_of: "bob@example.com".into(),
        policy: Some(Digest::of(b"policy")),
    };
    vec![
        Event::IncidentOpened {
            title: "PodOOMKilled: shop/checkout".into(),
            severity: Severity::Critical,
            alerts: vec![alert()],
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
            request: None,
        },
        Event::AlertsCorrelated {
            alerts: vec![alert(), resolved()],
            reason: "same group".into(),
            reasons: Vec::new(),
            position: None,
        },
        Event::AlertsResolved {
            fingerprints: vec![alert().fingerprint],
            at: time("2026-03-02T10:30:00Z"),
        },
        Event::StormDeclared {
            alerts: 120,
            reason: "120 alerts in 60 s".into(),
        },
        Event::RootsRanked {
            ranking: Ranking {
                candidates: vec![Candidate {
                    entity: "StatefulSet/shop/redis".into(),
                    belief: 0.75,
                    explains: 12,
                    reason: "12 alerts are of what calls it".into(),
                }],
                affected: vec!["Deployment/shop/cart".into()],
                confidence: 0.5,
            },
            title: Some("shop/redis: 12 alerts".into()),
            position: Position { sequence: 7, index: 1 },
        },
        Event::AlertsDetached {
            fingerprints: vec![alert().fingerprint],
            into: Some("inc_other".parse().unwrap()),
            reason: "another cause explains it better".into(),
            position: Position { sequence: 8, index: 2 },
        },
        Event::IncidentMerged {
            into: "inc_other".parse().unwrap(),
            reason: "the same node".into(),
        },
        Event::AnalysisStarted { attempt: 1 },
        Event::DiagnosisReached {
            attempt: 1,
            diagnosis: Box::new(diagnosis()),
        },
        Event::AnalysisInconclusive {
            attempt: 2,
            reasons: vec!["no source answered".into()],
            evidence: vec![evidence("ev-3", Source::Alertmanager, None)],
        },
        Event::PlanProposed { plan: Box::new(plan()) },
        Event::PlanRefused {
            attempt: 2,
            refusals: vec![
                Refusal {
                    step: Some("rec-9".into()),
                    reason: "unknown action reboot_universe".into(),
                },
                Refusal {
                    step: None,
                    reason: "the dependencies form a cycle".into(),
                },
            ],
        },
        Event::ApprovalRequested {
            plan: plan_id.clone(),
            gate: gate.clone(),
            expires_at: time("2026-03-02T11:00:00Z"),
        },
        Event::ApprovalGranted {
            plan: plan_id.clone(),
            decision: decision(Answer::Approve),
        },
        Event::ApprovalDenied {
            plan: plan_id.clone(),
            decision: decision(Answer::Deny),
        },
        Event::ApprovalExpired {
            plan: plan_id.clone(),
            gate: gate.clone(),
        },
        Event::ApprovalEscalated {
            plan: plan_id.clone(),
            gate: gate.clone(),
            to: "team:platform-leads".into(),
            level: 1,
        },
        Event::ApprovalReminded {
            plan: plan_id.clone(),
            gate: gate.clone(),
            number: 2,
        },
        Event::ApprovalAcknowledged {
            plan: plan_id.clone(),
            gate: gate.clone(),
            by: "ann@example.com".into(),
            channel: Channel::Slack,
        },
        Event::ApprovalRefused {
            gate: gate.clone(),
            by: "eve@example.com".into(),
            channel: Channel::Email,
            code: "no_role".into(),
            reason: "eve@example.com may not approve".into(),
        },
        Event::StepStarted {
            plan: plan_id.clone(),
            step: step.clone(),
            direction: Direction::Undo,
            attempt: 1,
            worker: "executor-0".parse().unwrap(),
        },
        Event::StepSucceeded {
            plan: plan_id.clone(),
            step: step.clone(),
            attempt: 1,
            summary: "3 of 3 pods are ready".into(),
            artifacts: vec![Artifact {
                name: "inc_x/heap.hprof".into(),
                bytes: 5_000_000_000,
                digest: Digest::of(b"heap"),
            }],
        },
        Event::StepFailed {
            plan: plan_id.clone(),
            step: step.clone(),
            direction: Direction::Forward,
            attempt: 2,
            kind: FailureKind::Drift,
            effect: Effect::Unknown,
            message: "testing path /metadata/uid failed".into(),
        },
        Event::StepSkipped {
            plan: plan_id.clone(),
            step: step.clone(),
            by: "ana@example.com".into(),
            reason: "done by hand".into(),
        },
        Event::StepUndone {
            plan: plan_id.clone(),
            step: step.clone(),
            attempt: 1,
            summary: "256Mi again".into(),
        },
        Event::WorkflowFinished {
            plan: plan_id,
            outcome: WorkflowOutcome::RolledBack,
            cause: Some(FailureCause::StepFailed {
                step,
                kind: FailureKind::Timeout,
            }),
        },
        Event::VerificationPassed {
            attempt: 1,
            verification: verification(Verdict::Passed, Some(0.0)),
        },
        Event::VerificationFailed {
            attempt: 1,
            verification: verification(Verdict::Failed, Some(2.0)),
        },
        Event::VerificationInconclusive {
            attempt: 1,
            verification: verification(Verdict::Inconclusive, None),
        },
        Event::IncidentResolved { reason: "verified".into() },
        Event::IncidentEscalated {
            reason: "three attempts failed".into(),
        },
        Event::IncidentCancelled {
            by: "ana@example.com".into(),
            reason: "a drill".into(),
        },
        Event::NotificationSent {
            receipt: Receipt {
                key: "email/opened".into(),
                channel: "email".into(),
                recipient: "oncall@example.com".into(),
                title: "PodOOMKilled: shop/checkout".into(),
                message_id: "<1@paramedic>".into(),
                thread: "<0@paramedic>".into(),
            },
        },
        Event::NotificationFailed {
            key: "slack/opened".into(),
            channel: "slack".into(),
            error: "channel_not_found".into(),
            next_try_in: Some(Duration::from_secs(30)),
        },
    ]
    .into_iter()
    .chain(control())
    .collect()
}

/// What people and clocks say about a workflow.
fn control() -> Vec<Event> {
    let (plan, step) = (plan().id, plan().steps[2].id.clone());
    let by = || "ana@example.com".to_owned();
    vec![
        Event::PlanRevised {
            plan: plan.clone(),
            option: 1,
            edits: vec![StepEdit {
                step: step.clone(),
                parameters: serde_json::from_str(r#"{"memory":"768Mi"}"#).unwrap(),
            }],
            by: by(),
            reason: "more headroom".into(),
        },
        Event::StepProgressed {
            plan: plan.clone(),
            step: step.clone(),
            direction: Direction::Forward,
            attempt: 1,
            message: "2 of 3 pods are ready".into(),
        },
        Event::ExpirySet {
            plan: plan.clone(),
            step: step.clone(),
            due: time("2026-03-02T11:45:00Z"),
        },
        Event::StepExpired {
            plan: plan.clone(),
            step: step.clone(),
            summary: "debug flags are off again".into(),
        },
        Event::StepExpiryFailed {
            plan: plan.clone(),
            step,
            message: "somebody changed the template since".into(),
        },
        Event::WorkflowPaused {
            plan: plan.clone(),
            by: by(),
            reason: "a release goes first".into(),
        },
        Event::WorkflowResumed {
            plan: plan.clone(),
            by: by(),
        },
        Event::WorkflowCancelled {
            plan: plan.clone(),
            by: by(),
            reason: "done by hand".into(),
        },
        Event::RollbackAsked {
            plan: plan.clone(),
            reason: "step rec-003 failed".into(),
            expires_at: time("2026-03-02T11:30:00Z"),
        },
        Event::RollbackDecided {
            plan,
            undo: true,
            by: by(),
            reason: "half a change is worse".into(),
        },
        Event::IncidentTriaged {
            severity: Severity::Critical,
            priority: Priority::P1,
            environment: "production".into(),
            team: "payments".into(),
            rule: "payments in production".into(),
        },
        Event::AlertsSuppressed {
            fingerprints: vec![alert().fingerprint],
            by: "silence 6f1e of ana: disk is being replaced".into(),
            until: Some(time("2026-03-02T12:00:00Z")),
            position: Some(paramedic_domain::correlation::Position { sequence: 17, index: 2 }),
        },
    ]
}

/// What a person or a pipeline asks for opens an incident, too.
pub(crate) fn requested() -> Envelope {
    let opened = Event::IncidentOpened {
        title: "run Deployment payments/payments-service from registry.example/payments:2.3.1".into(),
        severity: Severity::Info,
        alerts: Vec::new(),
        traceparent: None,
        request: Some(ChangeRequest {
            id: "release-2-3-1".parse().unwrap(),
            by: "pipeline".into(),
            on_behalf_of: "ana".into(),
            what: What::SetImage {
                target: ObjectRef::new("apps/v1", "Deployment", Some("payments"), "payments-service"),
                container: Some("payments".into()),
                image: "registry.example/payments:2.3.1".into(),
            },
        }),
    };
    Envelope {
        event: opened,
        ..envelopes().remove(0)
    }
}

/// The same events as a chained log would hold them.
pub(crate) fn envelopes() -> Vec<Envelope> {
    let incident = IncidentId::derive(&["golden"]);
    let mut previous = Digest::ZERO;
    let mut causation = None;
    (1..)
        .zip(events())
        .map(|(seq, event)| {
            let envelope = Envelope {
                id: EventId::derive(&["golden", &seq.to_string()]),
                cluster: "prod-eu".parse().unwrap(),
                incident: incident.clone(),
                seq,
                time: time("2026-03-02T10:00:05.5Z"),
                causation: causation.take(),
                schema: 1,
                previous,
                event,
            };
            previous = Digest::of(&paramedic_wire::encode(&envelope));
            causation = Some(envelope.id.clone());
            envelope
        })
        .collect()
}
