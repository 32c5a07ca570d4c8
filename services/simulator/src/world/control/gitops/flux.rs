//! Flux: Kustomizations and HelmReleases are reconciled at intervals and on request, unless they are suspended.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::drift::{Desired, cared};
use crate::{
    scenario::Span,
    store::{Gvr, Store},
    world::{
        control::sooner,
        events::{About, tell_about},
        obj,
    },
};

/// Time a reconciliation takes.
const RECONCILING: Duration = Duration::from_secs(2);
/// Time between two reconciliations of an object that names none.
const USUAL: Duration = Duration::from_secs(600);
const REQUESTED: &str = "reconcile.fluxcd.io/requestedAt";

/// One of the kinds that Flux reconciles.
struct Kind {
    about: About,
    gvr: Gvr,
    /// Group of the labels by which its objects name it.
    label: &'static str,
}

fn kinds() -> [Kind; 2] {
    [
        Kind {
            about: About {
                api_version: "kustomize.toolkit.fluxcd.io/v1",
                kind: "Kustomization",
                component: "kustomize-controller",
            },
            gvr: Gvr::new("kustomize.toolkit.fluxcd.io", "v1", "kustomizations"),
            label: "kustomize.toolkit.fluxcd.io",
        },
        Kind {
            about: About {
                api_version: "helm.toolkit.fluxcd.io/v2",
                kind: "HelmRelease",
                component: "helm-controller",
            },
            gvr: Gvr::new("helm.toolkit.fluxcd.io", "v2", "helmreleases"),
            label: "helm.toolkit.fluxcd.io",
        },
    ]
}

/// One look at everything Flux reconciles; answers when it wants to look again.
pub(crate) fn step(store: &Store, desired: &mut Desired, now: Timestamp) -> Option<Timestamp> {
    let mut next = None;
    for kind in kinds() {
        for object in store.awake(&kind.gvr) {
            if !obj::deleting(&object) {
                next = sooner(next, sync(store, &kind, desired, &object, now));
            }
        }
    }
    next
}

fn sync(store: &Store, kind: &Kind, desired: &mut Desired, object: &Value, now: Timestamp) -> Option<Timestamp> {
    let owns = |other: &Value| {
        let label = |part: &str| other["metadata"]["labels"][format!("{}/{part}", kind.label)].as_str();
        label("name") == Some(obj::name(object)) && label("namespace").is_none_or(|ns| ns == obj::namespace(object))
    };
    let mine = cared(store, desired, object, &owns);
    if object["spec"]["suspend"] == true {
        return None;
    }
    let ready = obj::condition(object, "Ready");
    let requested = object["metadata"]["annotations"][REQUESTED].as_str();
    let unhandled = requested.is_some() && requested != object["status"]["lastHandledReconcileAt"].as_str();
    let changed = object["status"]["observedGeneration"] != object["metadata"]["generation"];
    let interval = Span::parse(obj::text(object, "/spec/interval")).map_or(USUAL, |span| span.0.max(RECONCILING * 2));
    let last = obj::time(object, "/status/lastAttemptedAt");
    let due = last.map(|last| obj::after(last, interval));
    if let Some(begun) = obj::condition(object, "Reconciling").and_then(|c| obj::time(c, "/lastTransitionTime")) {
        let until = obj::after(begun, RECONCILING);
        if until > now {
            return Some(until);
        }
        // A HelmRelease looks for drift only when told to.
        if kind.label != "helm.toolkit.fluxcd.io" || object["spec"]["driftDetection"]["mode"] == "enabled" {
            let drifted = mine.iter().filter(|one| one.drifted(desired, &[]));
            drifted.for_each(|one| one.restore(store, desired, &[]));
        }
        done(store, kind, object, requested, now);
        return Some(obj::after(now, interval));
    }
    if ready.is_some() && !unhandled && !changed && due.is_some_and(|due| due > now) {
        return due;
    }
    write(
        store,
        kind,
        object,
        &[("Reconciling", "True", "Progressing", "Reconciliation in progress")],
        now,
        |_| {},
    );
    Some(obj::after(now, RECONCILING))
}

fn done(store: &Store, kind: &Kind, object: &Value, requested: Option<&str>, now: Timestamp) {
    let revision = object["status"]["lastAppliedRevision"]
        .as_str()
        .unwrap_or("main@sha1:0000000")
        .to_owned();
    let (reason, message) = if kind.about.kind == "HelmRelease" {
        let chart = object["spec"]["chart"]["spec"]["chart"].as_str().unwrap_or(obj::name(object));
        (
            "UpgradeSucceeded",
            format!(
                "Helm upgrade succeeded for release {}/{} with chart {chart}",
                obj::namespace(object),
                obj::name(object)
            ),
        )
    } else {
        ("ReconciliationSucceeded", format!("Applied revision: {revision}"))
    };
    write(store, kind, object, &[("Ready", "True", reason, &message)], now, |status| {
        status["observedGeneration"] = object["metadata"]["generation"].clone();
        status["lastAttemptedAt"] = json!(obj::rfc3339(now));
        if kind.about.kind == "Kustomization" {
            status["lastAppliedRevision"] = json!(revision);
            status["lastAttemptedRevision"] = json!(revision);
        }
        if let Some(requested) = requested {
            status["lastHandledReconcileAt"] = json!(requested);
        }
    });
    tell_about(store, &kind.about, object, false, reason, &message, now);
}

/// Sets conditions; a finished reconciliation is no longer `Reconciling`.
fn write(store: &Store, kind: &Kind, object: &Value, set: &[(&str, &str, &str, &str)], now: Timestamp, mut more: impl FnMut(&mut Value)) {
    obj::change(store, &kind.gvr, obj::namespace(object), obj::name(object), |object| {
        let mut all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        all.retain(|c| c["type"] != "Reconciling");
        for (name, status, reason, message) in set {
            let same = all.iter().find(|c| c["type"] == *name && c["status"] == *status);
            let since = same.map_or_else(|| json!(obj::rfc3339(now)), |c| c["lastTransitionTime"].clone());
            all.retain(|c| c["type"] != *name);
            all.push(
                json!({"type": name, "status": status, "lastTransitionTime": since, "reason": reason, "message": message,
                "observedGeneration": object["metadata"]["generation"]}),
            );
        }
        if !object["status"].is_object() {
            object["status"] = json!({});
        }
        object["status"]["conditions"] = json!(all);
        more(&mut object["status"]);
    });
}
