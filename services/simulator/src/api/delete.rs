//! `delete`, graceful or at once, with preconditions and propagation.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Api, convert,
    read::Filter,
    reply::Reply,
    request::{Query, Target},
};
use crate::store::{Gvr, Status, name_of, namespace_of, rfc3339};

/// What the server says when a Job is deleted without saying what becomes of its pods.
const ORPHANS: &str = "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set \
    propagationPolicy=Orphan to suppress this warning";

/// What a delete request asks for, from its body and its query.
#[derive(Clone, Debug, Default)]
pub(super) struct DeleteOptions {
    grace: Option<i64>,
    propagation: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    dry: bool,
}

impl DeleteOptions {
    /// Reads `DeleteOptions`; query parameters win.
    pub(super) fn parse(query: &Query, body: &Value) -> Result<Self, Status> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let dry = query.dry_run()? || body["dryRun"].as_array().is_some_and(|list| list.iter().any(|v| v == "All"));
        Ok(Self {
            grace: query.number("gracePeriodSeconds")?.or(body["gracePeriodSeconds"].as_i64()),
            propagation: query
                .get("propagationPolicy")
                .map(str::to_owned)
                .or(text(&body["propagationPolicy"])),
            uid: text(&body["preconditions"]["uid"]),
            resource_version: text(&body["preconditions"]["resourceVersion"]),
            dry,
        })
    }

    /// Refuses (409) when the object is not the one that was meant.
    pub(super) fn check(&self, target: &Target, object: &Value) -> Result<(), Status> {
        let meta = &object["metadata"];
        let (kind, name) = (target.resource.kind, target.name());
        let differs = |what: &str, wanted: &Option<String>, key: &str| -> Option<String> {
            let wanted = wanted.as_deref()?;
            let have = meta[key].as_str().unwrap_or_default();
            (wanted != have).then(|| {
                format!(
                    "the {what} in the precondition ({wanted}) does not match the {what} in record ({have}). \
                     The object might have been {}",
                    if key == "uid" { "deleted and then recreated" } else { "modified" }
                )
            })
        };
        let why = differs("UID", &self.uid, "uid").or_else(|| differs("ResourceVersion", &self.resource_version, "resourceVersion"));
        match why {
            None => Ok(()),
            Some(why) => Err(Status::conflict(
                &Gvr::new(target.resource.group, target.resource.version, kind),
                name,
                &why,
            )),
        }
    }
}

impl Api {
    /// Deletes one object.
    pub(super) fn delete(&self, target: &Target, options: &DeleteOptions) -> Result<Reply, Status> {
        let gvr = target.stored();
        let found = self.store.get_shared(&gvr, target.ns(), target.name());
        let current = found.ok_or_else(|| Status::not_found(&target.gvr(), target.name()))?;
        options.check(target, &current)?;
        if target.resource.plural == "namespaces" {
            return self.delete_namespace(target, options);
        }
        let grace = grace(target, &current, options);
        let finalizer = match options.propagation.as_deref() {
            Some("Foreground") => Some("foregroundDeletion"),
            Some("Orphan") => Some("orphan"),
            // Jobs keep their pods unless told otherwise.
            None if gvr == Gvr::jobs() => Some("orphan"),
            _ => None,
        };
        let mut warnings = Vec::new();
        if gvr == Gvr::jobs() && options.propagation.is_none() {
            warnings.push(ORPHANS.to_owned());
        }
        let held = current["metadata"]["finalizers"].as_array().is_some_and(|list| !list.is_empty());
        if grace == 0 && finalizer.is_none() && !held {
            if !options.dry {
                self.store.delete(&gvr, target.ns(), target.name())?;
            }
            return Ok(Reply::ok(self.gone(target, &current)));
        }
        let at = self.store.now() + Duration::from_secs(grace.unsigned_abs());
        let mut mark = |object: &mut Value| {
            let meta = &mut object["metadata"];
            let shorter = meta["deletionGracePeriodSeconds"].as_i64().is_none_or(|left| grace < left);
            if meta["deletionTimestamp"].is_null() || shorter {
                meta["deletionTimestamp"] = json!(rfc3339(at));
                meta["deletionGracePeriodSeconds"] = json!(grace);
            }
            if let Some(finalizer) = finalizer {
                let mut list = meta["finalizers"].as_array().cloned().unwrap_or_default();
                if !list.iter().any(|f| f == finalizer) {
                    list.push(json!(finalizer));
                }
                meta["finalizers"] = Value::Array(list);
            }
            Ok(())
        };
        let marked = if options.dry {
            self.store.update_dry(&gvr, target.ns(), target.name(), &mut mark)?
        } else {
            self.store.update(&gvr, target.ns(), target.name(), &mut mark)?
        };
        Ok(Reply::json(200, convert::to_served(target.resource, &marked), warnings))
    }

    /// What the server answers when the object is gone at once.
    fn gone(&self, target: &Target, last: &Value) -> Value {
        // Pods are answered as they were, everything else as a success.
        if target.stored() == Gvr::pods() {
            return convert::to_served(target.resource, last);
        }
        let mut details = json!({"name": target.name(), "kind": target.resource.plural, "uid": last["metadata"]["uid"]});
        if !target.resource.group.is_empty() {
            details["group"] = json!(target.resource.group);
        }
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
    }

    /// Deletes every object of a collection that the selectors take.
    pub(super) fn delete_collection(&self, target: &Target, query: &Query, options: &DeleteOptions) -> Result<Reply, Status> {
        let filter = Filter::parse(target, query)?;
        let (objects, rv) = self.store.list_shared(&target.stored(), target.ns());
        let mut items = Vec::new();
        for object in objects {
            let served = convert::to_served(target.resource, &object);
            if !filter.takes(&served) {
                continue;
            }
            let one = Target {
                namespace: Some(namespace_of(&object)).filter(|ns| !ns.is_empty()).map(str::to_owned),
                name: Some(name_of(&object).to_owned()),
                ..target.clone()
            };
            self.delete(&one, options)?;
            items.push(convert::as_item(served));
        }
        let kind = format!("{}List", target.resource.kind);
        let body = json!({"metadata": {"resourceVersion": rv.to_string()}, "items": items});
        Ok(Reply::ok(convert::headed(&kind, &target.gvr().api_version(), body)))
    }

    /// A namespace goes with everything in it.
    fn delete_namespace(&self, target: &Target, options: &DeleteOptions) -> Result<Reply, Status> {
        let gvr = Gvr::namespaces();
        let at = rfc3339(self.store.now());
        let mut mark = |object: &mut Value| {
            object["metadata"]["deletionTimestamp"] = json!(at);
            object["status"]["phase"] = json!("Terminating");
            Ok(())
        };
        if options.dry {
            let marked = self.store.update_dry(&gvr, None, target.name(), &mut mark)?;
            return Ok(Reply::ok(convert::to_served(target.resource, &marked)));
        }
        for resource in super::custom::Kinds::of(&self.store)
            .all()
            .filter(|r| r.namespaced && r.verbs.contains(&"delete"))
        {
            for object in self.store.list_shared(&resource.gvr(), Some(target.name())).0 {
                // Somebody else may be faster; gone is gone.
                self.store.delete(&resource.gvr(), Some(target.name()), name_of(&object)).ok();
            }
        }
        let last = self.store.delete(&gvr, None, target.name())?;
        let mut shown = convert::to_served(target.resource, &last);
        mark(&mut shown)?;
        Ok(Reply::ok(shown))
    }
}

/// Seconds until the object may go: only pods on a node are given time.
fn grace(target: &Target, object: &Value, options: &DeleteOptions) -> i64 {
    let scheduled = object["spec"]["nodeName"].as_str().is_some_and(|node| !node.is_empty());
    if target.stored() != Gvr::pods() || !scheduled {
        return 0;
    }
    let finished = matches!(object["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    let own = object["spec"]["terminationGracePeriodSeconds"].as_i64().unwrap_or(30);
    let wanted = options.grace.unwrap_or(if finished { 0 } else { own });
    wanted.max(0)
}
