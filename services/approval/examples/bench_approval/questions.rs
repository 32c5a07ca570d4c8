//! Incidents with a plan of one step that asks.

use std::time::Duration;

use paramedic_domain::{
    alert::Severity,
    change::{Change, DryRun, FieldChange, ObjectPatch, Wait},
    event::Event,
    id::{GateId, IncidentId, PlanId, StepId},
    object::ObjectRef,
    plan::{Gate, Plan, Rollback, Step, gate_digest},
    risk::{Context, Risk, RiskLevel},
    terms::Terms,
};
use paramedic_proto::v1;
use paramedic_runtime::Kit;

/// How long the questions stand: longer than any measurement.
const STANDS: Duration = Duration::from_secs(6 * 3600);

/// An incident whose plan nobody was asked about yet, and the approval that it will need.
pub(crate) async fn prepare(kit: &Kit, number: usize) -> v1::DecideRequest {
    let id = IncidentId::derive(&["bench", &number.to_string()]);
    let plan = plan(PlanId::derive(&[id.as_str()]));
    let gate = plan.gates[0].clone();
    let events = vec![
        Event::IncidentOpened {
            title: format!("incident {number}"),
            severity: Severity::Critical,
            alerts: Vec::new(),
            traceparent: None,
            request: None,
        },
        Event::AnalysisStarted { attempt: 1 },
        Event::PlanProposed { plan: Box::new(plan) },
    ];
    let cluster = &kit.cluster.name;
    let mut missing = Some(events);
    let decided = kit
        .log
        .decide(cluster, &id, None, &kit.clock, |_, _| missing.take().unwrap_or_default());
    decided.await.unwrap();
    v1::DecideRequest {
        cluster: cluster.to_string(),
        incident: id.to_string(),
        gate: gate.id.to_string(),
        digest: gate.digest.bytes().to_vec(),
        answer: v1::Answer::Approve.into(),
        by: "ann@example.com".into(),
        channel: v1::Channel::Grpc.into(),
        reason: String::new(),
    }
}

fn plan(id: PlanId) -> Plan {
    let gate = GateId::derive(&[id.as_str(), "0"]);
    let step = step(&gate);
    Plan {
        attempt: 1,
        summary: "raise the memory limit".into(),
        levels: vec![vec![step.id.clone()]],
        critical_path: vec![step.id.clone()],
        gates: vec![Gate {
            id: gate,
            steps: vec![step.id.clone()],
            digest: gate_digest(&id, &[&step]),
            risk: RiskLevel::Medium,
            reason: "it changes production".into(),
            terms: Terms {
                expires_after: STANDS,
                ..Terms::default()
            },
        }],
        steps: vec![step],
        longest: Duration::from_secs(600),
        rollback: Rollback::Automatic,
        criteria: Vec::new(),
        notes: Vec::new(),
        chosen: 0,
        policy: None,
        deadline: None,
        estimate: None,
        options: Vec::new(),
        id,
    }
}

fn step(gate: &GateId) -> Step {
    let id: StepId = "step-0".parse().unwrap();
    let target = ObjectRef::new("apps/v1", "Deployment", Some("production"), "payment-service");
    Step {
        action: "increase_resources".into(),
        description: "Raise the memory limit".into(),
        rationale: "the limit is reached every 30 h".into(),
        parameters: serde_json::Map::new(),
        depends_on: Vec::new(),
        change: Change::Patch(ObjectPatch {
            target,
            patch: serde_json::from_str("[]").unwrap(),
            undo: serde_json::from_str("[]").unwrap(),
            diff: vec![FieldChange {
                path: "spec.template.spec.containers[app].resources.limits.memory".into(),
                from: Some("2Gi".into()),
                to: Some("3Gi".into()),
            }],
            dry_run: DryRun::Accepted { warnings: Vec::new() },
            wait: Wait::Rollout,
            irreversible: None,
            owner: None,
            subresource: None,
        }),
        risk: Risk {
            level: RiskLevel::Medium,
            reasons: Vec::new(),
        },
        context: Some(Context::default()),
        policy: "it changes production".into(),
        gate: Some(gate.clone()),
        timeout: Duration::from_secs(600),
        id,
        estimate: None,
        lasts: None,
    }
}
