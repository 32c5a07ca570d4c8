//! Request paths.

use paramedic_domain::object::ObjectRef;

/// Path of an object.
pub(super) fn object(target: &ObjectRef) -> String {
    let base = collection(&target.api_version, &target.kind, target.namespace.as_deref());
    format!("{base}/{}", target.name)
}

/// Path of a collection.
pub(super) fn collection(api_version: &str, kind: &str, namespace: Option<&str>) -> String {
    let root = if api_version.contains('/') { "apis" } else { "api" };
    let resource = resource(kind);
    match namespace {
        Some(namespace) => format!("/{root}/{api_version}/namespaces/{namespace}/{resource}"),
        None => format!("/{root}/{api_version}/{resource}"),
    }
}

/// A path with a query.
pub(super) fn query(path: &str, pairs: &[(&str, &str)]) -> String {
    if pairs.is_empty() {
        return path.to_owned();
    }
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("{path}?{query}")
}

/// The resource of a kind: lower case and plural, as Kubernetes names its own kinds.
fn resource(kind: &str) -> String {
    let lower = kind.to_lowercase();
    match lower.as_str() {
        "endpoints" => lower,
        // The metrics API lists its PodMetrics as pods.
        "podmetrics" => "pods".into(),
        other if other.ends_with('s') || other.ends_with('x') || other.ends_with("ch") => format!("{lower}es"),
        other if other.ends_with('y') && !other.ends_with("ay") && !other.ends_with("ey") => format!("{}ies", &lower[..lower.len() - 1]),
        _ => format!("{lower}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_api_server() {
        let deployment = ObjectRef::new("apps/v1", "Deployment", Some("shop"), "web");
        assert_eq!(object(&deployment), "/apis/apps/v1/namespaces/shop/deployments/web");
        assert_eq!(object(&ObjectRef::new("v1", "Node", None, "n1")), "/api/v1/nodes/n1");
        for (kind, resource) in [
            ("HorizontalPodAutoscaler", "horizontalpodautoscalers"),
            ("Ingress", "ingresses"),
            ("NetworkPolicy", "networkpolicies"),
            ("PodMetrics", "pods"),
        ] {
            assert_eq!(super::resource(kind), resource);
        }
        assert_eq!(query("/x", &[("labelSelector", "a=b,c=d")]), "/x?labelSelector=a%3Db%2Cc%3Dd");
    }
}
