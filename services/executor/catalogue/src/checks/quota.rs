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
    references::{containers, items},
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
            let mut counted = Vec::with_capacity(workloads.len());
            for workload in &workloads {
                match (applies(quota, pods(workload.before)), applies(quota, pods(workload.after))) {
                    (Some(false), Some(false)) => {}
                    (Some(true), Some(true)) => counted.push(workload),
                    _ => found.note(
                        workload.last,
                        format!(
                            "whether {name} counts the pods of {} could not be told by its scopes",
                            workload.reference
                        ),
                    ),
                }
            }
            for (resource, hard, used) in bounds(quota) {
                judge(name, resource, (hard, used), &counted, found);
            }
        }
    }
}

/// Whether a quota counts such pods, by its scopes; `None` when that cannot be told here.
fn applies(quota: &Value, pod: &Value) -> Option<bool> {
    let scopes = items(quota, "/spec/scopes").filter_map(|scope| Some((scope.as_str()?, "Exists", None)));
    let selected = items(quota, "/spec/scopeSelector/matchExpressions").filter_map(|one| {
        let text = |name: &str| one.get(name).and_then(Value::as_str);
        Some((text("scopeName")?, text("operator")?, one.get("values").and_then(Value::as_array)))
    });
    let mut all = true;
    for (scope, operator, values) in scopes.chain(selected) {
        let class = pod.get("priorityClassName");
        let ends = pod.get("activeDeadlineSeconds").is_some();
        let promised = containers(pod).any(|container| {
            let asks = |kind: &str| container.pointer(&format!("/resources/{kind}")).and_then(Value::as_object);
            ["requests", "limits"]
                .iter()
                .any(|kind| asks(kind).is_some_and(|asked| !asked.is_empty()))
        });
        all &= match (scope, operator) {
            ("Terminating", "Exists") => ends,
            ("NotTerminating", "Exists") => !ends,
            ("BestEffort", "Exists") => !promised,
            ("NotBestEffort", "Exists") => promised,
            ("PriorityClass", "Exists") => class.is_some(),
            ("PriorityClass", "DoesNotExist") => class.is_none(),
            ("PriorityClass", "In") => class.is_some_and(|class| values.is_some_and(|values| values.contains(class))),
            ("PriorityClass", "NotIn") => class.is_none_or(|class| values.is_none_or(|values| !values.contains(class))),
            _ => return None,
        };
    }
    Some(all)
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

fn judge(quota: &ObjectRef, counted: &str, (hard, used): (i128, i128), workloads: &[&Workload<'_>], found: &mut Findings) {
    let (mut more, mut meanwhile, mut culprit) = (0, 0, None);
    let mut parts = Vec::new();
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
        if delta != 0 || extra > 0 {
            parts.push(format!(
                "{} x {old} pods become {} x {new} pods of {}",
                show(before),
                show(after),
                workload.reference
            ));
        }
        if delta > 0 || extra > 0 {
            culprit = Some(workload);
        }
    }
    let Some(workload) = culprit else {
        return;
    };
    let sum = format!(
        "{}: {} used + {} more = {} of {counted}, and {quota} allows {}",
        parts.join(", "),
        show(used),
        show(more),
        show(used + more),
        show(hard)
    );
    if used + more > hard && more > 0 {
        found.refuse(workload.last, format!("{sum}: pods would not be created"));
    } else if used + more.max(0) + meanwhile > hard {
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

/// What a workload would count more than the quotas of its namespace allow, with so many pods.
pub(super) fn too_many(scene: &Scene<'_>, workload: &ObjectRef, object: &Value, most: i64) -> Vec<String> {
    let namespace = workload.namespace.as_deref().unwrap_or_default();
    let quotas = scene.after.all(&Kind::within("v1", "ResourceQuota", namespace)).unwrap_or_default();
    let counted = quotas.into_iter().filter(|(_, quota)| applies(quota, pods(object)) == Some(true));
    counted
        .flat_map(|(name, quota)| bounds(quota).into_iter().map(move |bound| (name, bound)))
        .filter_map(|(name, (resource, hard, used))| {
            let one = each(resource, object)?;
            let more = one * i128::from(most - replicas(object));
            (used + more > hard).then(|| {
                format!(
                    "{} more pods of {workload} with {} of {resource} each: {} used + {} more = {}, and {name} allows {}",
                    most - replicas(object),
                    show(one),
                    show(used),
                    show(more),
                    show(used + more),
                    show(hard)
                )
            })
        })
        .collect()
}

/// What one pod counts, in thousandths; `None` when the quota counts something else, or containers do not say it.
fn each(counted: &str, workload: &Value) -> Option<i128> {
    if counted == "pods" {
        return Some(1000);
    }
    let (_, kind, resource) = COUNTED.iter().find(|(name, ..)| *name == counted)?;
    every(pods(workload), kind, resource)
}
