//! What plans may touch at all, whatever the recommendations say.

use std::collections::BTreeMap;

use paramedic_domain::{
    change::{Change, Operation},
    id::StepId,
    name_pattern::fits,
    object::ObjectRef,
    plan::Refusal,
};

use super::outline::Prepared;

/// Namespaces and kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Names, or beginnings of names with `*`; empty: every one that is not denied.
    pub allowed: Vec<String>,
    /// Names, or beginnings of names with `*`; wins.
    pub denied: Vec<String>,
    /// Kinds of cluster-scoped objects.
    pub cluster_kinds: Vec<String>,
    /// Label and value by which an object or its namespace is left alone; `None`: no label does that.
    pub opt_out: Option<(String, String)>,
}

impl Scope {
    /// One refusal for each object outside of the scope that a step changes or runs commands in.
    #[must_use]
    pub fn refusals(&self, prepared: &BTreeMap<StepId, Prepared>) -> Vec<Refusal> {
        let mut refusals = Vec::new();
        for (id, step) in prepared {
            let targets = acted_on(&step.change);
            if let (Some((label, value)), Some(target)) = (&self.opt_out, targets.first())
                && step.context.labels.get(label) == Some(value)
            {
                refusals.push(Refusal {
                    step: Some(id.to_string()),
                    reason: format!("target {target} is outside of the scope: it or its namespace has the label {label}={value}"),
                });
            }
            for target in targets {
                if let Some(why) = self.outside(&target) {
                    refusals.push(Refusal {
                        step: Some(id.to_string()),
                        reason: format!("target {target} is outside of the scope: {why}"),
                    });
                }
            }
        }
        refusals
    }

    fn outside(&self, target: &ObjectRef) -> Option<String> {
        let Some(namespace) = &target.namespace else {
            let known = self.cluster_kinds.contains(&target.kind);
            return (!known).then(|| format!("{} is cluster-scoped and not among planner.cluster_kinds", target.kind));
        };
        let listed = |names: &[String]| names.iter().any(|name| fits(name, namespace));
        if listed(&self.denied) {
            return Some(format!("namespace {namespace} is among planner.deny_namespaces"));
        }
        let free = self.allowed.is_empty() || listed(&self.allowed);
        (!free).then(|| format!("namespace {namespace} is not among planner.allow_namespaces"))
    }
}

/// Objects that the step itself acts on. Pods that leave with their node follow from the node, which is in scope or not.
fn acted_on(change: &Change) -> Vec<ObjectRef> {
    match change {
        Change::Exec(exec) => vec![exec.target.clone()],
        Change::Patch(_) | Change::Delete(_) | Change::Sequence { .. } => {
            let operations = change.operations();
            let node = operations.iter().any(|operation| operation.target().kind == "Node");
            let own = |operation: &&Operation| !(node && matches!(operation, Operation::Evict(_)));
            let mut targets: Vec<ObjectRef> = operations.iter().filter(own).map(|operation| operation.target().clone()).collect();
            targets.sort();
            targets.dedup();
            targets
        }
        Change::Read { .. } | Change::Call(_) | Change::Notify(_) | Change::Carried { .. } => Vec::new(),
    }
}
