//! What the cluster's operators let in: the part of a ValidatingAdmissionPolicy that scenarios need.

use serde::Deserialize;
use serde_json::Value;

/// A policy with its binding: which objects it looks at, what it refuses, and what it says then.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admission {
    /// Name of the ValidatingAdmissionPolicy.
    pub policy: String,
    /// Name of its ValidatingAdmissionPolicyBinding.
    pub binding: String,
    /// Plural names of the resources that it looks at: those with a pod template, and `pods`.
    pub resources: Vec<String>,
    /// Namespaces that it is bound to; empty: every one.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// Refuses objects with a container whose image holds this text.
    pub image_contains: String,
    /// What the policy says about what it refuses.
    pub message: String,
}

impl Admission {
    /// Whether the policy refuses to let an object of this resource in.
    pub fn refuses(&self, resource: &str, namespace: Option<&str>, object: &Value) -> bool {
        let bound = self.namespaces.is_empty() || namespace.is_some_and(|name| self.namespaces.iter().any(|known| known == name));
        bound && self.resources.iter().any(|known| known == resource) && images(object).any(|image| image.contains(&self.image_contains))
    }
}

/// Images of the containers of a pod, or of an object with a pod template.
fn images(object: &Value) -> impl Iterator<Item = &str> {
    const SPECS: [&str; 3] = ["/spec/template/spec", "/spec/jobTemplate/spec/template/spec", "/spec"];
    let specs = SPECS.into_iter().filter_map(|pointer| object.pointer(pointer));
    let lists = specs.flat_map(|spec| [&spec["containers"], &spec["initContainers"]]);
    lists
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(|container| container["image"].as_str())
}
