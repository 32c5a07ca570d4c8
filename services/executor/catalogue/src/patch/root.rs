//! The places where an object changes, as few and as small as possible: what stays is in no patch, for it may be a secret.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Path;
use crate::secrets::secret_in;

/// A place where the object changes. Lists whose items have names change item by item, so a place has two paths: items that go
/// move the ones behind them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Root {
    /// Where the operation finds it.
    pub(super) path: Path,
    /// Where it is when every operation is done.
    pub(super) after: Path,
    pub(super) old: Option<Value>,
    pub(super) new: Option<Value>,
    /// The list in which it comes or goes as an item: before, and when every operation is done.
    pub(super) list: Option<(Path, Path)>,
}

impl Root {
    pub(super) fn whole(path: Path, old: Option<Value>, new: Option<Value>) -> Self {
        Self {
            after: path.clone(),
            path,
            old,
            new,
            list: None,
        }
    }
}

/// Operations in the order in which their paths hold: first what changes in its place, then what goes, then what comes.
#[derive(Default)]
struct Found {
    changed: Vec<Root>,
    gone: Vec<Root>,
    come: Vec<Root>,
}

/// The smallest places within these.
pub(super) fn smallest(roots: Vec<Root>) -> Vec<Root> {
    let mut found = Found::default();
    for root in roots {
        match (&root.old, &root.new) {
            (Some(old), Some(new)) if root.path.detailed() => within(&root.path, &root.after, old, new, &mut found),
            (None | Some(_), None | Some(_)) => found.changed.push(root),
        }
    }
    found.changed.into_iter().chain(found.gone).chain(found.come).collect()
}

fn within(path: &Path, after: &Path, old: &Value, new: &Value, found: &mut Found) {
    if old == new {
        return;
    }
    match (old, new) {
        (Value::Object(before), Value::Object(now)) => {
            let keys: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
            for key in keys {
                let (path, after) = (path.join([key]), after.join([key]));
                match (before.get(key), now.get(key)) {
                    (Some(old), Some(new)) => within(&path, &after, old, new, found),
                    (old, new) => found.changed.push(Root::whole(path, old.cloned(), new.cloned()).moved(after)),
                }
            }
        }
        (Value::Array(before), Value::Array(now)) if items(path, after, before, now, found) => {}
        (old, new) => found
            .changed
            .push(Root::whole(path.clone(), Some(old.clone()), Some(new.clone())).moved(after.clone())),
    }
}

impl Root {
    fn moved(self, after: Path) -> Self {
        Self { after, ..self }
    }

    fn comes(before: &Path, after: &Path, index: usize, new: &Value) -> Self {
        Self {
            list: Some((before.clone(), after.clone())),
            ..Self::whole(after.join([index.to_string()]), None, Some(new.clone()))
        }
    }

    fn goes(before: &Path, after: &Path, index: usize, old: &Value) -> Self {
        Self {
            list: Some((before.clone(), after.clone())),
            ..Self::whole(before.join([index.to_string()]), Some(old.clone()), None)
        }
    }

    /// What the inverse works on, where that is less than the change: the first annotations and the first taints of an object one
    /// by one, so that whoever adds others later does not stand in its way, and keeps them.
    pub(super) fn apart(self) -> Vec<Self> {
        let Self {
            path,
            old: None,
            new: Some(new),
            ..
        } = &self
        else {
            return vec![self];
        };
        match new {
            Value::Object(members) if *path == super::annotations() => members
                .iter()
                .filter(|(name, _)| *name != super::STEP_ANNOTATION)
                .map(|(name, value)| Self::whole(path.join([name]), None, Some(value.clone())))
                .collect(),
            Value::Array(items) if *path == Path::new(["spec", "taints"]) => items
                .iter()
                .enumerate()
                .map(|(index, item)| Self::comes(path, path, index, item))
                .collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => vec![self],
        }
    }
}

/// Items one by one, if they can be told apart and those that stay keep their order; `false` if not.
fn items(path: &Path, after: &Path, before: &[Value], now: &[Value], found: &mut Found) -> bool {
    // Arguments that hold a secret stay out of the patch; other ones are pinned together, for their order has a meaning.
    let secret = before.iter().any(|item| item.is_string() && secret_in(None, item).is_some());
    if secret && now.len() > before.len() && now.starts_with(before) {
        for (index, new) in now.iter().enumerate().skip(before.len()) {
            found.come.push(Root::comes(path, after, index, new));
        }
        return true;
    }
    let (Some(old_names), Some(new_names)) = (names(before), names(now)) else {
        return false;
    };
    let kept: Vec<usize> = (0..before.len()).filter(|index| new_names.contains(&old_names[*index])).collect();
    let first: Vec<&String> = kept.iter().map(|index| &old_names[*index]).collect();
    // What comes is in front or behind, so that the places of the others are known.
    let front = new_names.iter().position(|name| old_names.contains(name)).unwrap_or(0);
    if !new_names[front..].iter().take(kept.len()).eq(first) {
        return false;
    }
    for (place, index) in kept.iter().enumerate() {
        let (path, after) = (path.join([index.to_string()]), after.join([(front + place).to_string()]));
        within(&path, &after, &before[*index], &now[front + place], found);
    }
    for index in (0..before.len()).rev().filter(|index| !kept.contains(index)) {
        found.gone.push(Root::goes(path, after, index, &before[index]));
    }
    for (index, new) in now.iter().enumerate() {
        if index < front || index >= front + kept.len() {
            found.come.push(Root::comes(path, after, index, new));
        }
    }
    true
}

/// What tells the items of a list apart; `None` when nothing does.
fn names(list: &[Value]) -> Option<Vec<String>> {
    let names: Vec<String> = list.iter().map(|item| Some(key_of(item)?.1)).collect::<Option<_>>()?;
    let different: BTreeSet<&String> = names.iter().collect();
    (different.len() == names.len()).then_some(names)
}

/// The member that names an item of a list, and what tells it apart: of taints that is their key and effect.
pub(super) fn key_of(item: &Value) -> Option<(&'static str, String)> {
    let text = |name: &str| item.get(name).and_then(Value::as_str);
    match (text("name"), text("key"), text("effect")) {
        (Some(name), _, _) => Some(("name", name.to_owned())),
        (None, Some(key), Some(effect)) => Some(("key", format!("{key}:{effect}"))),
        (None, _, _) => None,
    }
}
