//! A gate as gRPC callers see it.

use paramedic_domain::{
    approval::{GateState, Pursuit},
    id::GateId,
    incident::Incident,
};
use paramedic_proto::v1;
use paramedic_wire::Wire as _;

/// The gate with the steps it holds; `None` when the current plan has no such gate.
#[must_use]
pub fn approval(incident: &Incident, gate: &GateId) -> Option<v1::Approval> {
    let plan = incident.plan.as_ref()?;
    let question = plan.gate(gate)?;
    let state = incident.gates.get(gate)?;
    let pursuit = match state {
        GateState::Waiting { pursuit, .. } => pursuit.clone(),
        GateState::Planned | GateState::Granted { .. } | GateState::Denied { .. } | GateState::Expired { .. } => Pursuit::default(),
    };
    let (status, since, expires_at, decisions) = match state {
        GateState::Planned => (v1::GateStatus::Planned, None, None, Vec::new()),
        GateState::Waiting {
            since,
            expires_at,
            approvals,
            ..
        } => (v1::GateStatus::Waiting, Some(since), Some(expires_at), approvals.clone()),
        GateState::Granted { approvals, .. } => (v1::GateStatus::Granted, None, None, approvals.clone()),
        GateState::Denied { decision, .. } => (v1::GateStatus::Denied, None, None, vec![decision.clone()]),
        GateState::Expired { .. } => (v1::GateStatus::Expired, None, None, Vec::new()),
    };
    Some(v1::Approval {
        cluster: incident.cluster.to_string(),
        incident: incident.id.to_string(),
        title: incident.title.clone(),
        plan: plan.id.to_string(),
        gate: Some(question.to_proto()),
        steps: question
            .steps
            .iter()
            .filter_map(|id| plan.step(id))
            .map(paramedic_wire::Wire::to_proto)
            .collect(),
        status: status.into(),
        since: since.map(paramedic_wire::Wire::to_proto),
        expires_at: expires_at.map(paramedic_wire::Wire::to_proto),
        acknowledged_by: pursuit.acknowledged.map(|acknowledged| acknowledged.by).unwrap_or_default(),
        escalations: pursuit.escalations,
        decisions: decisions.iter().map(paramedic_wire::Wire::to_proto).collect(),
    })
}

/// Whether the gate still waits for an answer that matters.
#[must_use]
pub fn waits(incident: &Incident, gate: &GateId) -> bool {
    crate::core::gates::answer_matters(incident) && matches!(incident.gates.get(gate), Some(GateState::Waiting { .. }))
}
