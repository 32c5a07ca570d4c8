//! Which workload, and which of its containers.

use paramedic_domain::{change::Confirm, object::ObjectRef};
use serde_json::Value;

use super::refuse;
use crate::{
    action::{Moment, ObjectEdit, Refused},
    patch::{Edit, Path},
    references::References,
    world::{Kind, Need, World, with_uid},
};

/// The workload that exactly one of the parameters names.
pub(super) fn workload(
    namespace: &str,
    deployment: Option<&String>,
    statefulset: Option<&String>,
    daemonset: Option<&String>,
) -> Result<ObjectRef, Refused> {
    match (deployment, statefulset, daemonset) {
        (Some(name), None, None) => Ok(ObjectRef::new("apps/v1", "Deployment", Some(namespace), name)),
        (None, Some(name), None) => Ok(ObjectRef::new("apps/v1", "StatefulSet", Some(namespace), name)),
        (None, None, Some(name)) => Ok(ObjectRef::new("apps/v1", "DaemonSet", Some(namespace), name)),
        _ => refuse("parameters: exactly one of deployment, statefulset and daemonset must be given"),
    }
}

/// `spec.template`.
pub(super) fn template() -> Path {
    Path::new(["spec", "template"])
}

/// The container of a workload that is meant when none is named: the only one, or the one named like the workload.
///
/// # Errors
/// When neither exists.
pub fn main_container(object: &Value, workload: &ObjectRef) -> Result<String, Refused> {
    container(object, workload, None).map(|(_, name)| name)
}

/// The path of a container: the named one, the only one, or the one named like the workload.
pub(super) fn container(object: &Value, workload: &ObjectRef, wanted: Option<&String>) -> Result<(Path, String), Refused> {
    let containers = object
        .pointer("/spec/template/spec/containers")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let names: Vec<&str> = containers.iter().filter_map(|c| c.get("name")?.as_str()).collect();
    let name = match (wanted, names.as_slice()) {
        (Some(wanted), _) => wanted.as_str(),
        (None, [only]) => only,
        (None, _) => &workload.name,
    };
    match names.iter().position(|candidate| *candidate == name) {
        Some(index) => Ok((
            template().join(["spec".to_owned(), "containers".to_owned(), index.to_string()]),
            name.to_owned(),
        )),
        None if wanted.is_some() => refuse(format!(
            "parameters.container: {workload} has no container {name:?}, only {names:?}"
        )),
        None => refuse(format!(
            "parameters.container: {workload} has several containers, name one of {names:?}"
        )),
    }
}

/// Kinds whose pods are made from a template.
pub(crate) const WORKLOADS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];

/// What must be fetched to see every workload of a namespace.
pub(super) fn workloads_of(namespace: &str) -> Vec<Need> {
    WORKLOADS
        .iter()
        .map(|kind| Need::Kind(Kind::within("apps/v1", kind, namespace)))
        .collect()
}

/// Every workload of a namespace, as far as they may be listed.
pub(super) fn all_workloads<'a>(world: &'a World, namespace: &str) -> Vec<(&'a ObjectRef, &'a Value)> {
    WORKLOADS
        .iter()
        .filter_map(|kind| world.all(&Kind::within("apps/v1", kind, namespace)))
        .flatten()
        .collect()
}

/// What the checks look at when the pods of a workload become more, or other ones.
pub(super) fn surroundings(namespace: &str) -> Vec<Need> {
    vec![
        Need::Kind(Kind::within("v1", "ResourceQuota", namespace)),
        Need::Kind(Kind::within("v1", "LimitRange", namespace)),
        Need::Kind(Kind::within("autoscaling/v2", "HorizontalPodAutoscaler", namespace)),
        Need::Kind(Kind::within("policy/v1", "PodDisruptionBudget", namespace)),
        Need::Nodes,
        Need::Room,
    ]
}

/// What the checks look at when a workload may open more connections to its database.
pub(super) fn databases(namespace: &str) -> Vec<Need> {
    vec![
        Need::Kind(Kind::within("v1", "ConfigMap", namespace)),
        Need::Connections {
            namespace: namespace.to_owned(),
        },
    ]
}

/// Whether the pods of a template read the ConfigMap or Secret (`kind`) of that name.
pub(super) fn reads(workload: &Value, kind: References, name: &str) -> bool {
    template()
        .read(workload)
        .is_some_and(|template| kind.names(template).contains(name))
}

/// The restart of a workload as part of another change; refused when a changed template restarts nothing.
pub(super) fn restart(reference: &ObjectRef, object: &Value, moment: &Moment) -> Result<ObjectEdit, Refused> {
    rolls_out(reference, object)?;
    let path = template().join(["metadata", "annotations", RESTARTED_AT]);
    Ok(ObjectEdit::template(
        with_uid(reference, object),
        vec![Edit::set(path, moment.restarted_at())],
        Confirm::RolledOut,
    ))
}

/// Refuses a changed template that nothing would roll out.
pub(crate) fn rolls_out(workload: &ObjectRef, object: &Value) -> Result<(), Refused> {
    if restarts(object) {
        return Ok(());
    }
    if object.pointer("/spec/paused").and_then(Value::as_bool) == Some(true) {
        return refuse(format!(
            "{workload} is paused: a changed template would never roll out; resume it first"
        ));
    }
    refuse(format!(
        "{workload} has the update strategy OnDelete: a changed template replaces no pod; restart its pods one at a time"
    ))
}

/// Whether a changed template replaces the pods.
pub(super) fn restarts(object: &Value) -> bool {
    object.pointer("/spec/paused").and_then(Value::as_bool) != Some(true)
        && object.pointer("/spec/updateStrategy/type").and_then(Value::as_str) != Some("OnDelete")
}

/// The annotation that `kubectl rollout restart` sets, too: people know it.
pub(super) const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";
