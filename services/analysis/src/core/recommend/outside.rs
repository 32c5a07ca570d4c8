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

/// The report, and the word that it is there.
pub(crate) fn costs(account: &str, month: &str) -> Remedy {
    const REPORT: &str = "aws_cost_report";
    let title = format!("Costs of account {account} in {month}");
    let report = Recommendation {
        risk: Some(RiskLevel::None),
        rationale: "it is asked for, and only reads".into(),
        ..step(1, REPORT, &title, json!({"account": account, "month": month}))
    };
    let tell = Recommendation {
        dependencies: vec![report.id.clone()],
        risk: Some(RiskLevel::None),
        rationale: "the report is for people".into(),
        ..step(
            2,
            "notify_only",
            "Hand the report over",
            json!({"title": title, "message": "The report and the answers it was made from are attached.", "attachments": [report.id.as_str()]}),
        )
    };
    Remedy {
        recommendations: vec![report, tell],
        options: Vec::new(),
        criteria: vec![reported(
            REPORT,
            "difference",
            "the services of the report add up to its total".into(),
            (0.01, "USD"),
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
