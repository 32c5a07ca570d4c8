//! From listed objects to who depends on whom. A dependency is a Service whose name stands in an environment variable.

use std::collections::{BTreeMap, BTreeSet};

use paramedic_domain::{alert::Alert, id::EvidenceId, object::ObjectRef};
use serde_json::Value;

use super::{Member, Setting};
use crate::core::read;

/// How far dependencies are followed from what is alerted about.
const DEPTH: usize = 3;
/// Most members: more would be a cluster, not a neighbourhood.
const MOST: usize = 60;

/// What was listed in one namespace.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Listing {
    /// Kind and object of every workload.
    pub workloads: Vec<(String, Value)>,
    /// Services.
    pub services: Vec<Value>,
    /// Labels of pods by name.
    pub pods: BTreeMap<String, BTreeMap<String, String>>,
    /// Data of the ConfigMaps that were read.
    pub config_maps: BTreeMap<String, BTreeMap<String, String>>,
}

/// Listings by namespace.
pub type Listings = BTreeMap<String, Listing>;

/// The workloads that alerts are about, with the names of those alerts.
fn alerted(listings: &Listings, alerts: &[Alert]) -> Vec<(ObjectRef, BTreeSet<String>)> {
    let mut found: Vec<(ObjectRef, BTreeSet<String>)> = Vec::new();
    for alert in alerts {
        let Some(object) = listings.get(alert.label("namespace")).and_then(|listing| about(listing, alert)) else {
            continue;
        };
        match found.iter_mut().find(|(known, _)| known.same_object(&object)) {
            Some((_, names)) => {
                names.insert(alert.name().to_owned());
            }
            None => found.push((object, BTreeSet::from([alert.name().to_owned()]))),
        }
    }
    found
}

fn about(listing: &Listing, alert: &Alert) -> Option<ObjectRef> {
    let named = |kind: &str, label: &str| {
        let name = alert.label(label);
        listing
            .workloads
            .iter()
            .find(|(of, object)| of == kind && read::text(object, "/metadata/name") == name)
            .map(|(kind, object)| reference(kind, object))
    };
    let pod = || {
        let labels = listing.pods.get(alert.label("pod"))?;
        behind(listing, labels)
    };
    let service = || {
        let name = alert.label("service");
        let service = listing
            .services
            .iter()
            .find(|service| read::text(service, "/metadata/name") == name)?;
        selected(listing, service)
    };
    named("Deployment", "deployment")
        .or_else(|| named("StatefulSet", "statefulset"))
        .or_else(|| named("DaemonSet", "daemonset"))
        .or_else(pod)
        .or_else(service)
}

fn reference(kind: &str, object: &Value) -> ObjectRef {
    let namespace = read::text(object, "/metadata/namespace");
    let mut reference = ObjectRef::new("apps/v1", kind, Some(namespace), read::text(object, "/metadata/name"));
    reference.uid = Some(read::text(object, "/metadata/uid").to_owned()).filter(|uid| !uid.is_empty());
    reference
}

/// The workload whose selector matches the labels of a pod.
fn behind(listing: &Listing, labels: &BTreeMap<String, String>) -> Option<ObjectRef> {
    let fits = |object: &Value| {
        let wanted = read::texts(object, "/spec/selector/matchLabels");
        !wanted.is_empty() && wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
    };
    let (kind, object) = listing.workloads.iter().find(|(_, object)| fits(object))?;
    Some(reference(kind, object))
}

/// The workload whose pods a Service selects.
fn selected(listing: &Listing, service: &Value) -> Option<ObjectRef> {
    let wanted = read::texts(service, "/spec/selector");
    if wanted.is_empty() {
        return None;
    }
    let fits = |object: &Value| {
        let labels = read::texts(object, "/spec/template/metadata/labels");
        wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
    };
    let (kind, object) = listing.workloads.iter().find(|(_, object)| fits(object))?;
    Some(reference(kind, object))
}

/// The ConfigMaps that a pod template reads: as environment or as files.
#[must_use]
pub fn config_maps(template: &Value) -> BTreeSet<String> {
    let files = read::each(template, "/spec/volumes").map(|volume| read::text(volume, "/configMap/name"));
    let mut names: BTreeSet<String> = files.filter(|name| !name.is_empty()).map(ToOwned::to_owned).collect();
    for container in read::each(template, "/spec/containers") {
        let whole = read::each(container, "/envFrom").map(|entry| read::text(entry, "/configMapRef/name"));
        let single = read::each(container, "/env").map(|entry| read::text(entry, "/valueFrom/configMapKeyRef/name"));
        names.extend(whole.chain(single).filter(|name| !name.is_empty()).map(ToOwned::to_owned));
    }
    names
}

/// The environment of a template's containers, without what comes from Secrets.
pub(super) fn settings(listing: &Listing, template: &Value) -> Vec<Setting> {
    let mut found = Vec::new();
    for container in read::each(template, "/spec/containers") {
        for entry in read::each(container, "/envFrom") {
            let map = read::text(entry, "/configMapRef/name");
            for (key, value) in listing.config_maps.get(map).into_iter().flatten() {
                found.push(Setting {
                    name: key.clone(),
                    value: value.clone(),
                    source: Some((map.to_owned(), key.clone())),
                });
            }
        }
        for entry in read::each(container, "/env") {
            let (map, key) = (
                read::text(entry, "/valueFrom/configMapKeyRef/name"),
                read::text(entry, "/valueFrom/configMapKeyRef/key"),
            );
            let literal = entry.get("value").and_then(Value::as_str).map(|value| (value.to_owned(), None));
            let referred = || {
                let value = listing.config_maps.get(map)?.get(key)?;
                Some((value.clone(), Some((map.to_owned(), key.to_owned()))))
            };
            if let Some((value, source)) = literal.or_else(referred) {
                found.push(Setting {
                    name: read::text(entry, "/name").to_owned(),
                    value,
                    source,
                });
            }
        }
    }
    found
}

/// Host names in a value: `http://cart.shop.svc:80/x` names `cart.shop.svc`.
fn hosts(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '.'))
        .filter(|host| !host.is_empty())
}

/// Service and namespace that a host name may stand for.
fn service_of<'a>(host: &'a str, own: &'a str) -> (&'a str, &'a str) {
    let mut parts = host.split('.');
    let name = parts.next().unwrap_or_default();
    (name, parts.next().unwrap_or(own))
}

/// Namespaces that the environment of a template mentions, `own` among them.
#[must_use]
pub fn mentioned_namespaces(listing: &Listing, template: &Value, own: &str) -> BTreeSet<String> {
    let settings = settings(listing, template);
    let hosts = settings.iter().flat_map(|setting| hosts(&setting.value));
    hosts.map(|host| service_of(host, own).1.to_owned()).collect()
}

/// The workloads that a template's environment leads to.
pub(crate) fn calls(listings: &Listings, template: &Value, own: &ObjectRef) -> Vec<ObjectRef> {
    let namespace = own.namespace.as_deref().unwrap_or_default();
    let Some(listing) = listings.get(namespace) else {
        return Vec::new();
    };
    let mut found: Vec<ObjectRef> = Vec::new();
    for setting in settings(listing, template) {
        for host in hosts(&setting.value) {
            let (name, of) = service_of(host, namespace);
            let Some(there) = listings.get(of) else { continue };
            let service = there.services.iter().find(|service| read::text(service, "/metadata/name") == name);
            let Some(object) = service.and_then(|service| selected(there, service)) else {
                continue;
            };
            if !object.same_object(own) && !found.iter().any(|known| known.same_object(&object)) {
                found.push(object);
            }
        }
    }
    found
}

/// Services that a template's environment names, whether they exist or lead anywhere: namespace and name of those that exist.
#[must_use]
pub fn named_services(listings: &Listings, template: &Value, namespace: &str) -> BTreeSet<(String, String)> {
    let Some(listing) = listings.get(namespace) else {
        return BTreeSet::new();
    };
    let mut found = BTreeSet::new();
    for setting in settings(listing, template) {
        for host in hosts(&setting.value) {
            let (name, of) = service_of(host, namespace);
            let mut services = listings.get(of).into_iter().flat_map(|there| &there.services);
            if services.any(|service| read::text(service, "/metadata/name") == name) {
                found.insert((of.to_owned(), name.to_owned()));
            }
        }
    }
    found
}

/// What is alerted about and what that depends on. `evidence` is where all of it was read.
#[must_use]
pub fn members(listings: &Listings, alerts: &[Alert], evidence: &EvidenceId) -> Vec<Member> {
    let mut found: Vec<Member> = Vec::new();
    let mut open: Vec<(ObjectRef, BTreeSet<String>, usize)> = alerted(listings, alerts)
        .into_iter()
        .map(|(object, names)| (object, names, 0))
        .collect();
    open.reverse();
    while let Some((object, names, depth)) = open.pop() {
        if found.iter().any(|member| member.workload.object.same_object(&object)) || found.len() >= MOST {
            continue;
        }
        let Some(listing) = listings.get(object.namespace.as_deref().unwrap_or_default()) else {
            continue;
        };
        let same = |(kind, value): &&(String, Value)| *kind == object.kind && read::text(value, "/metadata/name") == object.name;
        let Some((kind, value)) = listing.workloads.iter().find(same) else {
            continue;
        };
        let Some(workload) = read::workload(value, kind, "", evidence.clone()) else {
            continue;
        };
        let template = &value["spec"]["template"];
        let calls = calls(listings, template, &object);
        if depth < DEPTH {
            // What is alerted about itself is open already; whoever comes first is entered.
            open.splice(0..0, calls.iter().map(|called| (called.clone(), BTreeSet::new(), depth + 1)));
        }
        found.push(Member {
            workload,
            alerts: names,
            calls,
            settings: settings(listing, template),
            unready: Vec::new(),
            complaints: Vec::new(),
            load: None,
            state: None,
        });
    }
    found
}
