//! Which groups, versions and resources there are.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    catalog::{Resource, Sub},
    convert,
    custom::Kinds,
};

/// Content type of the aggregated form.
pub const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const AGGREGATED_BETA: &str = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";

/// The aggregated form's content type and version, when the `Accept` header asks for one.
pub fn aggregated_wanted(accept: &str) -> Option<(&'static str, &'static str)> {
    let media = accept.split(',').find(|media| media.contains("as=APIGroupDiscoveryList"))?;
    match media.split(';').find_map(|part| part.trim().strip_prefix("v=")) {
        Some("v2") => Some((AGGREGATED, "apidiscovery.k8s.io/v2")),
        Some("v2beta1") => Some((AGGREGATED_BETA, "apidiscovery.k8s.io/v2beta1")),
        _ => None,
    }
}

/// `/version`.
pub fn version() -> Value {
    json!({"major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36", "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "35", "gitVersion": "v1.36.2", "gitCommit": "98b35193b2ac7a23a673325f5e9b830ecd5ba406",
        "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z", "goVersion": "go1.26.6", "compiler": "gc",
        "platform": "linux/amd64"})
}

/// `/api`.
pub fn core_versions(address: &str) -> Value {
    json!({"kind": "APIVersions", "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]})
}

/// `/apis`.
pub fn group_list(kinds: &Kinds) -> Value {
    let groups: Vec<Value> = kinds
        .groups()
        .iter()
        .map(|(group, versions)| group_entry(group, versions))
        .collect();
    convert::headed("APIGroupList", "v1", json!({"groups": groups}))
}

/// `/apis/<group>`.
pub fn group(kinds: &Kinds, name: &str) -> Option<Value> {
    let groups = kinds.groups();
    let (group, versions) = groups.iter().find(|(group, _)| *group == name)?;
    Some(convert::headed("APIGroup", "v1", group_entry(group, versions)))
}

fn group_entry(group: &str, versions: &[&str]) -> Value {
    let entry = |version: &&str| json!({"groupVersion": format!("{group}/{version}"), "version": version});
    let list: Vec<Value> = versions.iter().map(entry).collect();
    json!({"name": group, "versions": list, "preferredVersion": versions.first().map(entry)})
}

/// `/api/v1` and `/apis/<group>/<version>`.
pub fn resource_list(kinds: &Kinds, group: &str, version: &str) -> Option<Value> {
    let mut resources = Vec::new();
    for resource in kinds.of_version(group, version) {
        resources.push(resource_entry(resource));
        resources.extend(resource.subs.iter().map(|sub| sub_entry(resource, sub)));
    }
    if resources.is_empty() {
        return None;
    }
    resources.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    let mut out = json!({"kind": "APIResourceList", "groupVersion": version, "resources": resources});
    if !group.is_empty() {
        out["apiVersion"] = json!("v1");
        out["groupVersion"] = json!(format!("{group}/{version}"));
    }
    Some(out)
}

fn resource_entry(resource: &Resource) -> Value {
    let mut out = json!({"name": resource.plural, "singularName": resource.singular, "namespaced": resource.namespaced,
        "kind": resource.kind, "verbs": resource.verbs});
    if !resource.short.is_empty() {
        out["shortNames"] = json!(resource.short);
    }
    if resource.in_all {
        out["categories"] = json!(["all"]);
    }
    if resource.verbs.contains(&"watch") {
        out["storageVersionHash"] = json!(storage_hash(resource));
    }
    out
}

fn storage_hash(resource: &Resource) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let digest = Sha256::digest(format!("{}/{}/{}", resource.group, resource.version, resource.kind));
    STANDARD.encode(&digest[..8])
}

fn sub_entry(resource: &Resource, sub: &Sub) -> Value {
    let kind = if sub.kind.is_empty() { resource.kind } else { sub.kind };
    let mut out = json!({"name": format!("{}/{}", resource.plural, sub.name), "singularName": "",
        "namespaced": resource.namespaced, "kind": kind, "verbs": sub.verbs});
    if let Some((group, version)) = sub.group_version {
        out["group"] = json!(group);
        out["version"] = json!(version);
    }
    out
}

/// The aggregated form of `/api` (`core`) or `/apis`.
pub fn aggregated(kinds: &Kinds, core: bool, api_version: &str) -> Value {
    let groups = if core { vec![("", vec!["v1"])] } else { kinds.groups() };
    let items: Vec<Value> = groups
        .iter()
        .map(|(group, versions)| {
            let meta = if core { json!({}) } else { json!({"name": group}) };
            let versions: Vec<Value> = versions
                .iter()
                .map(|version| {
                    let resources: Vec<Value> = kinds.of_version(group, version).map(aggregated_resource).collect();
                    json!({"version": version, "resources": resources, "freshness": "Current"})
                })
                .collect();
            json!({"metadata": meta, "versions": versions})
        })
        .collect();
    convert::headed("APIGroupDiscoveryList", api_version, json!({"metadata": {}, "items": items}))
}

fn aggregated_resource(resource: &'static Resource) -> Value {
    let kind = |group: &str, version: &str, kind: &str| json!({"group": group, "version": version, "kind": kind});
    let mut out = json!({"resource": resource.plural, "responseKind": kind("", "", resource.kind),
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" }, "singularResource": resource.singular,
        "verbs": resource.verbs});
    if !resource.short.is_empty() {
        out["shortNames"] = json!(resource.short);
    }
    if resource.in_all {
        out["categories"] = json!(["all"]);
    }
    if !resource.subs.is_empty() {
        out["subresources"] = resource
            .subs
            .iter()
            .map(|sub| {
                let (group, version) = sub.group_version.unwrap_or_default();
                let name = if sub.kind.is_empty() { resource.kind } else { sub.kind };
                json!({"subresource": sub.name, "responseKind": kind(group, version, name), "verbs": sub.verbs})
            })
            .collect();
    }
    out
}
