//! Label selectors as Kubernetes means them.

use serde_json::Value;

use super::record::Labels;

/// Requirements that all have to hold; none of them: everything is selected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Operator {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    DoesNotExist,
}

impl Selector {
    /// A selector of equal labels, as Services have it.
    #[must_use]
    pub fn of_labels(labels: &Labels) -> Self {
        let equal = |(key, value): (&String, &String)| Requirement {
            key: key.clone(),
            operator: Operator::In(vec![value.clone()]),
        };
        Self(labels.iter().map(equal).collect())
    }

    /// A `LabelSelector`; `None` where there is none, or it has an operator that nobody knows.
    #[must_use]
    pub fn of_json(selector: &Value) -> Option<Self> {
        let object = selector.as_object()?;
        let equal = object.get("matchLabels").and_then(Value::as_object);
        let mut all = Self(Vec::new());
        for (key, value) in equal.into_iter().flatten() {
            all.0.push(Requirement {
                key: key.clone(),
                operator: Operator::In(vec![value.as_str()?.to_owned()]),
            });
        }
        for expression in object.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
            let values = || {
                let listed = expression["values"].as_array().into_iter().flatten();
                listed.filter_map(Value::as_str).map(ToOwned::to_owned).collect()
            };
            all.0.push(Requirement {
                key: expression["key"].as_str()?.to_owned(),
                operator: match expression["operator"].as_str()? {
                    "In" => Operator::In(values()),
                    "NotIn" => Operator::NotIn(values()),
                    "Exists" => Operator::Exists,
                    "DoesNotExist" => Operator::DoesNotExist,
                    _ => return None,
                },
            });
        }
        Some(all)
    }

    /// Whether it selects everything.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it selects what has these labels.
    #[must_use]
    pub fn takes(&self, labels: &Labels) -> bool {
        self.0.iter().all(|requirement| {
            let value = labels.get(&requirement.key);
            match &requirement.operator {
                Operator::In(values) => value.is_some_and(|value| values.contains(value)),
                Operator::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
                Operator::Exists => value.is_some(),
                Operator::DoesNotExist => value.is_none(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn requirements_are_read_as_kubernetes_reads_them() {
        let labels: Labels = [("app", "cart"), ("tier", "web")]
            .map(|(key, value)| (key.into(), value.into()))
            .into();
        let table = [
            (json!({}), true),
            (json!({"matchLabels": {"app": "cart"}}), true),
            (json!({"matchLabels": {"app": "cart", "tier": "db"}}), false),
            (
                json!({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["web", "api"]}]}),
                true,
            ),
            (
                json!({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["web"]}]}),
                false,
            ),
            (
                json!({"matchExpressions": [{"key": "track", "operator": "NotIn", "values": ["canary"]}]}),
                true,
            ),
            (json!({"matchExpressions": [{"key": "track", "operator": "Exists"}]}), false),
            (json!({"matchExpressions": [{"key": "track", "operator": "DoesNotExist"}]}), true),
        ];
        for (selector, expected) in table {
            assert_eq!(Selector::of_json(&selector).unwrap().takes(&labels), expected, "{selector}");
        }
        assert!(Selector::of_json(&Value::Null).is_none());
        assert!(Selector::of_json(&json!({"matchExpressions": [{"key": "a", "operator": "Near"}]})).is_none());
    }
}
