//! A limit below the need: a larger one, the version before, or, where a single pod of many is concerned, that pod anew.

use paramedic_domain::{
    plan::{Approach, PlanOption, Recommendation},
    risk::RiskLevel,
};
use serde_json::{Value, json};

use super::{List, Remedy, options::option, report};
use crate::core::{
    criteria,
    engines::{Finding, Outlier, outlier},
    facts::{Facts, Workload},
    quantity::{human, memory},
    shift, sizing,
};

/// The recommended steps and up to two other ways out.
pub(super) fn remedy(facts: &Facts, workload: &Workload, finding: &Finding) -> Remedy {
    let mut criteria = criteria::healthy(facts, workload);
    let mut ways: Vec<PlanOption> = Vec::new();
    if let Some(Outlier { pod, .. }) = outlier(facts, workload) {
        ways.push(option(
            Approach::Mitigation,
            format!("replace pod {pod} alone"),
            "seconds, and nothing else is touched; if its load comes back to one pod, so does the kill",
            replace(facts, workload, finding, pod),
        ));
    }
    let raised = raise(facts, workload, finding);
    if let Some(steps) = raised.clone() {
        ways.push(option(
            Approach::Fix,
            "raise the memory limit",
            "costs memory on every node; the deployment's source must be changed, too",
            steps,
        ));
    }
    ways.extend(roll_back(facts, workload));
    criteria.push(if raised.is_some() && ways[0].approach == Approach::Fix {
        criteria::usage(facts, workload, sizing::FILLED)
    } else {
        criteria::usage(facts, workload, criteria::LIMIT_SHARE)
    });
    criteria.extend(criteria::latency(facts, workload));
    criteria.extend(criteria::failures(facts, workload));
    let recommendations = ways
        .first()
        .map_or_else(|| only_tell(facts, workload, finding), |way| way.recommendations.clone());
    Remedy {
        recommendations,
        options: if ways.len() > 1 { ways } else { Vec::new() },
        criteria,
    }
}

fn replace(facts: &Facts, workload: &Workload, finding: &Finding, pod: &str) -> Vec<Recommendation> {
    let mut list = List::of(workload);
    let kept = list.keep(
        "all",
        "Keep logs, events and states before any changes",
        "the pod takes its logs with it",
    );
    let (namespace, others) = (list.namespace(), facts.pods.len() - 1);
    let delete = list
        .push(
            "restart_pod",
            &format!("Delete pod {pod}, its controller replaces it"),
            json!({"namespace": namespace, "pod": pod}),
            std::slice::from_ref(&kept),
        )
        .why(
            0.80,
            RiskLevel::Medium,
            format!("{others} pods of the same template run well; a new pod begins with its share of the load"),
        );
    list.require_approval(&delete);
    let ready = list.ready("Wait until every pod is ready again", delete, "it is done when all of them serve");
    report(facts, finding, &mut list, &kept, &[ready], "bug");
    list.items
}

/// A limit that the greatest measured need fills to [`sizing::FILLED`]; `None` where there is no room for one.
fn raise(facts: &Facts, workload: &Workload, finding: &Finding) -> Option<Vec<Recommendation>> {
    // A container that was killed at its limit had that limit in use, whatever was sampled.
    let peak = facts
        .memory
        .iter()
        .flat_map(|series| series.points.iter().map(|p| p.1))
        .fold(workload.limit.unwrap_or(0.0), f64::max);
    let (old, new) = workload.limit.zip(sizing::limit_for_peak(facts, workload, peak))?;
    let mut list = List::of(workload);
    let kept = keep(&mut list);
    let mut parameters = json!({"memory": memory(new), "container": workload.container});
    if let (Some(request), Value::Object(parameters)) = (workload.request.filter(|request| *request < old), &mut parameters) {
        // The scheduler goes on to set aside the same share of what may be used.
        parameters.insert("memory_request".into(), json!(memory(sizing::whole_mib(request * new / old))));
    }
    let raise = list
        .add(
            "increase_resources",
            &format!("Increase the memory limit from {} to {}", memory(old), memory(new)),
            parameters,
            std::slice::from_ref(&kept),
        )
        .why(
            0.88,
            RiskLevel::Medium,
            format!(
                "the observed peak of {}, cut off by the kill, fills {:.0} % of it; nodes and quota permit it",
                human(peak),
                peak / new * 100.0
            ),
        );
    report(
        facts,
        finding,
        &mut list,
        &kept,
        &[raise],
        "change request for the deployment's source",
    );
    Some(list.items)
}

fn only_tell(facts: &Facts, workload: &Workload, finding: &Finding) -> Vec<Recommendation> {
    let mut list = List::of(workload);
    let kept = keep(&mut list);
    let after = [kept.clone()];
    report(
        facts,
        finding,
        &mut list,
        &kept,
        &after,
        "change request for the deployment's source",
    );
    list.items
}

fn keep(list: &mut List<'_>) -> paramedic_domain::id::StepId {
    list.keep(
        "all",
        "Keep logs, events and states before any changes",
        "a restart destroys what shows the need for memory",
    )
}

fn roll_back(facts: &Facts, workload: &Workload) -> Option<PlanOption> {
    shift::recent_rollout(facts)?;
    let previous = facts.revisions.get(1)?;
    let mut list = List::of(workload);
    let kept = list.keep(
        "all",
        "Keep logs, events and states before any changes",
        "a rollback removes the pods and their logs",
    );
    list.back(previous, &kept, 0.80, "the revision before needed less memory".into());
    Some(option(
        Approach::Alternative,
        format!("roll back to revision {}", previous.number),
        "what the new version brought is gone until it is rolled out with enough memory",
        list.items,
    ))
}
