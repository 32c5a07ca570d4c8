//! Workloads that the steps change: their pods before and after.

use paramedic_domain::object::ObjectRef;
use serde_json::Value;

use super::Scene;
use crate::{action::ObjectEdit, actions::WORKLOADS, patch::Path};

/// A workload that at least one step changes.
pub(super) struct Workload<'a> {
    /// Which.
    pub(super) reference: &'a ObjectRef,
    /// Before all steps.
    pub(super) before: &'a Value,
    /// After all steps.
    pub(super) after: &'a Value,
    /// The last step that changes it.
    pub(super) last: usize,
    /// Whether its pods are replaced.
    pub(super) replaced: bool,
}

impl Workload<'_> {
    pub(super) fn namespace(&self) -> &str {
        self.reference.namespace.as_deref().unwrap_or_default()
    }
}

/// Every workload that the steps change.
pub(super) fn changed<'a>(scene: &Scene<'a>) -> Vec<Workload<'a>> {
    scene
        .after
        .objects
        .iter()
        .filter(|(reference, _)| WORKLOADS.contains(&reference.kind.as_str()))
        .filter_map(|(reference, after)| {
            Some(Workload {
                reference,
                before: scene.before.object(reference).ok()?,
                after,
                last: scene.last(reference)?,
                replaced: scene
                    .edits()
                    .any(|(_, edit)| edit.target.same_object(reference) && in_template(edit)),
            })
        })
        .collect()
}

fn in_template(edit: &ObjectEdit) -> bool {
    let template = Path::new(["spec", "template"]);
    edit.edits.iter().any(|one| one.path.starts_with(&template))
}

/// Desired number of pods.
pub(super) fn replicas(workload: &Value) -> i64 {
    let number = |path: &str| workload.pointer(path).and_then(Value::as_i64);
    number("/spec/replicas")
        .or_else(|| number("/status/desiredNumberScheduled"))
        .unwrap_or(1)
}

/// Pods that a rollout may add for a while; the default of a Deployment is a quarter, rounded up.
pub(super) fn surge(workload: &Value) -> i64 {
    if workload.pointer("/spec/strategy").is_none() && workload.get("kind").and_then(Value::as_str) != Some("Deployment") {
        return 0;
    }
    if workload.pointer("/spec/strategy/type").and_then(Value::as_str) == Some("Recreate") {
        return 0;
    }
    share(workload.pointer("/spec/strategy/rollingUpdate/maxSurge"), replicas(workload))
}

/// Pods that a rollout may take away for a while: the default of a Deployment is a quarter, rounded down, but 1 where nothing may be
/// added either; of the others, which add none, it is 1.
pub(super) fn unavailable(workload: &Value) -> i64 {
    let down = |value: &Value| match value {
        Value::String(text) => percent(text).map_or(1, |percent| replicas(workload) * percent / 100),
        value => value.as_i64().unwrap_or(1),
    };
    if workload.get("kind").and_then(Value::as_str) != Some("Deployment") {
        let said = workload.pointer("/spec/updateStrategy/rollingUpdate/maxUnavailable");
        return said.map_or(1, down).max(1);
    }
    if workload.pointer("/spec/strategy/type").and_then(Value::as_str) == Some("Recreate") {
        return replicas(workload);
    }
    let said = workload.pointer("/spec/strategy/rollingUpdate/maxUnavailable");
    let some = said.map_or(replicas(workload) / 4, down);
    if surge(workload) == 0 { some.max(1) } else { some }
}

fn share(value: Option<&Value>, replicas: i64) -> i64 {
    let up = |percent: i64| (replicas * percent + 99) / 100;
    match value {
        Some(Value::String(text)) => percent(text).map_or(1, up),
        Some(value) => value.as_i64().unwrap_or(1),
        None => up(25),
    }
}

fn percent(text: &str) -> Option<i64> {
    text.strip_suffix('%')?.parse().ok()
}

/// The specification of its pods.
pub(super) fn pods(workload: &Value) -> &Value {
    workload.pointer("/spec/template/spec").unwrap_or(&Value::Null)
}
