//! Objects that a recommendation names without saying where they are.

use paramedic_domain::{incident::Incident, object::ObjectRef};
use serde_json::Value;

use super::refuse;
use crate::{
    action::Refused,
    world::{Lookup, Need, World},
};

/// Kinds by API version, as a [`Lookup`] takes them.
pub(super) type Kinds = &'static [(&'static str, &'static str)];

pub(super) const DEPLOYMENT: Kinds = &[("apps/v1", "Deployment")];
pub(super) const STATEFUL_SET: Kinds = &[("apps/v1", "StatefulSet")];
pub(super) const DAEMON_SET: Kinds = &[("apps/v1", "DaemonSet")];
/// What a database runs as.
pub(super) const DATABASE: Kinds = &[("apps/v1", "StatefulSet"), ("apps/v1", "Deployment")];
/// What people mean by the name of a service.
pub(super) const SERVICE: Kinds = &[
    ("v1", "Service"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
];

/// A search for `name`.
pub(super) fn lookup(kinds: Kinds, namespace: Option<&String>, name: &str) -> Lookup {
    Lookup {
        kinds,
        namespace: namespace.cloned(),
        name: name.to_owned(),
    }
}

/// What has to be fetched for it: where there is only one object that can be meant, that one.
pub(super) fn need(wanted: Lookup) -> Need {
    match exactly(&wanted) {
        Some(object) => Need::Object(object),
        None => Need::Named(wanted),
    }
}

fn exactly(wanted: &Lookup) -> Option<ObjectRef> {
    match wanted.kinds {
        [(api_version, kind)] => Some(ObjectRef::new(api_version, kind, Some(wanted.namespace.as_ref()?), &wanted.name)),
        _ => None,
    }
}

/// The one object that a search found. Of several, the only one in a namespace of the incident is meant.
pub(super) fn only<'a>(world: &'a World, wanted: &Lookup) -> Result<(ObjectRef, &'a Value), Refused> {
    if let Some(object) = exactly(wanted) {
        let value = world.object(&object)?;
        return Ok((object, value));
    }
    let found = world.named.iter().find(|(lookup, _)| lookup == wanted);
    let found = found.map_or(&[][..], |(_, objects)| objects.as_slice());
    let kinds: Vec<&str> = wanted.kinds.iter().map(|(_, kind)| *kind).collect();
    let what = match &wanted.namespace {
        Some(namespace) => format!("{} {namespace}/{}", kinds.join(" or "), wanted.name),
        None => format!("{} {}", kinds.join(" or "), wanted.name),
    };
    match found {
        [] if wanted.namespace.is_none() => refuse(format!(
            "{what} was found in no namespace: give parameters.namespace, or check the name"
        )),
        [] => refuse(format!("{what} does not exist in the cluster")),
        [(object, value)] => Ok((object.clone(), value)),
        several => {
            let near = world.incident.as_ref().map(namespaces).unwrap_or_default();
            let meant: Vec<_> = several
                .iter()
                .filter(|(object, _)| object.namespace.as_ref().is_some_and(|name| near.contains(&name.as_str())))
                .collect();
            match meant.as_slice() {
                [(object, value)] => Ok((object.clone(), value)),
                _ => {
                    let places: Vec<&str> = several.iter().filter_map(|(object, _)| object.namespace.as_deref()).collect();
                    refuse(format!(
                        "parameters.namespace: {what} exists in {}: say which is meant",
                        places.join(", ")
                    ))
                }
            }
        }
    }
}

/// The namespaces that an incident is about: of its diagnosis, else of its alerts.
fn namespaces(incident: &Incident) -> Vec<&str> {
    match incident
        .diagnosis
        .as_ref()
        .and_then(|diagnosis| diagnosis.target.namespace.as_deref())
    {
        Some(namespace) => vec![namespace],
        None => incident
            .alerts
            .values()
            .map(|alert| alert.label("namespace"))
            .filter(|name| !name.is_empty())
            .collect(),
    }
}
