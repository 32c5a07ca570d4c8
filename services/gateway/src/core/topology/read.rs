//! From an object as the API server has it to what is kept of it. Objects are untrusted: what is not as it should be counts as missing.

use std::collections::{BTreeMap, BTreeSet};

use paramedic_correlation::topology::Entity;
use serde_json::Value;

use super::{
    kind::Kind,
    record::{Detail, Labels, Needs, Record},
    selector::Selector,
    template::{self, each},
};
use crate::core::{
    facts::{NamespaceFacts, WorkloadFacts},
    topology::hosts::hosts,
};

/// Annotation by which people declare what a workload calls: `db,cache.other`.
const CALLS: &str = "paramedic.io/calls";
/// Labels of a node that name its zone: the current one, and the one before Kubernetes 1.17.
const ZONES: [&str; 2] = ["topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"];
/// Longest value of a label or annotation that becomes a fact, bytes: as long as a label may be.
const MOST_FACT: usize = 63;
/// Most calls that one annotation declares.
const MOST_DECLARED: usize = 100;

/// Labels or annotations that say whether something is looked after, where it is, and whose it is: the first one that is there counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactKeys {
    /// `true` or `false`, of namespaces.
    pub enabled: String,
    /// `production`, `staging`, ...
    pub environment: Vec<String>,
    /// A team.
    pub team: Vec<String>,
}

/// What is kept of an object; `None` for what does not matter: pods that have ended, and what has no name.
#[must_use]
pub fn read(kind: Kind, object: &Value, keys: &FactKeys) -> Option<Record> {
    let metadata = &object["metadata"];
    let name = text(&metadata["name"])?;
    let namespace = text(&metadata["namespace"]);
    let entity = Entity {
        kind: kind.name().into(),
        namespace: namespace.clone(),
        name: name.clone(),
    };
    let spec = &object["spec"];
    let template = if kind == Kind::CronJob {
        &spec["jobTemplate"]["spec"]["template"]
    } else {
        &spec["template"]
    };
    let here = |kind: &str, name: String| Entity {
        kind: kind.into(),
        namespace: namespace.clone(),
        name,
    };
    let detail = match kind {
        Kind::Namespace => Detail::Namespace(NamespaceFacts {
            enabled: fact(metadata, &keys.enabled).and_then(|word| switch(&word)),
            environment: first(metadata, &keys.environment),
            team: first(metadata, &keys.team),
        }),
        Kind::Node => Detail::Node {
            zone: ZONES.iter().find_map(|zone| text(&metadata["labels"][zone])),
            addresses: each(&object["status"], "addresses")
                .filter(|address| address["type"].as_str().is_some_and(|kind| kind.ends_with("IP")))
                .filter_map(|address| text(&address["address"]))
                .collect(),
        },
        Kind::Pod => pod(object, &name)?,
        Kind::ReplicaSet | Kind::ResourceQuota => Detail::Plain,
        Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet | Kind::Job | Kind::CronJob | Kind::Rollout => workload(template),
        Kind::Service => Detail::Service {
            selector: Some(labels(&spec["selector"]))
                .filter(|labels| !labels.is_empty())
                .map(|labels| Selector::of_labels(&labels)),
            external: text(&spec["externalName"]),
        },
        Kind::EndpointSlice => Detail::Endpoints {
            service: text(&metadata["labels"]["kubernetes.io/service-name"])?,
            pods: each(object, "endpoints")
                .filter(|endpoint| endpoint["targetRef"]["kind"] == "Pod")
                .filter_map(|endpoint| text(&endpoint["targetRef"]["name"]))
                .collect(),
        },
        Kind::ConfigMap => Detail::ConfigMap(config_map(object)),
        Kind::PersistentVolumeClaim => Detail::Claim(text(&spec["volumeName"])),
        Kind::Ingress => ingress(spec, &here),
        Kind::HttpRoute | Kind::GrpcRoute => route(spec, namespace.as_deref()),
        Kind::NetworkPolicy => Detail::Policy(Selector::of_json(&spec["podSelector"]).unwrap_or_default()),
        Kind::HorizontalPodAutoscaler => {
            let target = &spec["scaleTargetRef"];
            Detail::Autoscaler(
                text(&target["kind"])
                    .zip(text(&target["name"]))
                    .map(|(kind, name)| here(&kind, name)),
            )
        }
        // A budget with an empty selector is about every pod of the namespace; without one it is about none.
        Kind::PodDisruptionBudget => match Selector::of_json(&spec["selector"]) {
            Some(selector) => Detail::Budget(selector),
            None => Detail::Plain,
        },
        Kind::Certificate => Detail::Certificate(text(&spec["secretName"]).map(|name| here("Secret", name))),
    };
    Some(Record {
        owner: owner(metadata, namespace.as_deref()),
        facts: if matches!(detail, Detail::Workload { .. }) {
            own_facts(metadata, template, keys)
        } else {
            WorkloadFacts::default()
        },
        declared: declared(metadata),
        entity,
        detail,
    })
}

/// A text that says something.
fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned)
}

fn labels(map: &Value) -> Labels {
    let all = map.as_object().into_iter().flatten();
    all.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

fn fact(metadata: &Value, key: &str) -> Option<String> {
    let value = text(&metadata["labels"][key]).or_else(|| text(&metadata["annotations"][key]))?;
    (value.len() <= MOST_FACT).then_some(value)
}

fn first(metadata: &Value, keys: &[String]) -> Option<String> {
    keys.iter().find_map(|key| fact(metadata, key))
}

fn switch(word: &str) -> Option<bool> {
    match word {
        "true" | "enabled" | "yes" | "on" => Some(true),
        "false" | "disabled" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// The controller. A node is none: pods of its manifests run on it, they are not it.
fn owner(metadata: &Value, namespace: Option<&str>) -> Option<Entity> {
    let owner = each(metadata, "ownerReferences").find(|owner| owner["controller"] == true)?;
    let (kind, name) = (text(&owner["kind"])?, text(&owner["name"])?);
    (kind != "Node").then(|| Entity {
        kind,
        namespace: namespace.map(ToOwned::to_owned),
        name,
    })
}

fn declared(metadata: &Value) -> Vec<String> {
    let calls = metadata["annotations"][CALLS].as_str().unwrap_or_default();
    let names = calls.split([',', ' ', '\n']).map(str::trim).filter(|name| !name.is_empty());
    names.take(MOST_DECLARED).map(ToOwned::to_owned).collect()
}

/// What a workload says itself, or else by the labels that it gives its pods.
fn own_facts(metadata: &Value, template: &Value, keys: &FactKeys) -> WorkloadFacts {
    let said = |keys: &[String]| first(metadata, keys).or_else(|| first(&template["metadata"], keys));
    WorkloadFacts {
        environment: said(&keys.environment),
        team: said(&keys.team),
    }
}

fn pod(object: &Value, name: &str) -> Option<Detail> {
    if matches!(object["status"]["phase"].as_str(), Some("Succeeded" | "Failed")) {
        return None;
    }
    let spec = &object["spec"];
    let controller = each(&object["metadata"], "ownerReferences").find(|owner| owner["controller"] == true);
    let has_template = |owner: &Value| {
        let kinds = [Kind::StatefulSet, Kind::DaemonSet, Kind::Job, Kind::ReplicaSet];
        kinds.iter().any(|kind| owner["kind"] == kind.name())
    };
    let mut needs = match controller {
        // What a template says is read there once, not from each of its pods.
        Some(owner) if has_template(owner) => Needs {
            claims: template::volumes(spec).claims,
            ..Needs::default()
        },
        Some(_) | None => template::needs(spec),
    };
    needs.claims.extend(template::ephemeral(name, spec));
    Some(Detail::Pod {
        labels: labels(&object["metadata"]["labels"]),
        node: text(&spec["nodeName"]),
        needs,
    })
}

fn workload(template: &Value) -> Detail {
    let mut needs = template::needs(&template["spec"]);
    needs.hosts.extend(declared(&template["metadata"]));
    Detail::Workload {
        labels: labels(&template["metadata"]["labels"]),
        needs,
    }
}

fn config_map(object: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let data = object["data"].as_object().into_iter().flatten();
    data.filter_map(|(key, value)| Some((key.clone(), hosts(key, value.as_str()?))))
        .filter(|(_, hosts)| !hosts.is_empty())
        .collect()
}

fn ingress(spec: &Value, here: &dyn Fn(&str, String) -> Entity) -> Detail {
    let paths = each(spec, "rules").flat_map(|rule| each(&rule["http"], "paths"));
    let backends = paths.map(|path| &path["backend"]).chain([&spec["defaultBackend"]]);
    Detail::Route {
        services: backends
            .filter_map(|backend| text(&backend["service"]["name"]))
            .map(|name| here("Service", name))
            .collect(),
        uses: each(spec, "tls")
            .filter_map(|tls| text(&tls["secretName"]))
            .map(|name| here("Secret", name))
            .collect(),
    }
}

fn route(spec: &Value, own: Option<&str>) -> Detail {
    let named = |reference: &Value, kind: &str| {
        // Both kinds of reference leave out what is usual.
        let is_kind = reference["kind"].as_str().is_none_or(|of| of == kind);
        let namespace = text(&reference["namespace"]).or_else(|| own.map(ToOwned::to_owned));
        let entity = |name| Entity {
            kind: kind.into(),
            namespace,
            name,
        };
        text(&reference["name"]).filter(|_| is_kind).map(entity)
    };
    Detail::Route {
        services: each(spec, "rules")
            .flat_map(|rule| each(rule, "backendRefs"))
            .filter_map(|backend| named(backend, "Service"))
            .collect(),
        uses: each(spec, "parentRefs").filter_map(|parent| named(parent, "Gateway")).collect(),
    }
}

#[cfg(test)]
mod tests;
