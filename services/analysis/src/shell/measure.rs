//! Measures the criteria of a finished plan.

use std::collections::BTreeSet;

use jiff::Timestamp;
use paramedic_domain::{
    evidence::{Evidence, Source},
    object::ObjectRef,
    verification::{Criterion, Probe, WorkloadMetric},
};
use serde_json::Value;

use super::{
    kubernetes::{Kubernetes, encode},
    probes::Probes,
    reported::Reported,
};
use crate::core::{
    facts::{Container, Ended, Pod},
    read,
    verify::Reading,
};

/// Reads every criterion once; `reported`: what the steps of the plan kept.
pub async fn measure(probes: &Probes, reported: &Reported<'_>, criteria: &[Criterion], since: Timestamp) -> Vec<Reading> {
    let mut readings = Vec::with_capacity(criteria.len());
    for (i, criterion) in criteria.iter().enumerate() {
        let now = probes.clock.now();
        let (source, query, outcome) = match &criterion.probe {
            Probe::Promql { query } => (Source::Prometheus, query.clone(), promql(probes, query, now).await),
            Probe::Field { path, pointer } => (Source::Kubernetes, format!("{path} {pointer}"), field(probes, path, pointer).await),
            Probe::Workload { target, metric } => {
                let (path, outcome) = workload(probes, target, *metric, since).await;
                (Source::Kubernetes, path, outcome)
            }
            Probe::Reported { action, figure } => {
                let (name, outcome) = reported.figure(action, figure).await;
                (Source::Executor, name, outcome)
            }
        };
        let (value, excerpt) = match outcome {
            Ok((value, excerpt)) => (Some(value), excerpt),
            Err(problem) => (None, problem),
        };
        readings.push(Reading {
            criterion: criterion.clone(),
            value,
            evidence: Evidence {
                id: format!("ver-{:02}", i + 1)
                    .parse()
                    .expect("letters, a hyphen and digits are a valid id"),
                source,
                query,
                observed_at: now,
                excerpt,
                value,
                unit: criterion.unit.clone(),
            },
        });
    }
    readings
}

/// The pod templates, as they are now, of the workloads that the criteria are about; those that cannot be read are left out.
pub async fn templates(probes: &Probes, criteria: &[Criterion]) -> Vec<Value> {
    let Some(kubernetes) = &probes.kubernetes else {
        return Vec::new();
    };
    let paths: BTreeSet<String> = criteria
        .iter()
        .filter_map(|criterion| match &criterion.probe {
            Probe::Workload { target, .. } => Some(path_of(target)),
            Probe::Promql { .. } | Probe::Field { .. } | Probe::Reported { .. } => None,
        })
        .collect();
    let mut templates = Vec::new();
    for path in paths {
        if let Ok(object) = kubernetes.get(&path).await {
            templates.push(object["spec"]["template"].clone());
        }
    }
    templates
}

fn path_of(workload: &ObjectRef) -> String {
    let namespace = workload.namespace.as_deref().unwrap_or_default();
    format!(
        "/apis/apps/v1/namespaces/{namespace}/{}s/{}",
        workload.kind.to_lowercase(),
        workload.name
    )
}

/// A value and the words for it, or why there is none.
pub(super) type Outcome = Result<(f64, String), String>;

async fn promql(probes: &Probes, query: &str, now: Timestamp) -> Outcome {
    let prometheus = probes
        .prometheus
        .as_ref()
        .ok_or("prometheus is not configured (cluster.prometheus_url)")?;
    match prometheus.greatest(query, now).await? {
        Some(value) => Ok((value, format!("{value}"))),
        None => Err(format!("nothing matches {query}")),
    }
}

async fn field(probes: &Probes, path: &str, pointer: &str) -> Outcome {
    let kubernetes = probes.kubernetes.as_ref().ok_or("this process was given no kubeconfig")?;
    let object = kubernetes.get(path).await.map_err(|problem| problem.to_string())?;
    let value = read::figure(&object, pointer).ok_or_else(|| format!("{pointer} of {path} is no number"))?;
    Ok((value, format!("{value}")))
}

async fn workload(probes: &Probes, target: &ObjectRef, metric: WorkloadMetric, since: Timestamp) -> (String, Outcome) {
    let namespace = target.namespace.as_deref().unwrap_or_default();
    let path = path_of(target);
    let Some(kubernetes) = &probes.kubernetes else {
        return (path, Err("this process was given no kubeconfig".into()));
    };
    let object = match kubernetes.get(&path).await {
        Ok(object) => object,
        Err(problem) => return (path, Err(problem.to_string())),
    };
    if metric == WorkloadMetric::UnreadyReplicas {
        return (path, Ok(unready(&object, &target.kind)));
    }
    let selector = encode(&read::selector(&object["spec"]["selector"]));
    let path = format!("/api/v1/namespaces/{namespace}/pods?labelSelector={selector}");
    let outcome = pods(kubernetes, &path).await.map(|pods| count(&pods, metric, since));
    (path, outcome)
}

/// Wanted replicas that are not ready or not yet of the new template.
fn unready(object: &Value, kind: &str) -> (f64, String) {
    let (desired, ready, updated) = match kind {
        "DaemonSet" => (
            "/status/desiredNumberScheduled",
            "/status/numberReady",
            "/status/updatedNumberScheduled",
        ),
        _ => ("/spec/replicas", "/status/readyReplicas", "/status/updatedReplicas"),
    };
    let desired = read::count(object, desired).unwrap_or(1);
    let [ready, updated] = [ready, updated].map(|pointer| read::count(object, pointer).unwrap_or(0));
    let good = ready.min(updated).min(desired);
    (
        f64::from(desired - good),
        format!("{ready} ready and {updated} updated of {desired} wanted replicas"),
    )
}

async fn pods(kubernetes: &Kubernetes, path: &str) -> Result<Vec<Pod>, String> {
    let list = kubernetes.get(path).await.map_err(|problem| problem.to_string())?;
    let id = "pods".parse().expect("letters are a valid id");
    let live = read::each(&list, "/items").filter(|pod| pod.pointer("/metadata/deletionTimestamp").is_none());
    Ok(live.map(|pod| read::pod(pod, Clone::clone(&id))).collect())
}

fn count(pods: &[Pod], metric: WorkloadMetric, since: Timestamp) -> (f64, String) {
    let recent = |ended: &Ended| ended.at.is_none_or(|at| at >= since);
    let of = |pod: &Pod, container: &Container| -> u32 {
        let ended = container.ended.as_ref().filter(|ended| container.restarts > 0 && recent(ended));
        match metric {
            WorkloadMetric::OomKillsSinceChange => u32::from(ended.is_some_and(Ended::oom_killed)),
            // A pod that was created after the change counts all its restarts; an older one at least the last.
            _ if pod.created.is_some_and(|created| created >= since) => container.restarts,
            _ => u32::from(ended.is_some()),
        }
    };
    let each: Vec<(String, u32)> = pods
        .iter()
        .map(|pod| (pod.name.clone(), pod.containers.iter().map(|container| of(pod, container)).sum()))
        .collect();
    let total: u32 = each.iter().map(|(_, n)| n).sum();
    let named: Vec<String> = each
        .iter()
        .filter(|(_, n)| *n > 0)
        .map(|(name, n)| format!("{name}: {n}"))
        .collect();
    let text = if named.is_empty() {
        format!("none in {} pods", pods.len())
    } else {
        named.join(", ")
    };
    (f64::from(total), text)
}
