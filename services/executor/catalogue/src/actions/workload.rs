//! Which workload, and which of its containers.

use paramedic_domain::object::ObjectRef;
use serde_json::Value;

use super::refuse;
use crate::{action::Refused, patch::Path};

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
