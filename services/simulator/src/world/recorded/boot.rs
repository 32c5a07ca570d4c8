//! The objects as they were: completed with what the server would have written, and standing still.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::histories;
use crate::{
    api::{
        catalog::Resource,
        convert,
        custom::{self, Kinds},
        defaults,
        request::stored,
    },
    recording,
    scenario::definitions,
    store::{Gvr, Store},
    world::{control::daemon_set, obj},
};

/// Age of an object that does not say when it was created.
const AGE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Uids by group, kind, namespace and name.
type Identities = BTreeMap<(String, String, String, String), String>;

/// Fills an empty store.
pub(super) fn fill(store: &Store, objects: &[Value], now: Timestamp) -> anyhow::Result<()> {
    for (gvr, object) in complete(store, objects, now)? {
        let made = store
            .create(&gvr, object)
            .map_err(|status| anyhow::anyhow!("{}; mend the object in the folder of the case", status.message))?;
        store.hold_still(obj::uid(&made));
    }
    histories::complete(store);
    Ok(())
}

/// The objects with what people leave out: uids, those of owners too, ages, defaults, generations. Kinds and namespaces that
/// are not there are made.
pub(super) fn complete(store: &Store, objects: &[Value], now: Timestamp) -> anyhow::Result<Vec<(Gvr, Value)>> {
    let mut identities = Identities::new();
    let mut out = Vec::with_capacity(objects.len());
    for object in objects {
        let resource = resource(store, object, now)?;
        let mut object = object.clone();
        if resource.namespaced && obj::namespace(&object).is_empty() {
            object["metadata"]["namespace"] = json!("default");
        }
        let mut object = convert::to_stored(resource, object);
        let owners = object["metadata"]["ownerReferences"].as_array();
        if resource.kind == "Pod" && owners.is_some_and(|all| all.iter().any(|owner| owner["kind"] == "DaemonSet")) {
            // Before the defaults, which would tolerate the same for five minutes only.
            daemon_set::tolerate(&mut object["spec"]);
        }
        defaults::fill(resource, &mut object);
        let gvr = stored(&resource.gvr());
        if resource.namespaced {
            namespace(store, obj::namespace(&object), objects, now)?;
        }
        if gvr == Gvr::namespaces() && object["status"].is_null() {
            object["status"] = json!({"phase": "Active"});
        }
        if object["metadata"]["creationTimestamp"].is_null() {
            object["metadata"]["creationTimestamp"] = json!(obj::rfc3339(obj::before(now, AGE)));
        }
        generations(&gvr, &mut object);
        if gvr == Gvr::pods() {
            since_creation(&mut object);
        }
        let known = existing(store, &gvr, &object).map(|known| obj::uid(&known).to_owned());
        let (group, kind) = (recording::group(&object).to_owned(), obj::text(&object, "/kind").to_owned());
        let given = Some(obj::uid(&object).to_owned()).filter(|uid| !uid.is_empty());
        let (ns, name) = (obj::namespace(&object).to_owned(), obj::name(&object).to_owned());
        let uid = known.or(given).unwrap_or_else(|| uid(&kind, &ns, &name));
        object["metadata"]["uid"] = json!(uid);
        identities.insert((group, kind, ns, name), uid);
        out.push((gvr, object));
    }
    for (_, object) in &mut out {
        own(store, &identities, object);
    }
    Ok(out)
}

/// The object of the same name that is there already.
pub(super) fn existing(store: &Store, gvr: &Gvr, object: &Value) -> Option<std::sync::Arc<Value>> {
    let ns = obj::namespace(object);
    store.get_shared(gvr, (!ns.is_empty()).then_some(ns), obj::name(object))
}

/// The resource an object is of; a definition is made if need be.
fn resource(store: &Store, object: &Value, now: Timestamp) -> anyhow::Result<&'static Resource> {
    let (kind, api_version) = (obj::text(object, "/kind"), obj::text(object, "/apiVersion"));
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let find = || Kinds::of(store).of_version(group, version).find(|resource| resource.kind == kind);
    if let Some(resource) = find() {
        return Ok(resource);
    }
    let known = definitions::of_group(group)
        .find(|known| known["spec"]["names"]["kind"] == kind && known["spec"]["versions"][0]["name"] == version);
    let mut definition = match known {
        Some(known) => known,
        None if group.is_empty() => anyhow::bail!(
            "{kind} {}: the simulator serves no {kind} of {api_version}; leave it out",
            obj::name(object)
        ),
        None => recording::definition(object),
    };
    let created = obj::rfc3339(obj::before(now, AGE));
    definition["status"] = custom::accepted(&definition, &created);
    definition["metadata"]["creationTimestamp"] = json!(created);
    let made = store
        .create(&Gvr::custom_resource_definitions(), definition)
        .map_err(|status| anyhow::anyhow!("{kind} of {api_version} could not be defined: {}", status.message))?;
    store.hold_still(obj::uid(&made));
    find().with_context(|| format!("{kind} of {api_version} is not served; another version of it is defined"))
}

fn namespace(store: &Store, name: &str, objects: &[Value], now: Timestamp) -> anyhow::Result<()> {
    let written = |object: &Value| obj::text(object, "/kind") == "Namespace" && obj::name(object) == name;
    if store.get_shared(&Gvr::namespaces(), None, name).is_some() || objects.iter().any(written) {
        return Ok(());
    }
    let object = json!({
        "apiVersion": "v1", "kind": "Namespace", "status": {"phase": "Active"}, "spec": {"finalizers": ["kubernetes"]},
        "metadata": {
            "name": name, "uid": uid("Namespace", "", name), "creationTimestamp": obj::rfc3339(obj::before(now, AGE)),
            "labels": {"kubernetes.io/metadata.name": name},
        },
    });
    let made = store
        .create(&Gvr::namespaces(), object)
        .map_err(|status| anyhow::anyhow!("{}", status.message))?;
    store.hold_still(obj::uid(&made));
    Ok(())
}

/// A controller that has written a status has seen the object as it is, unless the recording says otherwise.
fn generations(gvr: &Gvr, object: &mut Value) {
    if !matches!(gvr.group.as_str(), "apps" | "policy") || !object["status"].is_object() {
        return;
    }
    let seen = obj::int(object, "/status/observedGeneration");
    let generation = obj::int(object, "/metadata/generation").or(seen).unwrap_or(1);
    object["metadata"]["generation"] = json!(generation);
    object["status"]["observedGeneration"] = json!(seen.unwrap_or(generation));
}

/// Conditions of a pod that do not say since when have held since it was created: how long it is ready decides whether it is
/// available.
fn since_creation(pod: &mut Value) {
    let created = pod["metadata"]["creationTimestamp"].clone();
    let conditions = pod.pointer_mut("/status/conditions").and_then(Value::as_array_mut);
    for condition in conditions
        .into_iter()
        .flatten()
        .filter(|condition| condition["lastTransitionTime"].is_null())
    {
        condition["lastTransitionTime"] = created.clone();
    }
}

/// Writes the uids of owners that are given by kind and name only.
fn own(store: &Store, identities: &Identities, object: &mut Value) {
    let ns = obj::namespace(object).to_owned();
    let references = object.pointer_mut("/metadata/ownerReferences").and_then(Value::as_array_mut);
    for reference in references.into_iter().flatten() {
        if reference["uid"].as_str().is_some_and(|uid| !uid.is_empty()) {
            continue;
        }
        let (kind, name) = (obj::text(reference, "/kind").to_owned(), obj::text(reference, "/name").to_owned());
        let group = recording::group(reference).to_owned();
        let find = |ns: &str| {
            let key = (group.clone(), kind.clone(), ns.to_owned(), name.clone());
            identities.get(&key).cloned().or_else(|| kept(store, reference, ns))
        };
        let found = find(&ns).or_else(|| find(""));
        reference["uid"] = json!(found.unwrap_or_else(|| uid(&kind, &ns, &name)));
        if reference["controller"].is_null() {
            reference["controller"] = json!(true);
        }
    }
}

/// The uid of the object that an owner reference names.
fn kept(store: &Store, reference: &Value, ns: &str) -> Option<String> {
    let (group, version) = obj::text(reference, "/apiVersion").split_once('/').unwrap_or(("", "v1"));
    let kind = obj::text(reference, "/kind");
    let resource = Kinds::of(store).of_version(group, version).find(|resource| resource.kind == kind)?;
    let ns = (!ns.is_empty()).then_some(ns);
    let owner = store.get_shared(&stored(&resource.gvr()), ns, obj::text(reference, "/name"))?;
    Some(obj::uid(&owner).to_owned())
}

/// A uid that is the same every time.
fn uid(kind: &str, namespace: &str, name: &str) -> String {
    let digest = Sha256::digest(format!("{kind}/{namespace}/{name}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}
