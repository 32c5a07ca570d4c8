//! Definitions, made up, of kinds that are neither built in nor defined by the cluster.

use serde_json::{Value, json};

use crate::world::obj;

/// A definition under which an object can be kept: its scope and its subresources are read from the object.
pub(crate) fn of(object: &Value) -> Value {
    let (group, version) = obj::text(object, "/apiVersion").split_once('/').unwrap_or(("", "v1"));
    let kind = obj::text(object, "/kind");
    let plural = plural(&kind.to_lowercase());
    let mut served = json!({
        "name": version, "served": true, "storage": true,
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
    });
    if object["status"].is_object() {
        served["subresources"] = json!({"status": {}});
    }
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group, "scope": if obj::namespace(object).is_empty() { "Cluster" } else { "Namespaced" },
            "names": {"kind": kind, "listKind": format!("{kind}List"), "plural": plural, "singular": kind.to_lowercase()},
            "versions": [served],
        },
    })
}

/// The plural that the code generators of Kubernetes would choose.
fn plural(singular: &str) -> String {
    let before_y = singular.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'i', 'o', 'u']));
    if let Some(stem) = before_y {
        return format!("{stem}ies");
    }
    if ["s", "x", "ch", "sh"].iter().any(|end| singular.ends_with(end)) {
        return format!("{singular}es");
    }
    format!("{singular}s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_follows_from_an_object() {
        let object =
            json!({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": "a", "namespace": "b"}, "status": {}});
        let definition = of(&object);
        assert_eq!(definition["metadata"]["name"], "certificates.cert-manager.io");
        assert_eq!(definition["spec"]["scope"], "Namespaced");
        assert!(definition["spec"]["versions"][0]["subresources"]["status"].is_object());
        for (one, many) in [("gateway", "gateways"), ("policy", "policies"), ("ingress", "ingresses")] {
            assert_eq!(plural(one), many);
        }
    }
}
