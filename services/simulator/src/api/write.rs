//! `create`, `update` and `patch`.

use serde_json::{Map, Value, json};

use super::{
    Api, Caller, convert,
    decode::{self, FieldValidation},
    defaults, limits, managed,
    patch::{self, Patch},
    quota,
    reply::Reply,
    request::{Query, Target},
    schema::SCHEMAS,
    validate,
};
use crate::{
    store::{Cause, Gvr, Status, name_of, name_suffix},
    world::control::volumes::growing_classes,
};

/// Custom resources have no schema that says how their lists merge.
const NO_STRATEGIC: &str = "the body of the request was in an unknown format - accepted media types include: \
    application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";

impl Api {
    /// Creates an object from a request body.
    pub(super) fn create(&self, target: &Target, query: &Query, caller: &Caller, body: Value) -> Result<Reply, Status> {
        let mode = FieldValidation::parse(query.get("fieldValidation"))?;
        let (object, warnings) = self.admit(target, body, mode)?;
        let object = self.new_object(target, object, caller, None)?;
        let made = self.commit_new(target, object, query.dry_run()?)?;
        Ok(Reply::json(201, convert::to_served(target.resource, &made), warnings))
    }

    /// Decodes and places a body: right kind, right namespace, no unknown fields.
    fn admit(&self, target: &Target, mut object: Value, mode: FieldValidation) -> Result<(Value, Vec<String>), Status> {
        check_kind(target, &mut object)?;
        let unknown = decode::fit(target.resource, &mut object)?;
        let warnings = decode::judge(target.resource, mode, &unknown)?;
        if let Some(ns) = target.ns() {
            let meta = metadata(&mut object)?;
            match meta.get("namespace").and_then(Value::as_str) {
                None | Some("") => {
                    meta.insert("namespace".to_owned(), json!(ns));
                }
                Some(sent) if sent != ns => {
                    let why =
                        format!("the namespace of the provided object does not match the namespace sent on the request ({sent} != {ns})");
                    return Err(Status::bad_request(why));
                }
                Some(_) => {}
            }
            if self.store.get_shared(&Gvr::namespaces(), None, ns).is_none() {
                return Err(Status::not_found(&Gvr::namespaces(), ns));
            }
        }
        Ok((object, warnings))
    }

    /// Everything between decoding and storing a new object. `applied` holds managed fields that are already settled.
    fn new_object(&self, target: &Target, mut object: Value, caller: &Caller, applied: Option<Value>) -> Result<Value, Status> {
        let meta = metadata(&mut object)?;
        if meta.get("resourceVersion").and_then(Value::as_str).is_some_and(|rv| !rv.is_empty()) {
            return Err(Status::bad_request("resourceVersion should not be set on objects to be created"));
        }
        for key in [
            "uid",
            "creationTimestamp",
            "generation",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "selfLink",
            "managedFields",
        ] {
            meta.remove(key);
        }
        let resource = target.resource;
        let mut stored = convert::to_stored(resource, object);
        defaults::fill(resource, &mut stored);
        if let Some(status) = defaults::initial_status(resource, &stored) {
            stored["status"] = status;
        }
        validate::object(resource, &stored, None)?;
        self.admitted(target, &stored)?;
        if target.stored() == Gvr::jobs() {
            name_job(&mut stored);
            defaults::job(&mut stored);
        }
        if target.stored() == Gvr::pods() {
            limits::admit(&self.store, &mut stored)?;
            quota::admit(&self.store, &stored)?;
        }
        match applied {
            Some(entries) => stored["metadata"]["managedFields"] = entries,
            None => {
                let mut served = convert::to_served(resource, &stored);
                let mut tracked = served.clone();
                if resource.has_status()
                    && let Some(map) = tracked.as_object_mut()
                {
                    map.remove("status");
                }
                managed::track_update(resource, None, &mut tracked, &caller.writer(target));
                served["metadata"] = tracked["metadata"].clone();
                stored["metadata"] = served["metadata"].clone();
            }
        }
        Ok(stored)
    }

    fn commit_new(&self, target: &Target, object: Value, dry: bool) -> Result<Value, Status> {
        let gvr = target.stored();
        if dry {
            self.store.create_dry(&gvr, object)
        } else {
            self.store.create(&gvr, object)
        }
    }

    /// Replaces an object.
    pub(super) fn replace(&self, target: &Target, query: &Query, caller: &Caller, mut body: Value) -> Result<Reply, Status> {
        check_kind(target, &mut body)?;
        let mode = FieldValidation::parse(query.get("fieldValidation"))?;
        let body_name = name_of(&body);
        if body_name.is_empty() {
            return Err(Status::bad_request("name must be provided"));
        }
        let unknown = decode::fit(target.resource, &mut body)?;
        let warnings = decode::judge(target.resource, mode, &unknown)?;
        let new = self.change(target, query, &mut |_| Ok(body.clone()), Some(caller))?;
        Ok(Reply::json(200, new, warnings))
    }

    /// Applies a patch of any type.
    pub(super) fn patch(&self, target: &Target, query: &Query, caller: &Caller, patch: &Patch) -> Result<Reply, Status> {
        let mode = FieldValidation::parse(query.get("fieldValidation"))?;
        if let Patch::Apply(config) = patch {
            return self.apply(target, query, caller, config, mode);
        }
        let resource = target.resource;
        if resource.schemaless && matches!(patch, Patch::Strategic(_)) {
            return Err(Status::new(415, "UnsupportedMediaType", NO_STRATEGIC).with_details(json!({})));
        }
        let node = SCHEMAS.kind(resource.group, resource.version, resource.kind);
        let mut warnings = Vec::new();
        let new = self.change(
            target,
            query,
            &mut |served| {
                let mut new = served.clone();
                match patch {
                    Patch::Json(operations) => patch::json(&mut new, operations)?,
                    Patch::Merge(value) => patch::merge(&mut new, value),
                    Patch::Strategic(value) | Patch::Apply(value) => patch::strategic::apply(node, &mut new, value)?,
                }
                let unknown = decode::fit(resource, &mut new)?;
                warnings = judge_patch(mode, patch, &unknown)?;
                Ok(new)
            },
            Some(caller),
        )?;
        Ok(Reply::json(200, new, warnings))
    }

    /// Changes one object through `make`, which sees and answers the served version. `None` as caller leaves the managed
    /// fields as `make` answered them.
    pub(super) fn change(
        &self,
        target: &Target,
        query: &Query,
        make: &mut dyn FnMut(&Value) -> Result<Value, Status>,
        caller: Option<&Caller>,
    ) -> Result<Value, Status> {
        let resource = target.resource;
        let gvr = target.stored();
        let claims = gvr == Gvr::persistent_volume_claims() && target.sub().is_empty();
        let growing = if claims { growing_classes(&self.store) } else { Vec::new() };
        let mut edit = |current: &mut Value| {
            let served = convert::to_served(resource, current);
            let mut new = make(&served)?;
            validate::immutables(resource, &target.gvr(), &served, &new)?;
            keep_server_fields(&served, &mut new)?;
            keep_other_half(target, &served, &mut new);
            if target.sub() == "resize" {
                let entries = new["metadata"].clone();
                new = validate::resize(&served, &new)?;
                new["metadata"] = entries;
            }
            if new == served {
                return Ok(());
            }
            let mut stored = convert::to_stored(resource, new);
            defaults::fill(resource, &mut stored);
            if target.sub().is_empty() {
                validate::object(resource, &stored, Some(current))?;
                self.admitted(target, &stored)?;
                if claims {
                    validate::may_grow(current, &stored, &growing)?;
                }
            }
            if let Some(caller) = caller {
                let mut tracked = convert::to_served(resource, &stored);
                if tracked != served {
                    managed::track_update(resource, Some(&served), &mut tracked, &caller.writer(target));
                    stored["metadata"] = tracked["metadata"].clone();
                }
            }
            *current = stored;
            Ok(())
        };
        let changed = if query.dry_run()? {
            self.store.update_dry(&gvr, target.ns(), target.name(), &mut edit)
        } else {
            self.store.update(&gvr, target.ns(), target.name(), &mut edit)
        };
        changed
            .map(|stored| convert::to_served(resource, &stored))
            .map_err(|status| served_not_found(status, target))
    }

    /// Server-side apply.
    fn apply(&self, target: &Target, query: &Query, caller: &Caller, config: &Value, mode: FieldValidation) -> Result<Reply, Status> {
        if caller.field_manager.is_empty() {
            let cause = Cause::required("fieldManager", "is required for apply patch");
            return Err(Status::invalid("meta.k8s.io", "PatchOptions", "", &[cause]));
        }
        let force = query.flag("force");
        let mut config = config.clone();
        check_kind(target, &mut config)?;
        let meta = metadata(&mut config)?;
        meta.entry("name").or_insert_with(|| json!(target.name()));
        let empty_maps = empty_metadata_maps(&config);
        let unknown = decode::fit(target.resource, &mut config)?;
        let warnings = decode::judge(target.resource, mode, &unknown)?;
        for key in empty_maps {
            config["metadata"][key] = json!({});
        }
        let writer = caller.writer(target);
        let exists = self.store.get_shared(&target.stored(), target.ns(), target.name()).is_some();
        if exists {
            let resource = target.resource;
            let mut make = |served: &Value| {
                let rv = config["metadata"].get("resourceVersion").cloned();
                let mut new = managed::apply(resource, Some(served), &config, &writer, force)?;
                if let Some(rv) = rv {
                    new["metadata"]["resourceVersion"] = rv;
                }
                decode::fit(resource, &mut new)?;
                Ok(new)
            };
            let new = self.change(target, query, &mut make, None)?;
            return Ok(Reply::json(200, new, warnings));
        }
        let applied = managed::apply(target.resource, None, &config, &writer, force)?;
        let entries = applied["metadata"]["managedFields"].clone();
        let (object, _) = self.admit(target, applied, FieldValidation::Ignore)?;
        let object = self.new_object(target, object, caller, Some(entries))?;
        let made = self.commit_new(target, object, query.dry_run()?)?;
        Ok(Reply::json(201, convert::to_served(target.resource, &made), warnings))
    }
}

/// The labels of a Job's pods carry its name and uid, so both are needed before it is stored.
fn name_job(job: &mut Value) {
    if name_of(job).is_empty() {
        let prefix = job["metadata"]["generateName"].as_str().unwrap_or_default();
        job["metadata"]["name"] = json!(format!("{prefix}{}", name_suffix()));
    }
    job["metadata"]["uid"] = json!(uuid::Uuid::new_v4().to_string());
}

fn metadata(object: &mut Value) -> Result<&mut Map<String, Value>, Status> {
    let root = object
        .as_object_mut()
        .ok_or_else(|| Status::bad_request("the object provided is not a JSON object"))?;
    let meta = root.entry("metadata").or_insert_with(|| json!({}));
    if meta.is_null() {
        *meta = json!({});
    }
    meta.as_object_mut()
        .ok_or_else(|| Status::bad_request("metadata is not a JSON object"))
}

/// `kind` and `apiVersion` of the body must be those of the URL; missing ones are filled in.
fn check_kind(target: &Target, object: &mut Value) -> Result<(), Status> {
    let wanted = (target.resource.kind, target.gvr().api_version());
    let Some(map) = object.as_object_mut() else {
        return Err(Status::bad_request("the object provided is not a JSON object"));
    };
    let kind = map.entry("kind").or_insert_with(|| json!(wanted.0)).clone();
    let version = map.entry("apiVersion").or_insert_with(|| json!(wanted.1)).clone();
    if kind != *wanted.0 || version != *wanted.1 {
        let shown = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        if version != *wanted.1 {
            return Err(Status::bad_request(format!(
                "the API version in the data ({}) does not match the expected API version ({})",
                shown(&version),
                wanted.1
            )));
        }
        let (kind, resource) = (shown(&kind), target.resource);
        return Err(Status::bad_request(format!(
            "{kind} in version \"{0}\" cannot be handled as a {1}: no kind \"{kind}\" is registered for version \"{2}\"",
            resource.version, resource.kind, wanted.1
        )));
    }
    Ok(())
}

/// For a patch the real server wraps the strict decoding error in a 422.
fn judge_patch(mode: FieldValidation, patch: &Patch, unknown: &[String]) -> Result<Vec<String>, Status> {
    let texts: Vec<String> = unknown.iter().map(|path| format!("unknown field \"{path}\"")).collect();
    match mode {
        FieldValidation::Strict if !texts.is_empty() => {
            let shown = match patch {
                Patch::Json(operations) => serde_json::to_string(operations).unwrap_or_default(),
                Patch::Merge(value) | Patch::Strategic(value) | Patch::Apply(value) => value.to_string(),
            };
            let why = format!("strict decoding error: {}", texts.join(", "));
            Err(Status::invalid("", "", "", &[Cause::invalid("patch", &json!(shown), &why)]))
        }
        FieldValidation::Warn => Ok(texts),
        FieldValidation::Strict | FieldValidation::Ignore => Ok(Vec::new()),
    }
}

/// Deletion marks cannot be changed by a write; a missing namespace or name is the old one.
fn keep_server_fields(old: &Value, new: &mut Value) -> Result<(), Status> {
    let meta = metadata(new)?;
    const KEPT: [&str; 8] = [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "generation",
        "resourceVersion",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ];
    for key in KEPT {
        match old["metadata"].get(key) {
            Some(value) => meta.insert(key.to_owned(), value.clone()),
            None => meta.remove(key),
        };
    }
    if meta.get("managedFields").is_none()
        && let Some(entries) = old["metadata"].get("managedFields")
    {
        meta.insert("managedFields".to_owned(), entries.clone());
    }
    Ok(())
}

/// A write to the object leaves its status alone; a write to its status leaves the rest alone.
fn keep_other_half(target: &Target, old: &Value, new: &mut Value) {
    let Some(map) = new.as_object_mut() else { return };
    match target.sub() {
        "status" => {
            let status = map.get("status").cloned();
            let entries = map["metadata"].get("managedFields").cloned();
            if let Value::Object(before) = old {
                map.clone_from(before);
            }
            if let Some(status) = status {
                map.insert("status".to_owned(), status);
            }
            if let (Some(entries), Some(meta)) = (entries, map["metadata"].as_object_mut()) {
                meta.insert("managedFields".to_owned(), entries);
            }
        }
        _ if target.resource.has_status() => {
            match old.get("status") {
                Some(status) => map.insert("status".to_owned(), status.clone()),
                None => map.remove("status"),
            };
        }
        _ => {}
    }
}

/// Empty label and annotation maps of an applied configuration count as claimed.
fn empty_metadata_maps(config: &Value) -> Vec<&'static str> {
    let empty = |key: &&str| config["metadata"][*key].as_object().is_some_and(Map::is_empty);
    ["annotations", "labels"].into_iter().filter(empty).collect()
}

/// The store speaks of the kept version; the client asked for another.
fn served_not_found(status: Status, target: &Target) -> Status {
    if status.code == 404 && status.reason == "NotFound" {
        Status::not_found(&target.gvr(), target.name())
    } else {
        status
    }
}
