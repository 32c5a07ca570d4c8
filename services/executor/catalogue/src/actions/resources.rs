//! `increase_resources`: larger limits (and requests) for one container.

use paramedic_domain::change::Confirm;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    BuiltIn, parse, refuse, schema_of,
    workload::{container, workload},
};
use crate::{
    action::{About, Draft, Kind, Moment, ObjectEdit, Params, Refused},
    patch::{Edit, Path},
    quantity::milli,
    world::{Need, World, with_uid},
};

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "increase_resources",
    aliases: &["increase_memory", "increase_memory_limit", "raise_limits"],
    about: About {
        description: "raises memory or CPU of one container of a workload; every pod is replaced",
        risk: "medium: every pod is replaced; high with a single replica or a budget that allows no disruption",
        undo: "the old requests and limits are put back, which replaces the pods again",
        dry_run: "server-side dry run of the patch",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 600,
    typical_seconds: 120,
    schema: schema_of::<IncreaseResources>,
    needs,
    draft,
};

/// New limits of one container.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct IncreaseResources {
    /// Namespace of the workload.
    namespace: String,
    /// Name of a Deployment.
    deployment: Option<String>,
    /// Name of a StatefulSet.
    statefulset: Option<String>,
    /// Name of a DaemonSet.
    daemonset: Option<String>,
    /// Container; may be left out if there is only one, or one named like the workload.
    container: Option<String>,
    /// New memory limit, for instance `3Gi`.
    #[serde(alias = "memoryLimit", alias = "memory_limit")]
    memory: Option<String>,
    /// New memory request; unchanged if left out (raised along when it equalled the limit).
    #[serde(alias = "memoryRequest")]
    memory_request: Option<String>,
    /// New CPU limit, for instance `500m`.
    #[serde(alias = "cpuLimit", alias = "cpu_limit")]
    cpu: Option<String>,
    /// New CPU request; unchanged if left out (raised along when it equalled the limit).
    #[serde(alias = "cpuRequest")]
    cpu_request: Option<String>,
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: IncreaseResources = parse(params)?;
    let target = workload(
        &params.namespace,
        params.deployment.as_ref(),
        params.statefulset.as_ref(),
        params.daemonset.as_ref(),
    )?;
    Ok(vec![Need::Object(target), Need::Nodes])
}

fn draft(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let params: IncreaseResources = parse(params)?;
    let target = workload(
        &params.namespace,
        params.deployment.as_ref(),
        params.statefulset.as_ref(),
        params.daemonset.as_ref(),
    )?;
    let object = world.object(&target)?;
    let (base, name) = container(object, &target, params.container.as_ref())?;
    let resources = base.join(["resources"]);
    let mut edits = Vec::new();
    for (resource, limit, request) in [
        ("memory", &params.memory, &params.memory_request),
        ("cpu", &params.cpu, &params.cpu_request),
    ] {
        raise(object, &resources, resource, limit.as_deref(), request.as_deref(), &mut edits)?;
        if let Some(limit) = limit {
            fits_a_node(world, resource, limit)?;
        }
    }
    if edits.is_empty() {
        return refuse("parameters: at least one of memory, memory_request, cpu and cpu_request must be given");
    }
    let notes = notes(object, &resources, &name, params.memory.as_deref());
    let mut draft = Draft::from(ObjectEdit::template(with_uid(&target, object), edits, Confirm::InTemplate));
    draft.notes = notes;
    Ok(draft)
}

fn raise(
    object: &Value,
    resources: &Path,
    resource: &str,
    limit: Option<&str>,
    request: Option<&str>,
    edits: &mut Vec<Edit>,
) -> Result<(), Refused> {
    let limit_path = resources.join(["limits", resource]);
    let request_path = resources.join(["requests", resource]);
    let old_limit = limit_path.read(object).and_then(Value::as_str);
    let old_request = request_path.read(object).and_then(Value::as_str);
    let number = |text: &str| {
        milli(text)
            .filter(|value| *value > 0)
            .ok_or_else(|| Refused::because(format!("parameters.{resource}: {text:?} is no positive Kubernetes quantity")))
    };
    if let Some(limit) = limit {
        let wanted = number(limit)?;
        if let Some(old) = old_limit
            && milli(old).is_some_and(|old| wanted < old)
        {
            return refuse(format!(
                "parameters.{resource}: {limit} is less than the present limit {old}: this action only increases"
            ));
        }
        edits.push(Edit::set(limit_path, limit));
    }
    // A request that equals its limit is a promise of guaranteed service: it goes up with the limit.
    let along = limit.filter(|_| old_request.is_some() && old_request == old_limit);
    let request = request.or(along);
    if let Some(request) = request {
        number(request)?;
        edits.push(Edit::set(request_path, request));
    }
    let (new_limit, new_request) = (limit.or(old_limit), request.or(old_request));
    if let (Some(limit), Some(request)) = (new_limit, new_request)
        && milli(request) > milli(limit)
    {
        return refuse(format!(
            "parameters.{resource}: the request {request} would be more than the limit {limit}"
        ));
    }
    Ok(())
}

fn fits_a_node(world: &World, resource: &str, limit: &str) -> Result<(), Refused> {
    let largest = world
        .nodes
        .iter()
        .filter_map(|node| {
            let text = node.pointer(&format!("/status/allocatable/{resource}"))?.as_str()?;
            Some((milli(text)?, text))
        })
        .max();
    match largest {
        Some((value, text)) if milli(limit) > Some(value) => refuse(format!(
            "parameters.{resource}: {limit} is more than any node can give ({text} on the largest)"
        )),
        _ => Ok(()),
    }
}

fn notes(object: &Value, resources: &Path, name: &str, memory: Option<&str>) -> Vec<String> {
    let request = resources.join(["requests", "memory"]);
    match (memory, request.read(object).and_then(Value::as_str)) {
        (Some(memory), Some(request)) if milli(memory) >= milli(request).map(|value| value * 4) => {
            vec![format!(
                "container {name}: the limit {memory} is four times its request {request} or more, so nodes may run out of memory"
            )]
        }
        _ => Vec::new(),
    }
}
