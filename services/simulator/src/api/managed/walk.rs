//! From objects to sets of fields, and back.

use serde_json::{Map, Value, json};

use super::{
    super::schema::{Node, Shape},
    set::FieldSet,
};

/// The path element of a list item, by its keys or its value; `None` when the list has no identity for items.
pub(super) fn item_key(shape: Shape<'_>, item: &Value) -> Option<String> {
    match shape {
        Shape::Keyed(keys) => {
            let mut out = Map::new();
            for key in keys.as_array().into_iter().flatten().filter_map(Value::as_str) {
                // `protocol` is the one key field with a default that clients leave out.
                match (item.get(key), key) {
                    (Some(value), _) => out.insert(key.to_owned(), value.clone()),
                    (None, "protocol") => out.insert(key.to_owned(), json!("TCP")),
                    (None, _) => None,
                };
            }
            Some(format!("k:{}", Value::Object(out)))
        }
        Shape::Set => Some(format!("v:{item}")),
        Shape::Scalar | Shape::Atomic | Shape::Struct | Shape::Map => None,
    }
}

fn shape_of(node: Option<Node<'_>>) -> Shape<'_> {
    node.map_or(Shape::Atomic, Node::shape)
}

/// The set an applied configuration claims.
pub(super) fn claimed(node: Option<Node<'_>>, value: &Value) -> FieldSet {
    let mut out = FieldSet::default();
    match (shape_of(node), value) {
        (shape @ (Shape::Struct | Shape::Map), Value::Object(map)) => {
            for (key, child) in map {
                let mut below = claimed(node.and_then(|n| n.child(key)), child);
                let empty = child.is_null() || child.as_object().is_some_and(Map::is_empty);
                below.me |= empty || shape == Shape::Map;
                if !below.is_empty() {
                    out.below.insert(format!("f:{key}"), below);
                }
            }
        }
        (shape @ (Shape::Keyed(_) | Shape::Set), Value::Array(items)) => {
            for item in items {
                let Some(key) = item_key(shape, item) else { continue };
                let mut below = match shape {
                    Shape::Set => FieldSet::default(),
                    _ => claimed(node.and_then(Node::element), item),
                };
                below.me = true;
                out.below.insert(key, below);
            }
        }
        _ => out.me = true,
    }
    out
}

/// What an update did: fields new or changed, and fields gone.
#[derive(Debug, Default)]
pub(super) struct Difference {
    /// Added or modified.
    pub(super) set: FieldSet,
    /// Removed.
    pub(super) removed: FieldSet,
}

/// Compares two versions of an object field by field.
pub(super) fn compare(node: Option<Node<'_>>, old: Option<&Value>, new: Option<&Value>) -> Difference {
    let mut out = Difference::default();
    walk(node, old, new, &mut Vec::new(), &mut out);
    out
}

fn walk(node: Option<Node<'_>>, old: Option<&Value>, new: Option<&Value>, path: &mut Vec<String>, out: &mut Difference) {
    let children = |value: Option<&Value>| -> Vec<(String, Value)> {
        match (shape_of(node), value) {
            (Shape::Struct | Shape::Map, Some(Value::Object(map))) => {
                map.iter().map(|(key, child)| (format!("f:{key}"), child.clone())).collect()
            }
            (shape @ (Shape::Keyed(_) | Shape::Set), Some(Value::Array(items))) => items
                .iter()
                .filter_map(|item| Some((item_key(shape, item)?, item.clone())))
                .collect(),
            _ => Vec::new(),
        }
    };
    let (before, after) = (children(old), children(new));
    if before.is_empty() && after.is_empty() {
        match (old, new) {
            (None, Some(_)) => out.set.insert(path),
            (Some(_), None) => out.removed.insert(path),
            (Some(a), Some(b)) if a != b => out.set.insert(path),
            _ => {}
        }
        return;
    }
    match (old, new) {
        (None, _) => out.set.insert(path),
        (_, None) => out.removed.insert(path),
        _ => {}
    }
    let find = |list: &[(String, Value)], key: &str| list.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone());
    let mut keys: Vec<&String> = before.iter().chain(&after).map(|(key, _)| key).collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let child = match key.strip_prefix("f:") {
            Some(name) => node.and_then(|n| n.child(name)),
            None if key.starts_with("k:") => node.and_then(Node::element),
            None => None,
        };
        path.push(key.clone());
        walk(child, find(&before, key).as_ref(), find(&after, key).as_ref(), path, out);
        path.pop();
    }
}

/// `live` with everything `applied` says, lists merged by their keys.
pub(super) fn merge(node: Option<Node<'_>>, live: &Value, applied: &Value) -> Value {
    match (shape_of(node), live, applied) {
        (Shape::Struct | Shape::Map, Value::Object(old), Value::Object(new)) => {
            let mut out = old.clone();
            for (key, value) in new {
                let child = node.and_then(|n| n.child(key));
                let merged = match old.get(key) {
                    Some(before) => merge(child, before, value),
                    None => value.clone(),
                };
                out.insert(key.clone(), merged);
            }
            Value::Object(out)
        }
        (shape @ (Shape::Keyed(_) | Shape::Set), Value::Array(old), Value::Array(new)) => {
            let mut out = old.clone();
            for item in new {
                let key = item_key(shape, item);
                match out.iter_mut().find(|have| item_key(shape, have) == key) {
                    Some(have) => *have = merge(node.and_then(Node::element), have, item),
                    None => out.push(item.clone()),
                }
            }
            Value::Array(out)
        }
        _ => applied.clone(),
    }
}

/// Takes one path out of an object. A parent that is left empty stays.
pub(super) fn remove(node: Option<Node<'_>>, value: &mut Value, path: &[String]) {
    let Some((first, rest)) = path.split_first() else { return };
    if let Some(name) = first.strip_prefix("f:") {
        let Some(map) = value.as_object_mut() else { return };
        if rest.is_empty() {
            map.remove(name);
        } else if let Some(child) = map.get_mut(name) {
            remove(node.and_then(|n| n.child(name)), child, rest);
        }
        return;
    }
    let shape = shape_of(node);
    let Some(items) = value.as_array_mut() else { return };
    if rest.is_empty() {
        items.retain(|item| item_key(shape, item).as_ref() != Some(first));
    } else if let Some(item) = items.iter_mut().find(|item| item_key(shape, item).as_ref() == Some(first)) {
        remove(node.and_then(Node::element), item, rest);
    }
}
