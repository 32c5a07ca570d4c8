//! The story's plan and the events before it.

use std::time::Duration;

use jiff::Timestamp;
use paramedic_domain::{
    alert::Severity,
    change::{Change, DryRun, ObjectPatch, Wait},
    diagnosis::{Category, Diagnosis},
    digest::Digest,
    event::Event,
    id::{GateId, PlanId, StepId},
    object::ObjectRef,
    plan::{Approach, Gate, Plan, PlanOption, Step, gate_digest},
    risk::{Risk, RiskLevel},
};

use crate::strategy::Story;

pub(crate) fn step_id(index: usize) -> StepId {
    format!("s{index}").parse().unwrap()
}

pub(crate) fn gate_id(index: usize) -> GateId {
    format!("gate_{index}").parse().unwrap()
}

pub(crate) fn prologue(story: &Story, _now: Timestamp) -> Vec<Event> {
    vec![
        Event::IncidentOpened {
            title: "test".into(),
            severity: Severity::Warning,
            alerts: Vec::new(),
            traceparent: None,
            request: None,
        },
        Event::AnalysisStarted { attempt: 1 },
        Event::DiagnosisReached {
            attempt: 1,
            diagnosis: Box::new(diagnosis()),
        },
        Event::PlanProposed {
            plan: Box::new(plan(story)),
        },
    ]
}

fn diagnosis() -> Diagnosis {
    Diagnosis {
        category: Category::MemoryLeak,
        target: target(0),
        confidence: 0.9,
        summary: String::new(),
        causal_chain: Vec::new(),
        factors: Vec::new(),
        evidence: Vec::new(),
        missing_sources: Vec::new(),
        recommendations: Vec::new(),
        options: Vec::new(),
        criteria: Vec::new(),
        engine: "test".into(),
        alternatives: Vec::new(),
        wrong_if: String::new(),
        timeline: Vec::new(),
        timeline_left_out: 0,
    }
}

fn target(index: usize) -> ObjectRef {
    ObjectRef::new("apps/v1", "Deployment", Some("shop"), &format!("d{index}"))
}

fn plan(story: &Story) -> Plan {
    let id: PlanId = "plan_model".parse().unwrap();
    let steps: Vec<Step> = story
        .steps
        .iter()
        .enumerate()
        .map(|(index, step)| Step {
            id: step_id(index),
            action: "test".into(),
            description: String::new(),
            rationale: String::new(),
            parameters: serde_json::Map::new(),
            depends_on: step.depends_on.iter().map(|d| step_id(*d)).collect(),
            change: if step.mutates {
                Change::Patch(ObjectPatch {
                    target: target(step.target),
                    subresource: None,
                    owner: None,
                    irreversible: None,
                    patch: json_patch::Patch::default(),
                    undo: json_patch::Patch::default(),
                    diff: Vec::new(),
                    dry_run: DryRun::Accepted { warnings: Vec::new() },
                    wait: Wait::Accepted,
                })
            } else {
                Change::Read {
                    what: "test".into(),
                    targets: Vec::new(),
                }
            },
            risk: Risk {
                level: RiskLevel::Low,
                reasons: Vec::new(),
            },
            context: Some(paramedic_domain::risk::Context::default()),
            policy: String::new(),
            gate: step.gate.map(gate_id),
            timeout: Duration::from_secs(60),
            lasts: None,
            estimate: None,
        })
        .collect();
    let gates = (0..story.gates.len())
        .filter_map(|index| {
            let held: Vec<&Step> = steps.iter().filter(|step| step.gate == Some(gate_id(index))).collect();
            (!held.is_empty()).then(|| Gate {
                id: gate_id(index),
                steps: held.iter().map(|step| step.id.clone()).collect(),
                digest: if story.gates[index].tampered {
                    Digest::of(b"other changes")
                } else {
                    gate_digest(&id, &held)
                },
                risk: RiskLevel::Low,
                reason: String::new(),
                terms: paramedic_domain::terms::Terms {
                    quorum: story.gates[index].quorum,
                    expires_after: Duration::from_secs(1800),
                    ..Default::default()
                },
            })
        })
        .collect();
    Plan {
        id,
        attempt: 1,
        summary: String::new(),
        gates,
        levels: Vec::new(),
        critical_path: Vec::new(),
        longest: Duration::ZERO,
        rollback: story.rollback,
        deadline: story.deadline.map(Duration::from_secs),
        estimate: None,
        options: vec![PlanOption {
            approach: Approach::Fix,
            title: String::new(),
            tradeoff: String::new(),
            recommendations: Vec::new(),
            refusals: Vec::new(),
            rollback: None,
        }],
        chosen: 0,
        policy: None,
        criteria: Vec::new(),
        notes: Vec::new(),
        steps,
    }
}
