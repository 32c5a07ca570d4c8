//! A shared dependency that is not whole: its broken pods are restarted one at a time, its clients are left alone.

use paramedic_domain::{
    plan::{Approach, PlanOption, Recommendation},
    risk::RiskLevel,
    verification::{Comparison, Criterion},
};
use serde_json::json;

use super::{by_namespace, decisive};
use crate::core::{
    engines::{Finding, roots::Dependency},
    facts::Facts,
    recommend::{List, options::option, report},
};

pub(super) fn remedy(
    facts: &Facts,
    finding: &Finding,
    dependency: &Dependency,
    criteria: &mut Vec<Criterion>,
) -> (Vec<Recommendation>, Vec<PlanOption>) {
    if let Some(state) = &dependency.state {
        let text = format!("{} says itself that it is whole", dependency.workload.object);
        criteria.push(decisive(&text, state, Comparison::AtLeast, 1.0, "(1 is whole)"));
    }
    let quiet = steps(facts, finding, dependency, true);
    let loud = steps(facts, finding, dependency, false);
    let what = format!("restart {} one at a time", dependency.unready.join(", "));
    let options = vec![
        option(
            Approach::Fix,
            format!("{what}, alerts silenced meanwhile"),
            "nobody is paged for what is known; the silence ends with the verification",
            quiet.clone(),
        ),
        option(
            Approach::Alternative,
            format!("{what}, alerts left as they are"),
            "the same change; people go on being paged until the services have recovered",
            loud,
        ),
    ];
    (quiet, options)
}

fn steps(facts: &Facts, finding: &Finding, dependency: &Dependency, silence: bool) -> Vec<Recommendation> {
    let workload = &dependency.workload;
    let mut list = List::of(workload);
    let correlated = list
        .push(
            "correlate_alerts",
            &format!("Keep which of the {} alerts belong together, and why", facts.alerts.len()),
            json!({"correlationWindow": "10m"}),
            &[],
        )
        .why(1.0, RiskLevel::None, "one root explains them".into());
    let kept = list
        .add(
            "collect_diagnostics",
            "Keep logs and states of the broken pods",
            json!({"type": "all"}),
            &[],
        )
        .why(0.98, RiskLevel::Low, "a restart removes what shows why they broke".into());
    let mut before = vec![correlated.clone(), kept.clone()];
    if silence {
        let reason = format!("{} is being restarted", workload.object);
        let parameters = json!({"duration": "15m", "reason": reason});
        let step = list.push(
            "silence_alerts",
            "Silence exactly this incident's alerts during the recovery",
            parameters,
            &[correlated],
        );
        before.push(step.why(0.90, RiskLevel::Low, "their cause is known and worked on".into()));
    }
    let pods = dependency.unready.join(", ");
    let restart = if workload.object.kind == "StatefulSet" {
        list.add(
            "restart_statefulset",
            &format!("Restart {pods} one at a time; their volumes stay"),
            json!({"unhealthyOnly": true, "strategy": "one-at-a-time", "waitForReady": true}),
            &before,
        )
    } else {
        list.add(
            "rolling_restart",
            &format!("Restart {} in turn", workload.object.name),
            json!({"strategy": "rolling"}),
            &before,
        )
    };
    let restart = restart.why(
        0.88,
        RiskLevel::High,
        format!(
            "{} workloads depend on it; only what is broken is touched",
            dependency.clients.len()
        ),
    );
    list.require_approval(&restart);
    let mut whole = json!({"stableFor": "30s"});
    if let Some(state) = &dependency.state {
        whole["query"] = json!(state.query);
        whole["comparison"] = json!(">=");
        whole["value"] = json!(1.0);
    }
    let healthy = list
        .add(
            "health_check",
            &format!("Verify that {} is whole", workload.object.name),
            whole,
            &[restart],
        )
        .why(0.95, RiskLevel::None, "its clients recover when it does".into());
    let mut last = Vec::new();
    for (namespace, services) in by_namespace(dependency.clients.iter()) {
        let step = list.push(
            "verify_recovery",
            &format!("Verify that the {} services of {namespace} recovered", services.len()),
            json!({"namespace": namespace, "services": services, "stableFor": "30s"}),
            std::slice::from_ref(&healthy),
        );
        last.push(step.why(0.95, RiskLevel::None, "they were not touched and must recover by themselves".into()));
    }
    report(facts, finding, &mut list, &kept, &last, "bug");
    list.items
}
