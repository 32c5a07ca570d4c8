//! The objects of a release's manifest.

use paramedic_domain::object::ObjectRef;
use serde::Deserialize as _;
use serde_json::Value;

use crate::prepare::reference;

/// Kinds that belong to no namespace, of those that charts hold.
const CLUSTER: &[&str] = &[
    "Namespace",
    "Node",
    "PersistentVolume",
    "StorageClass",
    "IngressClass",
    "PriorityClass",
    "RuntimeClass",
    "CSIDriver",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "APIService",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ClusterIssuer",
];

/// Kinds that a rollback changes, creates and deletes; the others must be the same in both revisions.
pub const HANDLED: &[&str] = &[
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "Service",
    "ConfigMap",
    "ServiceAccount",
    "Ingress",
    "NetworkPolicy",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "CronJob",
    "PersistentVolumeClaim",
];

/// An object of a manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Its reference, in the release's namespace where it names none.
    pub target: ObjectRef,
    /// The object as the manifest says it, without nulls.
    pub object: Value,
}

/// The objects of a manifest, in its order.
///
/// # Errors
/// When a document of it is no object.
pub fn parts(manifest: &str, namespace: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    for document in serde_yaml_ng::Deserializer::from_str(manifest) {
        let object = Value::deserialize(document).map_err(|_| "the manifest is not YAML".to_owned())?;
        if object.is_null() {
            continue;
        }
        let items = match object.get("items").and_then(Value::as_array) {
            Some(items) if object["kind"] == "List" => items.clone(),
            Some(_) | None => vec![object],
        };
        for mut object in items {
            without_nulls(&mut object);
            let mut target = reference(&object).ok_or("the manifest has a document without apiVersion, kind or name")?;
            if target.namespace.is_none() && !CLUSTER.contains(&target.kind.as_str()) {
                target.namespace = Some(namespace.to_owned());
                object["metadata"]["namespace"] = namespace.into();
            }
            parts.push(Part { target, object });
        }
    }
    Ok(parts)
}

/// A null in a manifest means that the field is not there.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_is_an_object_in_its_place() {
        let manifest = "---\n# Source: shop/templates/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  labels: null\n---\n\n---\n\
                        apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: b}\n---\napiVersion: v1\nkind: List\nitems:\n\
                        - {apiVersion: v1, kind: Service, metadata: {name: c, namespace: other}}\n";
        let found = parts(manifest, "shop").unwrap();
        let names: Vec<String> = found.iter().map(|part| part.target.to_string()).collect();
        assert_eq!(names, ["ConfigMap shop/a", "ClusterRole b", "Service other/c"]);
        assert_eq!(found[0].object["metadata"].get("labels"), None);
        assert!(parts("a: [", "shop").is_err() && parts("a: 1", "shop").is_err());
    }
}
