//! Events: what the controllers and kubelets tell people. Repeats of one event count up instead of piling up.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{model::hash, obj};
use crate::store::{Gvr, Store};

/// How long an event is kept after it was last seen, as the real API server does by default.
const KEPT: Duration = Duration::from_secs(3600);

/// One thing worth telling.
pub(crate) struct Note<'a> {
    /// The object it is about.
    pub(crate) about: &'a Value,
    /// API version and kind of that object.
    pub(crate) of: (&'static str, &'static str),
    /// Container, for events of one container.
    pub(crate) container: Option<&'a str>,
    /// `Normal` or `Warning`.
    pub(crate) warning: bool,
    pub(crate) reason: &'a str,
    pub(crate) message: &'a str,
    /// Who says so, e.g. `kubelet`.
    pub(crate) component: &'a str,
    /// Node of the speaker, for kubelets.
    pub(crate) host: Option<&'a str>,
    pub(crate) at: Timestamp,
}

/// The kind of object a controller speaks about, and its own name.
pub(crate) struct About {
    pub(crate) api_version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) component: &'static str,
}

/// An event of a controller about one of its objects.
pub(crate) fn tell_about(store: &Store, about: &About, object: &Value, warning: bool, reason: &str, message: &str, at: Timestamp) {
    tell(
        store,
        &Note {
            about: object,
            of: (about.api_version, about.kind),
            container: None,
            warning,
            reason,
            message,
            component: about.component,
            host: None,
            at,
        },
    );
}

/// Writes an event, or counts it when the same one is already there.
pub(crate) fn tell(store: &Store, note: &Note<'_>) {
    let object = note.about;
    let ns = match obj::namespace(object) {
        "" => "default",
        ns => ns,
    };
    let field = note.container.map(|container| format!("spec.containers{{{container}}}"));
    let same = format!(
        "{}{}{}{}",
        obj::uid(object),
        note.reason,
        note.message,
        field.as_deref().unwrap_or_default()
    );
    let name = format!("{}.{:016x}", obj::name(object), hash(&same, 0));
    let at = obj::rfc3339(note.at);
    if store.get_shared(&Gvr::events(), Some(ns), &name).is_some() {
        obj::change(store, &Gvr::events(), ns, &name, |event| {
            event["count"] = json!(obj::int(event, "/count").unwrap_or(1) + 1);
            event["lastTimestamp"] = json!(at);
        });
        return;
    }
    let mut involved = json!({
        "kind": note.of.1, "name": obj::name(object), "uid": obj::uid(object),
        "apiVersion": note.of.0, "resourceVersion": object["metadata"]["resourceVersion"],
    });
    if !obj::namespace(object).is_empty() {
        involved["namespace"] = json!(obj::namespace(object));
    }
    if let Some(field) = field {
        involved["fieldPath"] = json!(field);
    }
    let mut source = json!({"component": note.component});
    if let Some(host) = note.host {
        source["host"] = json!(host);
    }
    let event = json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": name, "namespace": ns, "creationTimestamp": at},
        "involvedObject": involved,
        "reason": note.reason, "message": note.message,
        "source": source,
        "firstTimestamp": at, "lastTimestamp": at, "count": 1,
        "type": if note.warning { "Warning" } else { "Normal" },
        "eventTime": null,
        "reportingComponent": note.component, "reportingInstance": note.host.unwrap_or_default(),
    });
    if let Err(status) = store.create(&Gvr::events(), event) {
        tracing::debug!(?status, "event was not written");
    }
}

/// Removes events last seen too long ago.
pub(crate) fn prune(store: &Store, now: Timestamp) {
    for event in store.list_shared(&Gvr::events(), None).0 {
        if obj::time(&event, "/lastTimestamp").is_some_and(|seen| obj::after(seen, KEPT) < now) {
            obj::remove(store, &Gvr::events(), &event);
        }
    }
}
