//! Where an object stands towards a change: not yet, done, undone, or changed by somebody else, and then how.

use json_patch::{Patch, PatchOperation};
use paramedic_domain::change::STEP_ANNOTATION;
use serde_json::Value;

use super::{human::show, mark_of, root::key_of};
use crate::redact::redact;

/// Where an object stands towards a patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// It is as it was when the patch was made: it can be sent.
    Absent,
    /// Its effect is there already.
    Present,
    /// Neither: each sentence names a value that differs.
    Drifted(Vec<String>),
}

/// Where `object` stands towards `patch`, whose inverse is `undo` and whose mark is `marker`.
#[must_use]
pub fn presence(object: &Value, patch: &Patch, undo: &Patch, marker: &str) -> Presence {
    if leaves_mark(patch) && reached(object, marker, patch, |found, own| found >= own) {
        return Presence::Present;
    }
    // Another step of the same plan may have put its mark over ours, or the patch leaves none; then the values tell.
    if (same_plan(object, marker) || !leaves_mark(patch)) && took_effect(object, patch, undo) {
        return Presence::Present;
    }
    match drift(object, patch) {
        differences if differences.is_empty() => Presence::Absent,
        differences => Presence::Drifted(differences),
    }
}

/// Where `object` stands towards the undo of `patch`: `Present` when nothing is left to put back.
#[must_use]
pub fn undo_presence(object: &Value, patch: &Patch, undo: &Patch, undo_marker: &str) -> Presence {
    if leaves_mark(undo) && reached(object, undo_marker, undo, |found, own| found <= own) {
        return Presence::Present;
    }
    let differences = drift(object, undo);
    if differences.is_empty() {
        return Presence::Absent;
    }
    // The old values are there: it never took effect, or somebody put them back already.
    if drift(object, patch).is_empty() {
        return Presence::Present;
    }
    Presence::Drifted(differences)
}

/// Every `test` of `patch` that `object` fails, and every value it would add where there is one now.
#[must_use]
pub fn drift(object: &Value, patch: &Patch) -> Vec<String> {
    patch
        .iter()
        .filter_map(|operation| match operation {
            PatchOperation::Test(test) => {
                let found = object.pointer(test.path.as_str());
                (found != Some(&test.value)).then(|| sentence(test.path.as_str(), Some(&test.value), found))
            }
            PatchOperation::Add(add) if !is_mark(add.path.as_str()) => {
                let found = in_the_way(object, add.path.as_str(), &add.value)?;
                Some(sentence(add.path.as_str(), None, Some(found)))
            }
            PatchOperation::Replace(replace) => object
                .pointer(replace.path.as_str())
                .is_none()
                .then(|| sentence(replace.path.as_str(), Some(&Value::from("a value")), None)),
            PatchOperation::Add(_) | PatchOperation::Remove(_) | PatchOperation::Move(_) | PatchOperation::Copy(_) => None,
        })
        .collect()
}

/// What is where a patch would add a value. An item of a list takes the place of no other; only the same one is in its way.
fn in_the_way<'a>(object: &'a Value, pointer: &str, value: &Value) -> Option<&'a Value> {
    let (parent, _) = pointer.rsplit_once('/')?;
    let Some(items) = object.pointer(parent).and_then(Value::as_array) else {
        return object.pointer(pointer);
    };
    match key_of(value) {
        Some(name) => items.iter().find(|item| key_of(item).as_ref() == Some(&name)),
        None => object.pointer(pointer),
    }
}

/// Whether the mark on the object is that of the patch or of one that comes after it. A step that patches an object several
/// times numbers its marks; forward the numbers go up, and on the way back they go down.
fn reached(object: &Value, marker: &str, patch: &Patch, beyond: impl Fn(usize, usize) -> bool) -> bool {
    let found = mark_of(object).and_then(|mark| number(mark, marker));
    let own = patch.iter().find_map(|operation| match operation {
        PatchOperation::Add(add) if is_mark(add.path.as_str()) => number(add.value.as_str()?, marker),
        PatchOperation::Add(add) if mark_place(add.path.as_str()) => number(add.value.get(STEP_ANNOTATION)?.as_str()?, marker),
        PatchOperation::Add(_)
        | PatchOperation::Remove(_)
        | PatchOperation::Replace(_)
        | PatchOperation::Move(_)
        | PatchOperation::Copy(_)
        | PatchOperation::Test(_) => None,
    });
    found.is_some_and(|found| beyond(found, own.unwrap_or(1)))
}

/// Which patch of that step the mark is of; `None` for another step's.
fn number(mark: &str, marker: &str) -> Option<usize> {
    match mark.strip_prefix(marker)? {
        "" => Some(1),
        rest => rest.strip_prefix('#')?.parse().ok(),
    }
}

/// Whether the values are those that the patch makes: what its inverse expects, or, where there is none, what it writes.
fn took_effect(object: &Value, patch: &Patch, undo: &Patch) -> bool {
    if !undo.is_empty() {
        return drift(object, undo).is_empty();
    }
    patch.iter().all(|operation| {
        let found = object.pointer(operation.path().as_str());
        match operation {
            PatchOperation::Add(add) => is_mark(add.path.as_str()) || found == Some(&add.value),
            PatchOperation::Replace(replace) => found == Some(&replace.value),
            PatchOperation::Remove(_) => found.is_none(),
            PatchOperation::Test(_) | PatchOperation::Move(_) | PatchOperation::Copy(_) => true,
        }
    })
}

/// Whether the patch writes the step annotation; one of a subresource does not.
fn leaves_mark(patch: &Patch) -> bool {
    patch
        .iter()
        .any(|operation| matches!(operation, PatchOperation::Add(_)) && mark_place(operation.path().as_str()))
}

/// The annotation, or all annotations where there were none.
fn mark_place(pointer: &str) -> bool {
    is_mark(pointer) || pointer == "/metadata/annotations"
}

fn is_mark(pointer: &str) -> bool {
    pointer.ends_with(&STEP_ANNOTATION.replace('/', "~1"))
}

fn same_plan(object: &Value, marker: &str) -> bool {
    let plan = marker.split('/').next();
    mark_of(object).is_some_and(|found| found.split('/').next() == plan)
}

fn sentence(pointer: &str, expected: Option<&Value>, found: Option<&Value>) -> String {
    // Where variables have moved, what is there now is another one's value.
    let variable = pointer.contains("/env/");
    let say = |value: Option<&Value>| value.map_or_else(|| "absent".to_owned(), |value| shorten(&redact(&show(value))));
    let found = match found {
        Some(_) if variable => "something else".to_owned(),
        found => say(found),
    };
    format!("{pointer} was {} when the change was prepared, but is {} now", say(expected), found)
}

fn shorten(text: &str) -> String {
    const LONGEST: usize = 200;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}
