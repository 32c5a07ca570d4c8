//! The pods of a workload: those that it controls, not all that wear its labels.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Cluster, Trouble};

impl Cluster {
    /// Pods that a workload controls, itself or through its ReplicaSets. Its selector alone is not enough: another workload's
    /// pods may wear the same labels and more.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn pods_of(&self, workload: &Value, namespace: &str) -> Result<Vec<Value>, Trouble> {
        let Some(terms) = workload.pointer("/spec/selector").and_then(selector) else {
            return Ok(Vec::new());
        };
        let selected = [("labelSelector", terms.as_str())];
        let mut pods = self.list("v1", "Pod", Some(namespace), &selected).await?;
        let mut controllers: BTreeSet<String> = uid(workload).map(str::to_owned).into_iter().collect();
        if pods.iter().any(|pod| controller(pod).is_some_and(|(kind, _)| kind == "ReplicaSet")) {
            let sets = self.list("apps/v1", "ReplicaSet", Some(namespace), &selected).await?;
            let own: Vec<&str> = sets
                .iter()
                .filter(|set| controller(set).is_some_and(|(_, owner)| controllers.contains(owner)))
                .filter_map(uid)
                .collect();
            controllers.extend(own.into_iter().map(str::to_owned));
        }
        pods.retain(|pod| controller(pod).is_some_and(|(_, owner)| controllers.contains(owner)));
        Ok(pods)
    }

    /// Pods with all of these labels; none when there are no labels.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn selected(&self, labels: Option<&Value>, namespace: &str) -> Result<Vec<Value>, Trouble> {
        let terms = equal(labels);
        if terms.is_empty() {
            return Ok(Vec::new());
        }
        self.list("v1", "Pod", Some(namespace), &[("labelSelector", &terms.join(","))])
            .await
    }
}

/// Whether a pod has ended for good and holds nothing any more.
#[must_use]
pub fn ended(pod: &Value) -> bool {
    matches!(pod.pointer("/status/phase").and_then(Value::as_str), Some("Succeeded" | "Failed"))
}

/// A label selector as a request has it; `None` when it demands nothing, which would be every pod.
pub(crate) fn selector(selector: &Value) -> Option<String> {
    let mut terms = equal(selector.get("matchLabels"));
    for expression in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
        let key = expression.get("key")?.as_str()?;
        let values = expression.get("values").and_then(Value::as_array).into_iter().flatten();
        let values = values.filter_map(Value::as_str).collect::<Vec<_>>().join(",");
        terms.push(match expression.get("operator")?.as_str()? {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            // A selector that cannot be sent whole selects nothing.
            _ => return None,
        });
    }
    (!terms.is_empty()).then(|| terms.join(","))
}

fn equal(labels: Option<&Value>) -> Vec<String> {
    let labels = labels.and_then(Value::as_object).into_iter().flatten();
    labels
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect()
}

fn uid(object: &Value) -> Option<&str> {
    object.pointer("/metadata/uid")?.as_str()
}

/// Kind and UID of what controls an object.
fn controller(object: &Value) -> Option<(&str, &str)> {
    let owners = object.pointer("/metadata/ownerReferences")?.as_array()?;
    let owner = owners
        .iter()
        .find(|owner| owner.get("controller").and_then(Value::as_bool) == Some(true))?;
    Some((owner.get("kind")?.as_str()?, owner.get("uid")?.as_str()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::selector;

    #[test]
    fn a_selector_is_sent_whole_and_an_empty_one_selects_nothing() {
        let whole = json!({"matchLabels": {"app": "web"}, "matchExpressions": [
            {"key": "track", "operator": "NotIn", "values": ["canary", "blue"]},
            {"key": "tier", "operator": "Exists"},
            {"key": "old", "operator": "DoesNotExist"},
            {"key": "zone", "operator": "In", "values": ["a"]}]});
        assert_eq!(
            selector(&whole).as_deref(),
            Some("app=web,track notin (canary,blue),tier,!old,zone in (a)")
        );
        assert_eq!(selector(&json!({})), None);
        assert_eq!(
            selector(&json!({"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "x", "operator": "Gt"}]})),
            None
        );
    }
}
