//! Exact changes: edits become an RFC 6902 patch that pins what was seen, its inverse, and what a person compares.

mod explain;
mod human;
mod path;
mod root;
#[cfg(test)]
mod tests;

use json_patch::Patch;
use paramedic_domain::{
    change::{FieldChange, STEP_ANNOTATION},
    id::{PlanId, StepId},
};
use serde_json::{Value, json};

pub use explain::{Presence, drift, presence, undo_presence};
pub use human::show;
pub use path::Path;
use root::{Root, key_of, smallest};

use crate::secrets;

/// One wanted value.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// Where.
    pub path: Path,
    /// What; `None` removes.
    pub value: Option<Value>,
}

impl Edit {
    /// Sets the value at a path, creating parents.
    #[must_use]
    pub fn set(path: Path, value: impl Into<Value>) -> Self {
        Self {
            path,
            value: Some(value.into()),
        }
    }

    /// Takes away what is at a path.
    #[must_use]
    pub fn remove(path: Path) -> Self {
        Self { path, value: None }
    }
}

/// Why edits cannot become a patch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The fetched object has no UID: nothing could be pinned to it.
    #[error("the object has no metadata.uid")]
    NoUid,
    /// An edit goes through something that is neither object nor list.
    #[error("{0} cannot be set: a value on the way to it is not an object")]
    NotAnObject(String),
    /// Every wanted value is already there.
    #[error("nothing to change: the object already is as wanted")]
    NothingToChange,
    /// What changes holds a literal secret.
    #[error("{}", secrets::refusal(.0))]
    Secret(String),
    /// An assumed patch does not fit the fetched object.
    #[error("the object is not as an earlier step expects it: {0}")]
    Assumption(String),
}

/// A change of one object in both directions, before anybody is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Built {
    /// `test`s first, then the operations, then the mark.
    pub patch: Patch,
    /// The object after it, as far as one can tell without the API server.
    pub after: Value,
    /// What a person compares.
    pub diff: Vec<FieldChange>,
    uid: Value,
    roots: Vec<Root>,
    number: Option<usize>,
}

/// The value of the mark that a step leaves.
#[must_use]
pub fn marker(plan: &PlanId, step: &StepId) -> String {
    format!("{plan}/{step}")
}

/// The value of the mark of the `number`th patch of one object by the same step.
#[must_use]
pub fn numbered(marker: &str, number: usize) -> String {
    if number > 1 {
        format!("{marker}#{number}")
    } else {
        marker.to_owned()
    }
}

/// The value of the mark that the undo of a step leaves.
#[must_use]
pub fn undo_marker(plan: &PlanId, step: &StepId) -> String {
    format!("{plan}/{step}/undo")
}

/// What a patch leaves behind, so that it is found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark<'a> {
    /// The value of the step annotation, and which patch of the object by that step this is, from 1.
    Step(&'a str, usize),
    /// None, because a subresource does not take it: then the values alone tell whether the patch is there already.
    None,
}

/// Builds the patch of `edits` against `object`.
///
/// # Errors
/// See [`PatchError`].
pub fn build(object: &Value, edits: &[Edit], leaves: Mark<'_>) -> Result<Built, PatchError> {
    let uid = object.pointer("/metadata/uid").cloned().ok_or(PatchError::NoUid)?;
    let mut after = object.clone();
    for edit in edits {
        edit.path.write(&mut after, edit.value.clone()).map_err(PatchError::NotAnObject)?;
    }
    let mut roots = roots(object, &after, edits);
    if roots.is_empty() {
        return Err(PatchError::NothingToChange);
    }
    if let Some(place) = roots.iter().find_map(|root| secret(object, &after, root)) {
        return Err(PatchError::Secret(place));
    }
    let diff = human::diff(object, &after);
    let mut ops = vec![test("/metadata/uid", &uid)];
    let places = roots.iter().map(|root| Place {
        path: &root.path,
        value: root.old.as_ref(),
        list: root.list.as_ref().map(|(list, _)| list),
    });
    ops.extend(pins(object, places));
    let number = match leaves {
        Mark::Step(marker, number) => {
            mark_value(&mut after, &numbered(marker, number));
            Some(number)
        }
        Mark::None => None,
    };
    // Where the change makes the first annotations of the object, the mark is one of them.
    for root in roots.iter_mut().filter(|root| root.path == annotations()) {
        root.new = root.path.read(&after).cloned();
    }
    ops.extend(
        roots
            .iter()
            .map(|root| operation(root.path.pointer(), root.old.as_ref(), root.new.as_ref())),
    );
    if let Mark::Step(marker, number) = leaves
        && !roots.iter().any(|root| root.path == annotations())
    {
        ops.push(mark(object, &numbered(marker, number)));
    }
    Ok(Built {
        patch: to_patch(ops),
        after,
        diff,
        uid,
        roots: roots.into_iter().flat_map(Root::apart).collect(),
        number,
    })
}

impl Built {
    /// The inverse. `after` is the object as the API server says it will be (the answer to the dry run), because it
    /// writes quantities its own way and may add defaults: the undo must pin what will really be there.
    #[must_use]
    pub fn undo(&self, after: &Value, marker: &str) -> Patch {
        let mut ops = vec![test("/metadata/uid", &self.uid)];
        // An item that went is in no place, so it has no value there.
        let found: Vec<Option<Value>> = self
            .roots
            .iter()
            .map(|root| match (&root.list, &root.new) {
                (Some(_), None) => None,
                (None, _) | (_, Some(_)) => root.after.read(after).cloned(),
            })
            .collect();
        let places = self.roots.iter().zip(&found).map(|(root, new)| Place {
            path: &root.after,
            value: new.as_ref(),
            list: root.list.as_ref().map(|(_, list)| list),
        });
        ops.extend(pins(after, places));
        let mut emptied: Vec<&Path> = Vec::new();
        for (root, new) in self.roots.iter().zip(&found).rev() {
            match (&root.list, &root.old) {
                // The API server leaves a list out from which everything went.
                (Some((list, place)), Some(old)) if place.read(after).is_none() && !emptied.contains(&list) => {
                    emptied.push(list);
                    ops.push(json!({"op": "add", "path": list.pointer(), "value": [old]}));
                }
                (Some(_) | None, old) => ops.push(operation(root.path.pointer(), new.as_ref(), old.as_ref())),
            }
        }
        if let Some(number) = self.number {
            ops.push(mark(after, &numbered(marker, number)));
        }
        to_patch(ops)
    }
}

/// The object after the patches of earlier steps.
///
/// # Errors
/// When a patch does not apply: the world is not as the earlier step was prepared for.
pub fn assume(object: &Value, patches: &[Patch]) -> Result<Value, PatchError> {
    let mut after = object.clone();
    for patch in patches {
        json_patch::patch(&mut after, patch).map_err(|error| PatchError::Assumption(error.to_string()))?;
    }
    Ok(after)
}

fn roots(before: &Value, after: &Value, edits: &[Edit]) -> Vec<Root> {
    let mut paths: Vec<Path> = Vec::new();
    for edit in edits {
        let root = edit.path.shallowest_missing(before).unwrap_or_else(|| edit.path.clone());
        if paths.iter().any(|known| root.starts_with(known)) {
            continue;
        }
        paths.retain(|known| !known.starts_with(&root));
        paths.push(root);
    }
    let roots = paths
        .into_iter()
        .map(|path| {
            let (old, new) = (path.read(before).cloned(), path.read(after).cloned());
            Root::whole(path, old, new)
        })
        .filter(|root| root.old != root.new)
        .collect();
    smallest(roots)
}

/// Where a root holds a literal secret, before or after.
fn secret(before: &Value, after: &Value, root: &Root) -> Option<String> {
    let sides = [(before, &root.path, &root.old), (after, &root.after, &root.new)];
    sides.into_iter().find_map(|(object, path, value)| {
        let named = path.parent().and_then(|parent| parent.read(object)?.get("name")?.as_str());
        let called = match path.called() {
            Some("value") => named.or(Some("value")),
            other => other,
        };
        Some(format!("{}{}", path.pointer(), secrets::secret_in(called, value.as_ref()?)?))
    })
}

/// A place that an operation rests on.
struct Place<'a> {
    path: &'a Path,
    value: Option<&'a Value>,
    /// The list in which an item comes or goes.
    list: Option<&'a Path>,
}

/// Tests of everything the change rests on: old values, the parent where a value was absent, and the name of every item of a
/// list that is addressed by its position. Nothing else: what stays may be a secret.
fn pins<'a>(object: &Value, places: impl Iterator<Item = Place<'a>>) -> Vec<Value> {
    let mut pins: Vec<Value> = Vec::new();
    let mut pin = |op: Value| {
        if !pins.contains(&op) {
            pins.push(op);
        }
    };
    for place in places {
        for item in place.path.above().filter(|above| above.ends_in_a_number()) {
            if let Some(name) = item.read(object).and_then(|value| test_of_name(&item.pointer(), value)) {
                pin(name);
            }
        }
        if let Some(list) = place.list {
            let items = list.read(object).and_then(Value::as_array).into_iter().flatten();
            for (index, item) in items.enumerate() {
                if let Some(name) = test_of_name(&list.join([index.to_string()]).pointer(), item) {
                    pin(name);
                }
            }
        }
        match (place.value, place.path.parent()) {
            (Some(value), _) => pin(test(&place.path.pointer(), value)),
            (None, _) if place.list.is_some() => {}
            // The annotations of the object itself change all the time, and so do its replicas; before it is sent, the
            // worker looks whether the place is still empty.
            (None, Some(parent)) if parent.volatile() => {}
            (None, Some(parent)) => {
                if let Some(value) = parent.read(object).filter(|value| !free_text(&parent, value)) {
                    pin(test(&parent.pointer(), value));
                }
            }
            (None, None) => {}
        }
    }
    pins
}

/// The test of what names an item of a list. Taints that controllers of Kubernetes set come and go without anybody's doing.
fn test_of_name(pointer: &str, item: &Value) -> Option<Value> {
    let (member, name) = key_of(item)?;
    if member == "key" && own_taint(&name) {
        return None;
    }
    Some(test(&format!("{pointer}/{member}"), item.get(member)?))
}

/// Taints that controllers of Kubernetes set and take away.
#[must_use]
pub fn own_taint(key: &str) -> bool {
    key.starts_with("node.kubernetes.io/") || key.starts_with("node.cloudprovider.kubernetes.io/")
}

/// Whether people write there what they like, secrets among it: variables, arguments and files.
fn free_text(path: &Path, value: &Value) -> bool {
    path.called()
        .is_some_and(|name| ["data", "stringData", "binaryData", "annotations"].contains(&name))
        || writes_freely(value)
}

fn writes_freely(value: &Value) -> bool {
    match value {
        Value::Object(members) => members
            .iter()
            .any(|(name, member)| ["env", "args", "command"].contains(&name.as_str()) || writes_freely(member)),
        Value::Array(items) => items.iter().any(writes_freely),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => secrets::secret_in(None, value).is_some(),
    }
}

fn operation(path: String, old: Option<&Value>, new: Option<&Value>) -> Value {
    match (old, new) {
        (None, Some(new)) => json!({"op": "add", "path": path, "value": new}),
        (_, Some(new)) => json!({"op": "replace", "path": path, "value": new}),
        (_, None) => json!({"op": "remove", "path": path}),
    }
}

fn test(path: &str, value: &Value) -> Value {
    json!({"op": "test", "path": path, "value": value})
}

fn annotations() -> Path {
    Path::new(["metadata", "annotations"])
}

fn annotation() -> Path {
    annotations().join([STEP_ANNOTATION])
}

fn mark(object: &Value, marker: &str) -> Value {
    if object.pointer("/metadata/annotations").is_some_and(Value::is_object) {
        json!({"op": "add", "path": annotation().pointer(), "value": marker})
    } else {
        json!({"op": "add", "path": "/metadata/annotations", "value": {STEP_ANNOTATION: marker}})
    }
}

fn mark_value(object: &mut Value, marker: &str) {
    // Writing below metadata cannot fail: an object with a UID has metadata.
    let written = annotation().write(object, Some(marker.into()));
    debug_assert!(written.is_ok(), "metadata is an object");
}

/// The step whose mark an object carries.
#[must_use]
pub fn mark_of(object: &Value) -> Option<&str> {
    annotation().read(object)?.as_str()
}

fn to_patch(ops: Vec<Value>) -> Patch {
    serde_json::from_value(Value::Array(ops)).expect("operations built here are valid RFC 6902")
}
