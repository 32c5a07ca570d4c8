//! A leak: more room and a new process now, and everything that helps the developers to mend it.

use paramedic_domain::{
    id::StepId,
    plan::{Approach, Recommendation},
    risk::RiskLevel,
    verification::Criterion,
};
use serde_json::json;

use super::{List, Remedy, options::option, report};
use crate::core::{
    criteria,
    engines::{Finding, Knobs},
    facts::{Facts, Workload},
    quantity::{human, memory},
    sizing,
};

/// The recommended steps, and the same without a larger limit.
pub(super) fn remedy(facts: &Facts, workload: &Workload, knobs: &Knobs, finding: &Finding) -> Remedy {
    let mut criteria = criteria::healthy(facts, workload);
    let recommendations = raise_and_restart(facts, workload, knobs, finding, &mut criteria);
    let options = if recommendations.iter().any(|step| step.action == "increase_resources") {
        vec![
            option(
                Approach::Mitigation,
                "raise the limit and restart in turn",
                "buys the most time; the leak stays until a new version is rolled out",
                recommendations.clone(),
            ),
            option(
                Approach::Mitigation,
                "restart in turn, limit unchanged",
                "no other resources; the next kill comes as soon as this one did",
                restart_only(facts, workload),
            ),
        ]
    } else {
        Vec::new()
    };
    Remedy {
        recommendations,
        options,
        criteria,
    }
}

fn raise_and_restart(
    facts: &Facts,
    workload: &Workload,
    knobs: &Knobs,
    finding: &Finding,
    criteria: &mut Vec<Criterion>,
) -> Vec<Recommendation> {
    let mut list = List::of(workload);
    let slope = finding.slope.unwrap_or(0.0);
    let diagnostics = list.dump();
    let mut before = vec![diagnostics.clone()];
    before.extend(list.backup());
    let raised = workload.limit.zip(sizing::limit_for_leak(facts, workload, slope));
    if let Some((old, new)) = raised {
        let raise = list
            .add(
                "increase_resources",
                &format!("Increase the memory limit from {} to {}", memory(old), memory(new)),
                json!({"memory": memory(new), "container": workload.container}),
                &before,
            )
            .why(
                0.88,
                RiskLevel::Low,
                format!(
                    "at {}/h the larger limit buys {:.0} h more; nodes and quota permit it",
                    human(slope),
                    (new - old) / slope
                ),
            );
        before = vec![raise];
    }
    let restart = list.restart(
        &before,
        "a new process begins without what was leaked; it leaks on from there".into(),
    );
    let mut last = Vec::new();
    if workload.has_args && !knobs.debug_flags.is_empty() {
        last.push(
            list.add(
                "enable_debug_mode",
                "Enable memory profiling for ongoing analysis",
                json!({"debug_flags": knobs.debug_flags, "container": workload.container}),
                std::slice::from_ref(&restart),
            )
            .why(0.85, RiskLevel::Low, "the profile shows the developers what grows".into()),
        );
    }
    last.extend(cap(facts, &mut list, raised.map_or(workload.limit, |(_, new)| Some(new)), &restart));
    if last.is_empty() {
        last.push(restart);
    }
    report(facts, finding, &mut list, &diagnostics, &last, "bug");
    if let Some(limit) = raised.map_or(workload.limit, |(_, new)| Some(new)) {
        criteria.push(criteria::below_limit(facts, workload, limit));
    }
    criteria.push(criteria::growth(workload, slope));
    list.items
}

fn restart_only(facts: &Facts, workload: &Workload) -> Vec<Recommendation> {
    let mut list = List::of(workload);
    let mut before = vec![list.dump()];
    before.extend(list.backup());
    let kept = workload
        .limit
        .map_or_else(String::new, |limit| format!("; the limit stays {}", memory(limit)));
    let restart = list.restart(&before, format!("a new process begins without what was leaked{kept}"));
    let restarts: u32 = facts.main_containers().map(|(_, container)| container.restarts).sum();
    list.ready(
        "Wait until every pod is ready again",
        restart,
        &format!("{restarts} restarts so far"),
    );
    list.items
}

/// More replicas of a leaking service would take the memory of everybody else.
fn cap(facts: &Facts, list: &mut List<'_>, limit: Option<f64>, after: &StepId) -> Option<StepId> {
    let hpa = facts.hpa.as_ref()?;
    let limit = limit?;
    let cap = sizing::replica_cap(facts, list.workload, limit)?
        .max(hpa.min)
        .max(list.workload.desired);
    if cap >= hpa.max {
        return None;
    }
    let namespace = list.namespace();
    Some(
        list.push(
            "update_hpa",
            &format!("Cap the maximum of {} replicas to {cap}", hpa.max),
            json!({"hpa": hpa.name, "namespace": namespace, "maxReplicas": cap}),
            std::slice::from_ref(after),
        )
        .why(
            0.80,
            RiskLevel::Low,
            format!(
                "if the leak persists, more than {cap} replicas could exhaust the nodes: {}",
                sizing::explain_cap(facts, limit)
            ),
        ),
    )
}
