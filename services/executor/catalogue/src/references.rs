//! What a pod template refers to by name: the pods cannot start without it.

use std::collections::BTreeSet;

use serde_json::Value;

/// A kind of object that pods refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum References {
    /// ConfigMaps.
    ConfigMap,
    /// Secrets.
    Secret,
    /// PersistentVolumeClaims.
    Claim,
    /// ServiceAccounts.
    ServiceAccount,
}

impl References {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ConfigMap, Self::Secret, Self::Claim, Self::ServiceAccount];

    /// The kind as Kubernetes writes it.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
            Self::Claim => "PersistentVolumeClaim",
            Self::ServiceAccount => "ServiceAccount",
        }
    }

    /// Names that the pod template refers to, without those that are marked optional.
    #[must_use]
    pub fn names(self, template: &Value) -> BTreeSet<&str> {
        let spec = template.get("spec").unwrap_or(&Value::Null);
        match self {
            Self::ServiceAccount => text(spec, "/serviceAccountName").into_iter().collect(),
            Self::Claim => volumes(spec)
                .filter_map(|volume| text(volume, "/persistentVolumeClaim/claimName"))
                .collect(),
            Self::ConfigMap => volumes(spec)
                .filter_map(|volume| required(volume.get("configMap")?, "name"))
                .chain(projected(spec, "configMap"))
                .chain(environment(spec, "configMapKeyRef", "configMapRef"))
                .collect(),
            Self::Secret => volumes(spec)
                .filter_map(|volume| required(volume.get("secret")?, "secretName"))
                .chain(projected(spec, "secret"))
                .chain(environment(spec, "secretKeyRef", "secretRef"))
                .chain(items(spec, "/imagePullSecrets").filter_map(|secret| text(secret, "/name")))
                .collect(),
        }
    }
}

/// Containers of a pod specification, those of the beginning included.
pub fn containers(spec: &Value) -> impl Iterator<Item = &Value> {
    items(spec, "/initContainers").chain(items(spec, "/containers"))
}

fn volumes(spec: &Value) -> impl Iterator<Item = &Value> {
    items(spec, "/volumes")
}

fn projected<'a>(spec: &'a Value, source: &'static str) -> impl Iterator<Item = &'a str> {
    volumes(spec)
        .flat_map(|volume| items(volume, "/projected/sources"))
        .filter_map(move |projection| required(projection.get(source)?, "name"))
}

fn environment<'a>(spec: &'a Value, one: &'static str, whole: &'static str) -> impl Iterator<Item = &'a str> {
    containers(spec).flat_map(move |container| {
        let single = items(container, "/env").filter_map(move |entry| required(entry.get("valueFrom")?.get(one)?, "name"));
        let all = items(container, "/envFrom").filter_map(move |entry| required(entry.get(whole)?, "name"));
        single.chain(all)
    })
}

fn required<'a>(reference: &'a Value, name: &str) -> Option<&'a str> {
    let optional = reference.get("optional").and_then(Value::as_bool) == Some(true);
    reference.get(name).and_then(Value::as_str).filter(|_| !optional)
}

/// The items of the list there, if there is one.
pub fn items<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_way_to_refer_to_an_object_is_found_and_optional_ones_are_left_out() {
        let template = json!({"spec": {
            "serviceAccountName": "robot",
            "imagePullSecrets": [{"name": "pull"}],
            "initContainers": [{"name": "i", "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "early", "key": "k"}}}]}],
            "containers": [{"name": "c",
                "env": [{"name": "B", "valueFrom": {"configMapKeyRef": {"name": "one", "key": "k"}}}, {"name": "C", "value": "v"}],
                "envFrom": [{"configMapRef": {"name": "two"}}, {"secretRef": {"name": "maybe", "optional": true}}]}],
            "volumes": [{"name": "v", "configMap": {"name": "three"}}, {"name": "d", "persistentVolumeClaim": {"claimName": "data"}},
                {"name": "s", "secret": {"secretName": "certificate"}},
                {"name": "p", "projected": {"sources": [{"configMap": {"name": "four"}}, {"secret": {"name": "five"}}]}}]}});
        let names = |kind: References| kind.names(&template).into_iter().collect::<Vec<_>>();
        assert_eq!(names(References::ConfigMap), ["four", "one", "three", "two"]);
        assert_eq!(names(References::Secret), ["certificate", "early", "five", "pull"]);
        assert_eq!(names(References::Claim), ["data"]);
        assert_eq!(names(References::ServiceAccount), ["robot"]);
    }
}
