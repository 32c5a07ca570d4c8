//! Strategic merge: maps merge, lists with a merge key merge item by item, `$patch` and its kin steer.

use serde_json::{Map, Value};

use super::super::schema::Node;
use crate::store::Status;

const DIRECTIVE: &str = "$patch";
const RETAIN: &str = "$retainKeys";
const ORDER: &str = "$setElementOrder/";
const DELETE: &str = "$deleteFromPrimitiveList/";

/// Applies `patch` to `object`, whose schema is `node`.
pub fn apply(node: Option<Node<'_>>, object: &mut Value, patch: &Value) -> Result<(), Status> {
    match (object, patch) {
        (Value::Object(old), Value::Object(new)) => map(node, old, new),
        (old, new) => {
            *old = cleaned(new);
            Ok(())
        }
    }
}

fn map(node: Option<Node<'_>>, old: &mut Map<String, Value>, patch: &Map<String, Value>) -> Result<(), Status> {
    match patch.get(DIRECTIVE).and_then(Value::as_str) {
        Some("replace") => {
            *old = match cleaned(&Value::Object(patch.clone())) {
                Value::Object(map) => map,
                _ => Map::new(),
            };
            return Ok(());
        }
        Some("delete") => {
            old.clear();
            return Ok(());
        }
        Some("merge") | None => {}
        Some(other) => return Err(Status::bad_request(format!("Unknown patch type found: {other}"))),
    }
    if let Some(keep) = patch.get(RETAIN).and_then(Value::as_array) {
        old.retain(|key, _| keep.iter().any(|k| k.as_str() == Some(key)));
    }
    for (key, value) in patch {
        if key == DIRECTIVE || key == RETAIN || key.starts_with(ORDER) {
            continue;
        }
        if let Some(field) = key.strip_prefix(DELETE) {
            if let (Some(Value::Array(items)), Some(gone)) = (old.get_mut(field), value.as_array()) {
                items.retain(|item| !gone.contains(item));
            }
            continue;
        }
        let child = node.and_then(|n| n.child(key));
        match value {
            Value::Null => {
                old.remove(key);
            }
            Value::Array(items) if child.is_some_and(Node::merges) => {
                let have = old.entry(key.clone()).or_insert_with(|| Value::Array(Vec::new()));
                if !have.is_array() {
                    *have = Value::Array(Vec::new());
                }
                if let (Value::Array(have), Some(child)) = (have, child) {
                    list(child, have, items)?;
                }
            }
            Value::Object(_) => {
                let have = old.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
                if !have.is_object() {
                    *have = Value::Object(Map::new());
                }
                apply(child, have, value)?;
            }
            other => {
                old.insert(key.clone(), other.clone());
            }
        }
    }
    for (key, order) in patch
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(ORDER)?, value.as_array()?)))
    {
        if let Some(Value::Array(items)) = old.get_mut(key) {
            let merge_key = node.and_then(|n| n.child(key)).and_then(Node::merge_key);
            reorder(items, order, merge_key);
        }
    }
    Ok(())
}

fn list(node: Node<'_>, have: &mut Vec<Value>, patch: &[Value]) -> Result<(), Status> {
    let Some(key) = node.merge_key() else {
        // A merged list of scalars is a set.
        for item in patch {
            if !have.contains(item) {
                have.push(item.clone());
            }
        }
        return Ok(());
    };
    if patch.iter().any(|item| item[DIRECTIVE] == "replace") {
        *have = patch.iter().filter(|item| item[DIRECTIVE] != "replace").map(cleaned).collect();
        return Ok(());
    }
    for item in patch {
        let Some(id) = item.get(key) else {
            let shown = Value::Array(patch.to_vec());
            return Err(Status::bad_request(format!(
                "map: {shown} does not contain declared merge key: {key}"
            )));
        };
        let found = have.iter().position(|old| old.get(key) == Some(id));
        match (found, item[DIRECTIVE] == "delete") {
            (_, true) => have.retain(|old| old.get(key) != Some(id)),
            (Some(index), false) => apply(node.element(), &mut have[index], item)?,
            (None, false) => have.push(cleaned(item)),
        }
    }
    Ok(())
}

/// Puts named items in the wanted order; the others keep their places after them.
fn reorder(items: &mut [Value], order: &[Value], key: Option<&str>) {
    let place = |item: &Value| {
        order.iter().position(|wanted| match key {
            Some(key) => wanted.get(key) == item.get(key),
            None => wanted == item,
        })
    };
    items.sort_by_key(|item| place(item).unwrap_or(usize::MAX));
}

/// A patch value as a value: directives and nulls are not part of it.
fn cleaned(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.iter()
                .filter(|(key, value)| !value.is_null() && !key.starts_with('$'))
                .map(|(key, value)| (key.clone(), cleaned(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(cleaned).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::apply;
    use crate::api::schema::SCHEMAS;

    fn patched(mut object: Value, patch: Value) -> Value {
        apply(SCHEMAS.kind("apps", "v1", "Deployment"), &mut object, &patch).unwrap();
        object
    }

    fn containers(list: Value) -> Value {
        json!({"spec": {"template": {"spec": {"containers": list}}}})
    }

    #[test]
    fn containers_merge_by_name() {
        let old = containers(json!([{"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]}, {"name": "b", "image": "1"}]));
        let patch = containers(json!([{"name": "a", "image": "2", "env": [{"name": "Y", "value": "2"}]}]));
        let wanted = containers(json!([
            {"name": "a", "image": "2", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]}, {"name": "b", "image": "1"}]));
        assert_eq!(patched(old, patch), wanted);
    }

    #[test]
    fn directives_delete_replace_and_retain() {
        let old = containers(json!([{"name": "a", "args": ["x"]}, {"name": "b"}]));
        let deleted = patched(old.clone(), containers(json!([{"name": "b", "$patch": "delete"}])));
        assert_eq!(deleted, containers(json!([{"name": "a", "args": ["x"]}])));
        let replaced = patched(old.clone(), containers(json!([{"$patch": "replace"}, {"name": "c"}])));
        assert_eq!(replaced, containers(json!([{"name": "c"}])));
        let args = patched(old, containers(json!([{"name": "a", "args": ["y"]}])));
        assert_eq!(args["spec"]["template"]["spec"]["containers"][0]["args"], json!(["y"]));
        let strategy = json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}});
        let patch = json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}});
        assert_eq!(patched(strategy, patch), json!({"spec": {"strategy": {"type": "Recreate"}}}));
    }
}
