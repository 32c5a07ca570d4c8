//! Other ways out than the recommended one.

use paramedic_domain::{
    diagnosis::Category,
    plan::{Approach, PlanOption, Recommendation},
    risk::RiskLevel,
};
use serde_json::json;

use super::List;
use crate::core::{
    engines::Finding,
    facts::{Facts, Workload},
    quantity::memory,
};

/// A rollout longer ago is no way back from something that begins now, seconds.
const RECENT: f64 = 24.0 * 3600.0;

/// One way out.
pub(super) fn option(approach: Approach, title: impl Into<String>, tradeoff: impl Into<String>, steps: Vec<Recommendation>) -> PlanOption {
    PlanOption {
        approach,
        title: title.into(),
        tradeoff: tradeoff.into(),
        recommendations: steps,
        refusals: Vec::new(),
    }
}

/// The recommended steps and their alternatives; nothing when there are none.
pub(super) fn of(facts: &Facts, workload: &Workload, finding: &Finding, recommended: &[Recommendation]) -> Vec<PlanOption> {
    let raises = recommended.iter().any(|step| step.action == "increase_resources");
    let first = |approach, title: &str, tradeoff: &str| option(approach, title, tradeoff, recommended.to_vec());
    match finding.category {
        Category::MemoryLeak if raises => vec![
            first(
                Approach::Mitigation,
                "raise the limit and restart in turn",
                "buys the most time; the leak stays until a new version is rolled out",
            ),
            option(
                Approach::Mitigation,
                "restart in turn, limit unchanged",
                "no other resources; the next kill comes as soon as this one did",
                restart_only(facts, workload),
            ),
        ],
        Category::OomLimitTooLow if raises => {
            let mut all = vec![first(
                Approach::Fix,
                "raise the memory limit",
                "costs memory on every node; the deployment's source must be changed, too",
            )];
            all.extend(roll_back(facts, workload));
            if all.len() > 1 { all } else { Vec::new() }
        }
        _ => Vec::new(),
    }
}

fn restart_only(facts: &Facts, workload: &Workload) -> Vec<Recommendation> {
    let mut list = List::of(workload);
    let dump = list
        .add(
            "collect_diagnostics",
            "Capture a heap dump before any changes",
            json!({"type": "heap_dump"}),
            &[],
        )
        .why(0.98, RiskLevel::Low, "a restart destroys the memory that shows what leaks".into());
    let mut before = vec![dump];
    if !workload.scratch.is_empty() {
        let paths = &workload.scratch;
        let what = format!("Back up {} before the pods are replaced", paths.join(", "));
        let backup = list.add("backup_data", &what, json!({"paths": paths}), &[]);
        before.push(backup.why(0.95, RiskLevel::Low, "these volumes are emptied with their pods".into()));
    }
    let kept = workload
        .limit
        .map_or_else(String::new, |limit| format!("; the limit stays {}", memory(limit)));
    let restart = list
        .add(
            "restart_pod",
            "Rolling restart to clear the leaked memory",
            json!({"strategy": "rolling"}),
            &before,
        )
        .why(
            0.95,
            RiskLevel::Medium,
            format!("a new process begins without what was leaked{kept}"),
        );
    list.require_approval(&restart);
    let restarts: u32 = facts.main_containers().map(|(_, container)| container.restarts).sum();
    list.add("health_check", "Wait until every pod is ready again", json!({}), &[restart])
        .why(0.95, RiskLevel::None, format!("{restarts} restarts so far"));
    list.items
}

fn roll_back(facts: &Facts, workload: &Workload) -> Option<PlanOption> {
    let [newest, previous, ..] = facts.revisions.as_slice() else {
        return None;
    };
    let age = facts.at.duration_since(newest.created).as_secs_f64();
    if workload.object.kind != "Deployment" || age > RECENT {
        return None;
    }
    let mut list = List::of(workload);
    let kept = list
        .add(
            "collect_diagnostics",
            "Keep logs, events and states before any changes",
            json!({"type": "all"}),
            &[],
        )
        .why(0.98, RiskLevel::Low, "a rollback removes the pods and their logs".into());
    let back = list
        .add(
            "rollback_deployment",
            &format!("Roll back to revision {}", previous.number),
            json!({"revision": previous.number}),
            &[kept],
        )
        .why(0.80, RiskLevel::Medium, "the revision before needed less memory".into());
    list.require_approval(&back);
    list.add(
        "health_check",
        "Wait until every pod is ready on the old revision",
        json!({}),
        &[back],
    )
    .why(0.95, RiskLevel::None, "the rollback is done when it serves".into());
    Some(option(
        Approach::Alternative,
        format!("roll back to revision {}", previous.number),
        "what the new version brought is gone until it is rolled out with enough memory",
        list.items,
    ))
}
