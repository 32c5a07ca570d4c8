//! What carries out requests about things outside of the cluster.

use paramedic_domain::{
    id::StepId,
    plan::Recommendation,
    risk::RiskLevel,
    verification::{Comparison, Criterion, Probe},
};
use serde_json::{Map, Value, json};

use super::Remedy;

/// The module's plan, applied behind a gate, and nothing left to change afterwards.
pub(crate) fn module(module: &str) -> Remedy {
    const APPLY: &str = "terraform_apply";
    let apply = Recommendation {
        risk: Some(RiskLevel::High),
        rationale: "it is asked for; the plan that is approved is the one that is applied".into(),
        requires_approval: Some(true),
        ..step(
            1,
            APPLY,
            &format!("Apply what module {module} describes"),
            json!({"module": module}),
        )
    };
    Remedy {
        recommendations: vec![apply],
        options: Vec::new(),
        criteria: vec![reported(
            APPLY,
            "remaining_changes",
            format!("another plan of module {module} shows no change"),
            (0.0, "changes"),
        )],
    }
}

fn step(number: usize, action: &str, description: &str, parameters: Value) -> Recommendation {
    let id: StepId = format!("rec-{number:03}")
        .parse()
        .expect("letters, a hyphen and digits are a valid id");
    Recommendation {
        id,
        action: action.into(),
        description: description.into(),
        confidence: 1.0,
        parameters: match parameters {
            Value::Object(map) => map,
            _ => Map::new(),
        },
        dependencies: Vec::new(),
        rationale: String::new(),
        risk: None,
        requires_approval: None,
    }
}

fn reported(action: &str, figure: &str, description: String, (threshold, unit): (f64, &str)) -> Criterion {
    Criterion {
        description,
        probe: Probe::Reported {
            action: action.into(),
            figure: figure.into(),
        },
        comparison: Comparison::AtMost,
        threshold,
        unit: unit.into(),
        before: None,
        decisive: true,
    }
}
