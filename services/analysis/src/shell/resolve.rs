//! From an alert's labels to the workload they speak of.

use paramedic_domain::alert::AlertStatus;
use serde_json::Value;

use super::{
    kubernetes::{Problem, encode},
    probes::Unreachable,
    reader::Reader,
};
use crate::core::{facts::Facts, read};

/// An answer, or `None` with an entry under the missing sources; only an unreachable cluster stops the investigation.
pub(super) async fn ask(kubernetes: &Reader, facts: &mut Facts, path: &str) -> Result<Option<Value>, Unreachable> {
    match kubernetes.get(path).await {
        Ok(value) => Ok(Some(value)),
        Err(Problem::Absent(_)) => Ok(None),
        // The meter says it.
        Err(Problem::TooMuch { .. }) => Ok(None),
        Err(refused @ Problem::Refused { .. }) => {
            facts.missing.push(format!("kubernetes: {refused}"));
            Ok(None)
        }
        Err(unreachable @ Problem::Unreachable { .. }) => Err(Unreachable(unreachable.to_string())),
    }
}

const KINDS: [(&str, &str, &str); 3] = [
    ("deployment", "Deployment", "deployments"),
    ("statefulset", "StatefulSet", "statefulsets"),
    ("daemonset", "DaemonSet", "daemonsets"),
];

/// Kind, object and path.
pub(super) type Found = (String, Value, String);

/// The workload of the first alert that leads to one; firing alerts first.
pub(super) async fn resolve(kubernetes: &Reader, facts: &mut Facts) -> Result<Option<Found>, Unreachable> {
    let mut alerts = facts.alerts.clone();
    alerts.sort_by_key(|alert| (alert.status != AlertStatus::Firing, alert.starts_at));
    for alert in &alerts {
        let namespace = alert.label("namespace");
        if !is_name(namespace) {
            continue;
        }
        for (label, kind, _) in KINDS {
            let name = alert.label(label);
            if is_name(name)
                && let Some(found) = named(kubernetes, facts, namespace, kind, name).await?
            {
                return Ok(Some(found));
            }
        }
        let pod = alert.label("pod");
        if is_name(pod)
            && let Some(found) = of_pod(kubernetes, facts, namespace, pod).await?
        {
            return Ok(Some(found));
        }
        let service = alert.label("service");
        if is_name(service)
            && let Some(found) = of_service(kubernetes, facts, namespace, service).await?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Label values are untrusted: only what can be an object's name goes into a path.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
        && !text.starts_with('.')
}

async fn named(kubernetes: &Reader, facts: &mut Facts, namespace: &str, kind: &str, name: &str) -> Result<Option<Found>, Unreachable> {
    let Some((_, kind, plural)) = KINDS.into_iter().find(|(_, known, _)| *known == kind) else {
        return Ok(None);
    };
    let path = format!("/apis/apps/v1/namespaces/{namespace}/{plural}/{name}");
    Ok(ask(kubernetes, facts, &path).await?.map(|object| (kind.to_owned(), object, path)))
}

async fn of_pod(kubernetes: &Reader, facts: &mut Facts, namespace: &str, pod: &str) -> Result<Option<Found>, Unreachable> {
    if let Some(object) = ask(kubernetes, facts, &format!("/api/v1/namespaces/{namespace}/pods/{pod}")).await? {
        return of_owner(kubernetes, facts, namespace, &object).await;
    }
    // The pod is gone. Its name still says which Deployment's it was, if that exists.
    let mut name = pod.rsplitn(3, '-');
    let (Some(_), Some(_), Some(deployment)) = (name.next(), name.next(), name.next()) else {
        return Ok(None);
    };
    named(kubernetes, facts, namespace, "Deployment", deployment).await
}

async fn of_owner(kubernetes: &Reader, facts: &mut Facts, namespace: &str, object: &Value) -> Result<Option<Found>, Unreachable> {
    let Some((kind, name)) = read::controller(object) else {
        return Ok(None);
    };
    if kind != "ReplicaSet" {
        return named(kubernetes, facts, namespace, &kind, &name).await;
    }
    let set = ask(
        kubernetes,
        facts,
        &format!("/apis/apps/v1/namespaces/{namespace}/replicasets/{name}"),
    )
    .await?;
    match set.as_ref().and_then(read::controller) {
        Some((kind, name)) => named(kubernetes, facts, namespace, &kind, &name).await,
        None => Ok(None),
    }
}

async fn of_service(kubernetes: &Reader, facts: &mut Facts, namespace: &str, service: &str) -> Result<Option<Found>, Unreachable> {
    let Some(object) = ask(kubernetes, facts, &format!("/api/v1/namespaces/{namespace}/services/{service}")).await? else {
        return Ok(None);
    };
    let labels: Vec<String> = read::texts(&object, "/spec/selector")
        .into_iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    if labels.is_empty() {
        return Ok(None);
    }
    let path = format!("/api/v1/namespaces/{namespace}/pods?labelSelector={}", encode(&labels.join(",")));
    let Some(pods) = ask(kubernetes, facts, &path).await? else {
        return Ok(None);
    };
    match read::each(&pods, "/items").next() {
        Some(pod) => of_owner(kubernetes, facts, namespace, pod).await,
        None => Ok(None),
    }
}
