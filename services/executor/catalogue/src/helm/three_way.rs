//! The three-way merge of Helm's upgrades and rollbacks: what the old manifest had and the new one has not goes, what the new one
//! says is set, and what only the live object has stays. Lists of named things are merged by their names, as a strategic merge
//! patch does. Source: k8s.io/apimachinery pkg/util/strategicpatch, and the `patchMergeKey` tags of k8s.io/api.

use serde_json::{Map, Value};

use crate::quantity::milli;

/// Fields that are lists of named things, and the fields that name them, the first that all of their items have.
const NAMED: &[(&str, &[&str])] = &[
    ("containers", &["name"]),
    ("initContainers", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("env", &["name"]),
    ("ports", &["containerPort", "port"]),
    ("volumes", &["name"]),
    ("volumeMounts", &["mountPath"]),
    ("volumeDevices", &["devicePath"]),
    ("imagePullSecrets", &["name"]),
    ("hostAliases", &["ip"]),
    ("topologySpreadConstraints", &["topologyKey"]),
    ("secrets", &["name"]),
];
/// Fields whose values keep only what the new manifest has when anything in them changes (`patchStrategy: retainKeys`): one of
/// several alternatives.
const RETAINING: &[&str] = &["strategy", "volumes"];

/// Fields below which values are quantities, which have many spellings.
const QUANTITIES: &[&str] = &["limits", "requests", "sizeLimit"];

/// The live object after an upgrade from the old manifest to the new one.
#[must_use]
pub fn merged(old: &Value, new: &Value, live: &Value) -> Value {
    Field::of("").value(Some(old), new, Some(live))
}

/// Where a value is.
#[derive(Clone, Copy)]
struct Field<'a> {
    name: &'a str,
    quantities: bool,
}

impl<'a> Field<'a> {
    fn of(name: &'a str) -> Self {
        Self { name, quantities: false }
    }

    fn below(self, name: &'a str) -> Self {
        Self {
            name,
            quantities: self.quantities || QUANTITIES.contains(&name),
        }
    }

    fn value(self, old: Option<&Value>, new: &Value, live: Option<&Value>) -> Value {
        match (new, live) {
            (Value::Object(new), Some(Value::Object(live))) => {
                let merged = self.members(old.and_then(Value::as_object), new, live);
                if RETAINING.contains(&self.name) && merged != *live {
                    Value::Object(merged.into_iter().filter(|(name, _)| new.contains_key(name)).collect())
                } else {
                    Value::Object(merged)
                }
            }
            (Value::Array(new), Some(Value::Array(live))) => match key(self.name, new, live) {
                Some(key) => Value::Array(self.named(key, old, new, live)),
                None if self.same_list(new, live) => Value::Array(live.clone()),
                None => Value::Array(new.clone()),
            },
            (_, Some(live)) if self.same(new, live) => live.clone(),
            (_, Some(_) | None) => new.clone(),
        }
    }

    fn members(self, old: Option<&Map<String, Value>>, new: &Map<String, Value>, live: &Map<String, Value>) -> Map<String, Value> {
        let old_of = |name: &str| old.and_then(|old| old.get(name));
        let kept = live.iter().filter(|(name, _)| new.contains_key(*name) || old_of(name).is_none());
        let mut result: Map<String, Value> = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
        for (name, wanted) in new {
            let value = self.below(name).value(old_of(name), wanted, live.get(name));
            result.insert(name.clone(), value);
        }
        result
    }

    /// The live items in their order where the new manifest has the same, and what is new behind them; otherwise the new items
    /// in theirs, then those that only the live list has.
    fn named(self, key: &str, old: Option<&Value>, new: &[Value], live: &[Value]) -> Vec<Value> {
        // The same port of two protocols is two ports.
        let name = |item: &Value| (item[key].clone(), item.get("protocol").cloned().unwrap_or_else(|| "TCP".into()));
        let find = |list: &[Value], item: &Value| list.iter().find(|other| name(other) == name(item)).cloned();
        let old = old.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let merged: Vec<Value> = new
            .iter()
            .map(|item| self.value(find(old, item).as_ref(), item, find(live, item).as_ref()))
            .collect();
        let both =
            |list: &[Value], other: &[Value]| -> Vec<_> { list.iter().filter(|item| find(other, item).is_some()).map(name).collect() };
        let stays = |item: &&Value| find(new, item).is_some() || find(old, item).is_none();
        if both(new, live) == both(live, new) {
            let there = live
                .iter()
                .filter(stays)
                .map(|item| find(&merged, item).unwrap_or_else(|| item.clone()));
            let added = merged.iter().filter(|item| find(live, item).is_none()).cloned();
            return there.chain(added).collect();
        }
        let others = live.iter().filter(stays).filter(|item| find(new, item).is_none()).cloned();
        merged.iter().cloned().chain(others).collect()
    }

    /// Lists without names are replaced whole, unless they say the same; the server's defaults in their items count as the same.
    fn same_list(self, new: &[Value], live: &[Value]) -> bool {
        new.len() == live.len()
            && new
                .iter()
                .zip(live)
                .all(|(new, live)| self.value(Some(new), new, Some(live)) == *live)
    }

    /// Whether the server would write the new value as the live one.
    fn same(self, new: &Value, live: &Value) -> bool {
        let quantity = |value: &Value| match value {
            Value::String(text) => milli(text),
            Value::Number(number) => milli(&number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        new == live || (self.quantities && quantity(new).is_some() && quantity(new) == quantity(live))
    }
}

/// The field that names the items of a list, if they all have it.
fn key(field: &str, new: &[Value], live: &[Value]) -> Option<&'static str> {
    let (_, keys) = NAMED.iter().find(|(name, _)| *name == field)?;
    keys.iter()
        .find(|key| new.iter().chain(live).all(|item| item.get(**key).is_some()))
        .copied()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(image: &str, env: &Value) -> Value {
        json!({"spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "web", "image": image, "env": env,
            "resources": {"limits": {"cpu": 1, "memory": "1024Mi"}}}], "volumes": [{"name": "v", "configMap": {"name": "c"}}]}}}})
    }

    fn live() -> Value {
        json!({"metadata": {"uid": "u"}, "spec": {"replicas": 2, "paused": true, "template": {"spec": {"restartPolicy": "Always", "containers": [
            {"name": "injected", "image": "mesh:1"},
            {"name": "web", "image": "web:2", "env": [{"name": "A", "value": "1"}, {"name": "HAND", "value": "x"}], "terminationMessagePath": "/dev/x",
                "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}],
            "volumes": [{"name": "v", "configMap": {"name": "c", "defaultMode": 420}}]}}}})
    }

    #[test]
    fn what_the_old_manifest_had_goes_the_new_one_is_set_and_what_others_added_stays() {
        let old = deployment("web:2", &json!([{"name": "A", "value": "1"}]));
        let new = deployment("web:1", &json!([{"name": "B", "value": "2"}]));
        let after = merged(&old, &new, &live());
        let containers = after["spec"]["template"]["spec"]["containers"].as_array().unwrap();
        assert_eq!(
            (&containers[0]["name"], &containers[1]["image"]),
            (&json!("injected"), &json!("web:1"))
        );
        assert_eq!(
            containers[1]["env"],
            json!([{"name": "HAND", "value": "x"}, {"name": "B", "value": "2"}])
        );
        assert_eq!(
            containers[1]["resources"]["limits"],
            json!({"cpu": "1", "memory": "1Gi"}),
            "the same in other words"
        );
        assert_eq!(containers[1]["terminationMessagePath"], "/dev/x");
        assert_eq!((&after["spec"]["paused"], &after["metadata"]["uid"]), (&json!(true), &json!("u")));
    }

    #[test]
    fn drift_is_put_back_and_an_object_as_it_should_be_is_left() {
        let same = deployment("web:2", &json!([{"name": "A", "value": "1"}]));
        assert_eq!(merged(&same, &same, &live()), live());
        let text = |value: &str| json!({"data": {"A": value}});
        assert_eq!(merged(&text("1"), &text("1.0"), &text("1")), text("1.0"), "text is no quantity");
        let mut drifted = live();
        drifted["spec"]["replicas"] = json!(7);
        assert_eq!(merged(&same, &same, &drifted)["spec"]["replicas"], 2);
    }

    #[test]
    fn of_alternatives_only_the_new_one_stays() {
        let volume = |source: Value| json!({"volumes": [source]});
        let old = volume(json!({"name": "v", "configMap": {"name": "c"}}));
        let new = volume(json!({"name": "v", "emptyDir": {}}));
        let live = volume(json!({"name": "v", "configMap": {"name": "c", "defaultMode": 420}}));
        assert_eq!(merged(&old, &new, &live), new);
        let strategy = |strategy: Value| json!({"strategy": strategy});
        let recreate = strategy(json!({"type": "Recreate"}));
        let rolling = strategy(json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}));
        assert_eq!(merged(&strategy(json!({"type": "RollingUpdate"})), &recreate, &rolling), recreate);
        assert_eq!(
            merged(&rolling, &strategy(json!({"type": "RollingUpdate"})), &rolling),
            strategy(json!({"type": "RollingUpdate"}))
        );
    }

    #[test]
    fn lists_without_names_are_replaced_whole_and_defaults_in_them_are_no_difference() {
        let rules = |rules: Value| json!({"rules": rules});
        let live = rules(json!([{"host": "a", "added": "by the server"}]));
        let same = rules(json!([{"host": "a"}]));
        assert_eq!(merged(&same, &same, &live), live);
        let new = rules(json!([{"host": "b"}]));
        assert_eq!(merged(&same, &new, &live), new);
    }
}
