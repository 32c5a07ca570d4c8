//! Steps that work against each other.

use std::collections::{BTreeMap, BTreeSet};

use json_patch::PatchOperation;
use paramedic_domain::{
    change::{Change, Operation},
    id::StepId,
    object::ObjectRef,
    plan::{Recommendation, Refusal},
};
use serde_json::Value;

use super::{catalogue::Catalogue, graph::Graph, merge::Group, outline::Prepared};

/// Carried steps whose own wishes must be known, because two members of one patch may want different things: the same
/// parameter with other values, or a template put back as a whole.
#[must_use]
pub fn doubtful(groups: &[Group], recommendations: &[Recommendation], catalogue: &Catalogue) -> Vec<StepId> {
    let find = |id: &StepId| recommendations.iter().find(|r| r.id == *id);
    let mut found = BTreeSet::new();
    for group in groups {
        let members: Vec<&Recommendation> = group.members().filter_map(find).collect();
        for (i, one) in members.iter().enumerate() {
            for other in &members[i + 1..] {
                let disagree = one
                    .parameters
                    .iter()
                    .any(|(name, value)| other.parameters.get(name).is_some_and(|theirs| theirs != value));
                let whole = [one, other]
                    .iter()
                    .any(|r| catalogue.canonical(&r.action).contains("rollback") || catalogue.canonical(&r.action).contains("restore"));
                if disagree || whole {
                    found.extend([one.id.clone(), other.id.clone()]);
                }
            }
        }
    }
    found.into_iter().collect()
}

/// Every contradiction. `graph` is the order that was recommended, before the planner added any; `own` holds the changes of
/// doubtful steps, prepared alone.
#[must_use]
pub fn refusals(graph: &Graph, groups: &[Group], survey: &BTreeMap<StepId, Prepared>, own: &BTreeMap<StepId, Change>) -> Vec<Refusal> {
    let order = graph.order();
    let mut refusals = Vec::new();
    for (i, earlier) in order.iter().enumerate() {
        for later in &order[i + 1..] {
            let together = groups
                .iter()
                .any(|group| group.members().any(|id| id == earlier) && group.members().any(|id| id == later));
            let change = |id: &StepId| match own.get(id) {
                Some(change) if together => Some(change.clone()),
                _ => survey.get(id).map(|prepared| prepared.change.clone()),
            };
            let (Some(one), Some(other)) = (change(earlier), change(later)) else {
                continue;
            };
            if together || !sensible(graph, earlier, later) {
                refusals.extend(opposed(graph, (earlier, &one), (later, &other), together));
            }
            refusals.extend(gone(graph, (earlier, &one), (later, &other)));
            refusals.extend(gone(graph, (later, &other), (earlier, &one)));
        }
    }
    refusals
}

/// One comes after the other, and something happens in between: then changing a field twice may be meant.
fn sensible(graph: &Graph, earlier: &StepId, later: &StepId) -> bool {
    graph.waits(later, earlier)
        && graph
            .ancestors(later)
            .iter()
            .any(|between| between != earlier && graph.waits(between, earlier))
}

/// Two steps that set one field to different values.
fn opposed(graph: &Graph, one: (&StepId, &Change), other: (&StepId, &Change), together: bool) -> Option<Refusal> {
    let mine = writes(one.1);
    let theirs = writes(other.1);
    let clash = mine.iter().find_map(|write| {
        let opposite = theirs.iter().find(|candidate| {
            candidate.object.same_object(&write.object) && candidate.path == write.path && candidate.value != write.value
        })?;
        Some((write, opposite))
    });
    let (write, opposite) = clash?;
    let why = if together {
        "both are in one rollout, so only one value could stay"
    } else if graph.waits(other.0, one.0) {
        "nothing happens between them that could need the first value"
    } else {
        "nothing says which comes first"
    };
    Some(Refusal {
        step: Some(other.0.to_string()),
        reason: format!(
            "{} and {} contradict each other: {} of {} becomes {} by the one and {} by the other, and {why}",
            one.0,
            other.0,
            write.path,
            write.object,
            shown(write.value.as_ref()),
            shown(opposite.value.as_ref())
        ),
    })
}

/// A step that acts on an object which the other deletes, and is not done before.
fn gone(graph: &Graph, deleting: (&StepId, &Change), acting: (&StepId, &Change)) -> Option<Refusal> {
    if graph.waits(deleting.0, acting.0) {
        return None;
    }
    let deleted: Vec<ObjectRef> = deleting
        .1
        .operations()
        .iter()
        .filter(|operation| matches!(operation, Operation::Delete(_) | Operation::Evict(_)))
        .map(|operation| operation.target().clone())
        .collect();
    let acted: Vec<ObjectRef> = match acting.1 {
        Change::Exec(exec) => vec![exec.target.clone()],
        Change::Patch(_) | Change::Delete(_) | Change::Sequence { .. } => {
            let operations = acting.1.operations();
            let touching = operations.iter().filter(|operation| !matches!(operation, Operation::Create(_)));
            touching.map(|operation| operation.target().clone()).collect()
        }
        Change::Read { .. } | Change::Call(_) | Change::Notify(_) | Change::Carried { .. } => Vec::new(),
    };
    let object = acted.iter().find(|object| deleted.iter().any(|gone| gone.same_object(object)))?;
    Some(Refusal {
        step: Some(acting.0.to_string()),
        reason: format!(
            "{} acts on {object}, which {} deletes, and is not done before that",
            acting.0, deleting.0
        ),
    })
}

struct Write {
    object: ObjectRef,
    path: String,
    value: Option<Value>,
}

/// The fields that a change sets, leaf by leaf; `None`: removed. Marks that every step leaves are not fields.
fn writes(change: &Change) -> Vec<Write> {
    let mut found = Vec::new();
    for operation in change.operations() {
        let Operation::Patch(patch) = &operation else { continue };
        for step in patch.patch.iter() {
            let (path, value) = match step {
                PatchOperation::Add(add) => (add.path.to_string(), Some(&add.value)),
                PatchOperation::Replace(replace) => (replace.path.to_string(), Some(&replace.value)),
                PatchOperation::Remove(remove) => (remove.path.to_string(), None),
                PatchOperation::Move(_) | PatchOperation::Copy(_) | PatchOperation::Test(_) => continue,
            };
            leaves(&patch.target, path, value, &mut found);
        }
    }
    found.retain(|write| !write.path.contains("/annotations"));
    found
}

fn leaves(object: &ObjectRef, path: String, value: Option<&Value>, found: &mut Vec<Write>) {
    match value {
        Some(Value::Object(fields)) if !fields.is_empty() => {
            for (name, value) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                leaves(object, format!("{path}/{name}"), Some(value), found);
            }
        }
        _ => found.push(Write {
            object: object.clone(),
            path,
            value: value.cloned(),
        }),
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "absent".to_owned(), Value::to_string)
}
