//! ControllerRevisions: the templates a StatefulSet or DaemonSet has had.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    store::{Gvr, Store},
    world::{chance::safe_hash, obj},
};

/// Label of pods with the revision they were made from.
pub(crate) const REVISION_LABEL: &str = "controller-revision-hash";

/// The hash that stands for the set's present template: that of the revision which has it, or else its own.
pub(crate) fn hash(store: &Store, set: &Value) -> String {
    let all = store.list_shared(&Gvr::controller_revisions(), Some(obj::namespace(set))).0;
    let owned = |revision: &&Arc<Value>| obj::controller(revision).is_some_and(|(.., uid)| uid == obj::uid(set));
    let mut same = all
        .iter()
        .filter(owned)
        .filter(|revision| content(revision) == set["spec"]["template"]);
    let known = same.find_map(|revision| obj::name(revision).strip_prefix(&format!("{}-", obj::name(set))));
    known.map_or_else(|| safe_hash(&set["spec"]["template"].to_string()), str::to_owned)
}

/// The template that a revision keeps.
fn content(revision: &Value) -> Value {
    let mut template = revision["data"]["spec"]["template"].clone();
    if let Some(map) = template.as_object_mut() {
        map.remove("$patch");
    }
    template
}

/// Keeps the present template as the newest revision, named after the set and `hash`; forgets revisions beyond the limit.
pub(crate) fn keep(store: &Store, set: &Value, kind: &str, hash: &str) {
    let ns = obj::namespace(set);
    let name = format!("{}-{hash}", obj::name(set));
    let mut all = store.list_shared(&Gvr::controller_revisions(), Some(ns)).0;
    all.retain(|revision| obj::controller(revision).is_some_and(|(.., uid)| uid == obj::uid(set)));
    let number = |revision: &Value| revision["revision"].as_i64().unwrap_or(0);
    all.sort_by_key(|revision| number(revision));
    let newest = all.last().map_or(0, |revision| number(revision));
    match all.iter().find(|revision| obj::name(revision) == name) {
        Some(known) if number(known) == newest => {}
        Some(_) => obj::change(store, &Gvr::controller_revisions(), ns, &name, |revision| {
            revision["revision"] = json!(newest + 1);
        }),
        None => {
            let mut template = set["spec"]["template"].clone();
            template["$patch"] = json!("replace");
            let object = json!({
                "apiVersion": "apps/v1", "kind": "ControllerRevision",
                "metadata": {
                    "name": name, "namespace": ns, "labels": set["spec"]["template"]["metadata"]["labels"],
                    "annotations": set["metadata"]["annotations"],
                    "ownerReferences": [obj::owner_reference(set, "apps/v1", kind)],
                },
                "data": {"spec": {"template": template}}, "revision": newest + 1,
            });
            if let Err(status) = store.create(&Gvr::controller_revisions(), object) {
                tracing::debug!(name, ?status, "revision was not kept");
            }
            let limit = usize::try_from(obj::int(set, "/spec/revisionHistoryLimit").unwrap_or(10)).unwrap_or(0);
            let surplus = all.len().saturating_sub(limit);
            for old in all.iter().take(surplus) {
                obj::remove(store, &Gvr::controller_revisions(), old);
            }
        }
    }
}

/// The template of an earlier revision.
pub(crate) fn template(store: &Store, set: &Value, name: &str) -> Option<Value> {
    let revision = store.get_shared(&Gvr::controller_revisions(), Some(obj::namespace(set)), name)?;
    Some(content(&revision)).filter(Value::is_object)
}
