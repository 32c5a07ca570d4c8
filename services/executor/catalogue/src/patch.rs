//! Exact changes: edits become an RFC 6902 patch that pins what was seen, its inverse, and what a person compares.

mod explain;
mod human;
mod path;
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

/// A place where the object changes: the shallowest one, so that parents come into being with their children.
#[derive(Debug, Clone, PartialEq)]
struct Root {
    path: Path,
    old: Option<Value>,
    new: Option<Value>,
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
    let diff = human::diff(object, &after);
    let mut ops = vec![test("/metadata/uid", &uid)];
    ops.extend(pins(object, &roots));
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

impl Root {
    /// First annotations one by one: whoever adds others later does not stand in the way of the inverse, and keeps them.
    fn apart(self) -> Vec<Self> {
        match (&self.old, &self.new) {
            (None, Some(Value::Object(members))) if self.path == annotations() => members
                .iter()
                .filter(|(name, _)| *name != STEP_ANNOTATION)
                .map(|(name, value)| Self {
                    path: self.path.join([name]),
                    old: None,
                    new: Some(value.clone()),
                })
                .collect(),
            (None | Some(_), None | Some(_)) => vec![self],
        }
    }
}

impl Built {
    /// The inverse. `after` is the object as the API server says it will be (the answer to the dry run), because it
    /// writes quantities its own way and may add defaults: the undo must pin what will really be there.
    #[must_use]
    pub fn undo(&self, after: &Value, marker: &str) -> Patch {
        let mut ops = vec![test("/metadata/uid", &self.uid)];
        let found: Vec<Option<Value>> = self.roots.iter().map(|root| root.path.read(after).cloned()).collect();
        for (root, new) in self.roots.iter().zip(&found) {
            match new {
                Some(new) => ops.push(test(&root.path.pointer(), new)),
                None => ops.extend(
                    root.path
                        .parent()
                        .filter(|parent| !parent.volatile())
                        .and_then(|parent| Some(test(&parent.pointer(), parent.read(after)?))),
                ),
            }
        }
        for (root, new) in self.roots.iter().zip(&found).rev() {
            ops.push(operation(root.path.pointer(), new.as_ref(), root.old.as_ref()));
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
    paths
        .into_iter()
        .map(|path| Root {
            old: path.read(before).cloned(),
            new: path.read(after).cloned(),
            path,
        })
        .filter(|root| root.old != root.new)
        .collect()
}

/// Tests of everything the change rests on: old values, the parent where a value was absent, and the name of every
/// container that is addressed by its position.
fn pins(object: &Value, roots: &[Root]) -> Vec<Value> {
    let mut pins: Vec<Value> = Vec::new();
    let mut pin = |op: Value| {
        if !pins.contains(&op) {
            pins.push(op);
        }
    };
    for root in roots {
        if let Some(name) = root.path.container_name()
            && let Some(value) = name.read(object)
        {
            pin(test(&name.pointer(), value));
        }
        match (&root.old, root.path.parent()) {
            (Some(old), _) => pin(test(&root.path.pointer(), old)),
            // The annotations of the object itself change all the time, and so do its replicas; before it is sent, the
            // worker looks whether the place is still empty.
            (None, Some(parent)) if parent.volatile() => {}
            (None, Some(parent)) => {
                if let Some(value) = parent.read(object) {
                    pin(test(&parent.pointer(), value));
                }
            }
            (None, None) => {}
        }
    }
    pins
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
