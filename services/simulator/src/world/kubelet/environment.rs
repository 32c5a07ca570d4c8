//! The environment of a container when it starts: literal values, and those read from ConfigMaps and Secrets.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::{
    store::{Gvr, Store},
    world::obj,
};

/// What the process sees, as far as it can be known: references to objects or keys that are not there are left out.
pub(crate) fn of(store: &Store, pod: &Value, container: &Value) -> BTreeMap<String, String> {
    let ns = obj::namespace(pod);
    let mut out = BTreeMap::new();
    for source in container["envFrom"].as_array().into_iter().flatten() {
        let prefix = obj::text(source, "/prefix");
        for (key, value) in data(store, ns, source, ("configMapRef", "secretRef")) {
            out.insert(format!("{prefix}{key}"), value);
        }
    }
    for variable in container["env"].as_array().into_iter().flatten() {
        let name = obj::text(variable, "/name").to_owned();
        let from = &variable["valueFrom"];
        if !from.is_object() {
            out.insert(name, obj::text(variable, "/value").to_owned());
            continue;
        }
        let key = ["configMapKeyRef", "secretKeyRef"]
            .into_iter()
            .map(|part| obj::text(&from[part], "/key"))
            .find(|key| !key.is_empty());
        let referred = key.and_then(|key| data(store, ns, from, ("configMapKeyRef", "secretKeyRef")).remove(key));
        let value = referred.or_else(|| field(pod, obj::text(from, "/fieldRef/fieldPath")));
        if let Some(value) = value {
            out.insert(name, value);
        }
    }
    out
}

/// The first referred object that is not there although the container cannot start without it: its kind in lower case
/// and its name, or what is missing in it.
pub(crate) fn missing(store: &Store, pod: &Value, container: &Value) -> Option<String> {
    let ns = obj::namespace(pod);
    let all = container["envFrom"].as_array().into_iter().flatten();
    let all = all.map(|source| (source, ("configMapRef", "secretRef")));
    let variables = container["env"].as_array().into_iter().flatten();
    let variables = variables.map(|variable| (&variable["valueFrom"], ("configMapKeyRef", "secretKeyRef")));
    for (source, parts) in all.chain(variables) {
        for (part, gvr, kind) in [(parts.0, Gvr::config_maps(), "configmap"), (parts.1, Gvr::secrets(), "secret")] {
            let reference = &source[part];
            let name = obj::text(reference, "/name");
            if name.is_empty() || reference["optional"] == true {
                continue;
            }
            let Some(object) = store.get_shared(&gvr, Some(ns), name) else {
                return Some(format!("{kind} \"{name}\" not found"));
            };
            let key = obj::text(reference, "/key");
            if !key.is_empty() && object["data"].get(key).is_none() {
                let shown = if kind == "secret" { "Secret" } else { "ConfigMap" };
                return Some(format!("couldn't find key {key} in {shown} {ns}/{name}"));
            }
        }
    }
    None
}

fn data(store: &Store, ns: &str, source: &Value, parts: (&str, &str)) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let plain = |value: &Value| text(value);
    let coded = |value: &Value| {
        let bytes = STANDARD.decode(text(value)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let mut out = BTreeMap::new();
    if let Some(map) = store.get_shared(&Gvr::config_maps(), Some(ns), obj::text(&source[parts.0], "/name")) {
        let entries = map["data"].as_object().into_iter().flatten();
        out.extend(entries.map(|(key, value)| (key.clone(), plain(value))));
    }
    if let Some(secret) = store.get_shared(&Gvr::secrets(), Some(ns), obj::text(&source[parts.1], "/name")) {
        let entries = secret["data"].as_object().into_iter().flatten();
        out.extend(entries.map(|(key, value)| (key.clone(), coded(value))));
    }
    out
}

fn field(pod: &Value, path: &str) -> Option<String> {
    let pointer = match path {
        "metadata.name" => "/metadata/name",
        "metadata.namespace" => "/metadata/namespace",
        "metadata.uid" => "/metadata/uid",
        "spec.nodeName" => "/spec/nodeName",
        "spec.serviceAccountName" => "/spec/serviceAccountName",
        _ => return None,
    };
    Some(obj::text(pod, pointer).to_owned())
}
