//! Recommendations prepared by the service under test and made a plan, as the planner would.

use std::time::Duration;

use paramedic_domain::{
    change::Change,
    diagnosis::{Category, Diagnosis},
    event::Event,
    id::{GateId, PlanId},
    object::ObjectRef,
    plan::{Gate, Lasts, Plan, Rollback, Step, gate_digest},
    risk::{Risk, RiskLevel},
};
use paramedic_proto::v1::{self, executor_service_server::ExecutorService as _};
use paramedic_wire::Wire;
use serde_json::{Value, json};
use tonic::Request;

use super::Stage;

/// Step id, action, parameters, dependencies.
pub(crate) type Wanted = (&'static str, &'static str, Value, &'static [&'static str]);

/// The seven steps of the memory leak.
pub(crate) fn memory_leak() -> Vec<Wanted> {
    let service = |more: Value| {
        let mut params = json!({"deployment": "payment-service", "namespace": "production"});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    vec![
        ("rec-001", "collect_diagnostics", service(json!({"type": "heap_dump"})), &[]),
        ("rec-002", "backup_data", service(json!({"paths": ["/var/log/payments"]})), &[]),
        (
            "rec-003",
            "increase_resources",
            service(json!({"memory": "3Gi"})),
            &["rec-001", "rec-002"],
        ),
        ("rec-004", "restart_pod", service(json!({"strategy": "rolling"})), &["rec-003"]),
        (
            "rec-005",
            "enable_debug_mode",
            service(json!({"debug_flags": ["--memory-profile=true"]})),
            &["rec-004"],
        ),
        (
            "rec-006",
            "update_hpa",
            json!({"hpa": "payment-service-hpa", "namespace": "production", "maxReplicas": 8}),
            &["rec-004"],
        ),
        (
            "rec-007",
            "notify_only",
            json!({"type": "jira", "project": "PAYMENT", "priority": "high", "attachments": ["heap_dump_rec-001"]}),
            &["rec-005", "rec-006"],
        ),
    ]
}

/// What the executor says to these steps.
pub(crate) async fn prepare(stage: &Stage, wanted: &[Wanted]) -> v1::PrepareResponse {
    let items = wanted
        .iter()
        .map(|(step, action, params, _)| v1::PrepareItem {
            step_id: (*step).into(),
            action: (*action).into(),
            parameters_json: params.to_string(),
            dependencies: Vec::new(),
        })
        .collect();
    let known = stage.incident().await.version > 0;
    let request = v1::PrepareRequest {
        cluster: "test".into(),
        marker: "plan_stage".into(),
        items,
        assume: Vec::new(),
        incident: if known { stage.incident_id.to_string() } else { String::new() },
    };
    stage.service().prepare(Request::new(request)).await.unwrap().into_inner()
}

/// Opens the incident and proposes the plan of these steps.
pub(crate) async fn propose(stage: &Stage, wanted: &[Wanted]) -> Plan {
    propose_changed(stage, wanted, |_| {}).await
}

/// The same, after a planner has changed the plan.
pub(crate) async fn propose_changed(stage: &Stage, wanted: &[Wanted], change: impl FnOnce(&mut Plan)) -> Plan {
    if stage.incident().await.version == 0 {
        stage.open().await;
    }
    let mut plan = plan(wanted, prepare(stage, wanted).await);
    change(&mut plan);
    stage
        .append(vec![
            Event::AnalysisStarted { attempt: 1 },
            Event::DiagnosisReached {
                attempt: 1,
                diagnosis: Box::new(diagnosis()),
            },
            Event::PlanProposed {
                plan: Box::new(plan.clone()),
            },
        ])
        .await;
    plan
}

fn plan(wanted: &[Wanted], prepared: v1::PrepareResponse) -> Plan {
    let id: PlanId = "plan_stage".parse().unwrap();
    let gate: GateId = "gate_stage".parse().unwrap();
    let steps: Vec<Step> = wanted
        .iter()
        .zip(prepared.steps)
        .map(|((step, action, params, depends_on), prepared)| {
            assert_eq!(prepared.refusal, "", "{step}");
            let change = Change::from_proto(prepared.change.unwrap()).unwrap();
            Step {
                id: step.parse().unwrap(),
                action: (*action).into(),
                description: String::new(),
                rationale: String::new(),
                parameters: params.as_object().unwrap().clone(),
                depends_on: depends_on.iter().map(|id| id.parse().unwrap()).collect(),
                risk: Risk {
                    level: if change.mutates() { RiskLevel::Medium } else { RiskLevel::None },
                    reasons: Vec::new(),
                },
                context: Some(paramedic_domain::risk::Context::default()),
                policy: String::new(),
                gate: change.mutates().then(|| gate.clone()),
                timeout: Duration::from_secs(u64::try_from(prepared.timeout.unwrap().seconds).unwrap()),
                change,
                estimate: None,
                lasts: prepared.lasts.map(|lasts| Lasts::from_proto(lasts).unwrap()),
            }
        })
        .collect();
    let held: Vec<&Step> = steps
        .iter()
        .filter(|step| step.change.mutates() || matches!(step.change, Change::Carried { .. }))
        .collect();
    let gates = if held.is_empty() {
        Vec::new()
    } else {
        vec![Gate {
            id: gate,
            steps: held.iter().map(|step| step.id.clone()).collect(),
            digest: gate_digest(&id, &held),
            risk: RiskLevel::Medium,
            reason: "it changes production".into(),
            terms: paramedic_domain::terms::Terms {
                quorum: 1,
                expires_after: Duration::from_secs(1800),
                ..Default::default()
            },
        }]
    };
    Plan {
        id,
        attempt: 1,
        summary: String::new(),
        gates,
        levels: Vec::new(),
        critical_path: Vec::new(),
        longest: Duration::ZERO,
        rollback: Rollback::Automatic,
        criteria: Vec::new(),
        notes: prepared.notes,
        steps,
        chosen: 0,
        policy: None,
        deadline: None,
        estimate: None,
        options: Vec::new(),
    }
}

fn diagnosis() -> Diagnosis {
    Diagnosis {
        category: Category::MemoryLeak,
        target: ObjectRef::new("apps/v1", "Deployment", Some("production"), "payment-service"),
        confidence: 0.8,
        summary: "memory leak".into(),
        causal_chain: Vec::new(),
        factors: Vec::new(),
        evidence: Vec::new(),
        missing_sources: Vec::new(),
        recommendations: Vec::new(),
        criteria: Vec::new(),
        engine: "test".into(),
        alternatives: Vec::new(),
        wrong_if: String::new(),
        timeline: Vec::new(),
        timeline_left_out: 0,
        options: Vec::new(),
    }
}
