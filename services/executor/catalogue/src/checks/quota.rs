//! Replicas and resources against the ResourceQuotas of the namespace.

use std::collections::BTreeMap;

use paramedic_domain::{object::ObjectRef, risk::RiskLevel};
use serde_json::Value;

use super::{
    Findings, Scene,
    workloads::{Workload, changed, pods, replicas, surge},
};
use crate::{
    quantity::{milli, show},
    room::every,
    world::Kind,
};

/// What a quota counts of pods: its name, and the kind and name of the containers' resource.
const COUNTED: [(&str, &str, &str); 6] = [
    ("requests.cpu", "requests", "cpu"),
    ("requests.memory", "requests", "memory"),
    ("limits.cpu", "limits", "cpu"),
    ("limits.memory", "limits", "memory"),
    ("cpu", "requests", "cpu"),
    ("memory", "requests", "memory"),
];

pub(super) fn check(scene: &Scene<'_>, found: &mut Findings) {
    let mut by_namespace: BTreeMap<&str, Vec<Workload<'_>>> = BTreeMap::new();
    let workloads = changed(scene);
    let names: Vec<String> = workloads.iter().map(|workload| workload.namespace().to_owned()).collect();
    for (workload, namespace) in workloads.into_iter().zip(&names) {
        by_namespace.entry(namespace).or_default().push(workload);
    }
    for (namespace, workloads) in by_namespace {
        let quotas = scene.after.all(&Kind::within("v1", "ResourceQuota", namespace)).unwrap_or_default();
        for (name, quota) in quotas {
            for (counted, hard, used) in bounds(quota) {
                judge(name, counted, (hard, used), &workloads, found);
            }
        }
    }
}

/// What is counted, the bound and what is used of it, in thousandths.
fn bounds(quota: &Value) -> Vec<(&str, i128, i128)> {
    let hard = quota.pointer("/status/hard").or_else(|| quota.pointer("/spec/hard"));
    hard.and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(counted, bound)| {
            let used = quota.pointer("/status/used").and_then(|used| used.get(counted)?.as_str());
            Some((counted.as_str(), milli(bound.as_str()?)?, used.and_then(milli).unwrap_or(0)))
        })
        .collect()
}

fn judge(quota: &ObjectRef, counted: &str, (hard, used): (i128, i128), workloads: &[Workload<'_>], found: &mut Findings) {
    let (mut more, mut meanwhile, mut culprit) = (0, 0, None);
    for workload in workloads {
        let Some(before) = each(counted, workload.before) else { continue };
        let Some(after) = each(counted, workload.after) else { continue };
        let (old, new) = (i128::from(replicas(workload.before)), i128::from(replicas(workload.after)));
        let delta = after * new - before * old;
        // While pods are replaced, the new ones come on top.
        let extra = if workload.replaced {
            after * i128::from(surge(workload.after))
        } else {
            0
        };
        more += delta;
        meanwhile += extra;
        if delta > 0 || extra > 0 {
            culprit = Some((workload, before, after, old, new));
        }
    }
    let Some((workload, before, after, old, new)) = culprit else {
        return;
    };
    let sum = format!(
        "{} x {old} pods become {} x {new} pods of {}: {} used + {} more = {} of {counted}, and {quota} allows {}",
        show(before),
        show(after),
        workload.reference,
        show(used),
        show(more),
        show(used + more),
        show(hard)
    );
    if used + more > hard && more > 0 {
        found.refuse(workload.last, format!("{sum}: pods would not be created"));
    } else if used + more + meanwhile > hard {
        found.concern(
            workload.last,
            RiskLevel::High,
            format!(
                "{sum}; the rollout itself needs {} for a while, so it would come to a halt",
                show(meanwhile)
            ),
        );
    }
}

/// What one pod counts, in thousandths; `None` when the quota counts something else, or containers do not say it.
fn each(counted: &str, workload: &Value) -> Option<i128> {
    if counted == "pods" {
        return Some(1000);
    }
    let (_, kind, resource) = COUNTED.iter().find(|(name, ..)| *name == counted)?;
    every(pods(workload), kind, resource)
}
