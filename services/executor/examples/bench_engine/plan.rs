//! Seven steps in five levels: two, one, one, two, one.

use std::time::Duration;

use paramedic_domain::{
    change::Change,
    id::{IncidentId, PlanId, StepId},
    plan::{Plan, Rollback, Step},
    risk::{Risk, RiskLevel},
};

/// Which steps come before each.
const BEFORE: [&[usize]; 7] = [&[], &[], &[0, 1], &[2], &[3], &[3], &[4, 5]];
/// Steps of the plan.
pub(crate) const STEPS: u64 = BEFORE.len() as u64;

fn id(index: usize) -> StepId {
    format!("s{index}").parse().unwrap()
}

/// The plan of an incident. A wait of a nanosecond is over when it is looked at, so what is measured is the engine.
pub(crate) fn plan(incident: &IncidentId) -> Plan {
    let steps: Vec<Step> = BEFORE
        .iter()
        .enumerate()
        .map(|(index, before)| Step {
            id: id(index),
            action: "wait".into(),
            description: "nothing".into(),
            rationale: "to measure the engine".into(),
            parameters: serde_json::Map::from_iter([("duration".to_owned(), "1ns".into())]),
            depends_on: before.iter().map(|before| id(*before)).collect(),
            change: Change::Read {
                what: "nothing".into(),
                targets: Vec::new(),
            },
            risk: Risk {
                level: RiskLevel::None,
                reasons: vec!["only reads".into()],
            },
            context: Some(paramedic_domain::risk::Context::default()),
            policy: "reads run".into(),
            gate: None,
            timeout: Duration::from_secs(60),
            lasts: None,
            estimate: None,
        })
        .collect();
    Plan {
        id: PlanId::derive(&[incident.as_str()]),
        attempt: 1,
        summary: "seven instant steps".into(),
        levels: vec![vec![id(0), id(1)], vec![id(2)], vec![id(3)], vec![id(4), id(5)], vec![id(6)]],
        critical_path: vec![id(0), id(2), id(3), id(4), id(6)],
        steps,
        gates: Vec::new(),
        longest: Duration::from_secs(300),
        rollback: Rollback::Automatic,
        criteria: Vec::new(),
        notes: Vec::new(),
        deadline: None,
        estimate: None,
        options: Vec::new(),
        chosen: 0,
        policy: None,
    }
}
