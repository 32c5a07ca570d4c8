//! The present state of what a request is about.

use paramedic_domain::{
    evidence::Source,
    object::ObjectRef,
    request::{ChangeRequest, What},
};
use serde_json::Value;

use super::{
    gather::{own_pods, own_revisions, surroundings},
    probes::{Probes, Unreachable},
    reader::Reader,
    resolve::ask,
    telemetry::{counted, metrics},
};
use crate::core::{
    decide::Conclusion,
    facts::Facts,
    read,
    requests::{Wanted, conclude, outside},
};

/// Looks at what the request is about, and says whether and how it can be done.
///
/// # Errors
/// When the cluster cannot be reached.
pub async fn consider(probes: &Probes, request: &ChangeRequest, attempt: u32) -> Result<Conclusion, Unreachable> {
    let now = probes.clock.now();
    match &request.what {
        What::SetImage { target, container, image } => {
            let wanted = Wanted {
                target,
                container: container.as_deref(),
                image,
            };
            release(probes, request, wanted, attempt).await
        }
        What::ApplyModule { module } => Ok(outside::module(request, module, attempt, now)),
        What::ReportCosts { account, month } => Ok(outside::costs(request, account, month, now)),
    }
}

async fn release(probes: &Probes, request: &ChangeRequest, wanted: Wanted<'_>, attempt: u32) -> Result<Conclusion, Unreachable> {
    let Some(kubernetes) = &probes.kubernetes else {
        return Err(Unreachable("cluster unreachable: this process was given no kubeconfig".into()));
    };
    let reader = Reader::new(kubernetes.clone());
    let mut facts = Facts::new(probes.clock.now(), Vec::new());
    let budget = probes.config.budget();
    let deadline = tokio::time::Instant::now() + budget;
    let looked = present(&reader, &mut facts, wanted.target, wanted.container);
    let object = tokio::time::timeout_at(deadline, looked)
        .await
        .map_err(|_| Unreachable(format!("cluster unreachable: it did not answer within {} s", budget.as_secs())))??;
    // Out of time, the questions that follow say so.
    tokio::time::timeout_at(deadline, counted(probes, &mut facts)).await.ok();
    if let Some(workload) = facts.workload.clone()
        && tokio::time::timeout_at(deadline, metrics(probes, &workload, &mut facts))
            .await
            .is_err()
    {
        facts.missing.push(format!("prometheus: no time left of {} s", budget.as_secs()));
    }
    Ok(conclude(&facts, object.as_ref(), request, wanted, attempt))
}

/// Reads the workload and what surrounds it.
async fn present(reader: &Reader, facts: &mut Facts, target: &ObjectRef, container: Option<&str>) -> Result<Option<Value>, Unreachable> {
    let namespace = target.namespace.clone().unwrap_or_default();
    let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/{}", target.name);
    let Some(object) = ask(reader, facts, &path).await? else {
        return Ok(None);
    };
    let id = facts.cite(Source::Kubernetes, &path, describe(target, &object), None);
    let Some(workload) = read::workload(&object, "Deployment", container.unwrap_or_default(), id) else {
        return Ok(None);
    };
    let selector = super::kubernetes::encode(&read::selector(&object["spec"]["selector"]));
    own_pods(reader, facts, &namespace, &selector).await?;
    own_revisions(reader, facts, &namespace, &selector, &workload).await?;
    surroundings(reader, facts, &namespace, &workload, &object).await?;
    facts.workload = Some(workload);
    Ok(Some(object))
}

/// Containers with their images, replicas, and how the last rollout stands.
fn describe(target: &ObjectRef, object: &Value) -> String {
    let containers: Vec<String> = read::each(object, "/spec/template/spec/containers")
        .map(|container| {
            format!(
                "container {} runs {}",
                read::text(container, "/name"),
                read::text(container, "/image")
            )
        })
        .collect();
    let conditions: Vec<String> = read::each(object, "/status/conditions")
        .map(|condition| {
            format!(
                "{} is {} ({})",
                read::text(condition, "/type"),
                read::text(condition, "/status"),
                read::text(condition, "/reason")
            )
        })
        .collect();
    let paused = if object.pointer("/spec/paused") == Some(&Value::Bool(true)) {
        ", its rollout is paused"
    } else {
        ""
    };
    format!(
        "{target}: {} of {} replicas ready, revision {}{paused}; {}; {}",
        read::count(object, "/status/readyReplicas").unwrap_or(0),
        read::count(object, "/spec/replicas").unwrap_or(1),
        read::text(object, "/metadata/annotations/deployment.kubernetes.io~1revision"),
        containers.join(", "),
        conditions.join(", ")
    )
}
