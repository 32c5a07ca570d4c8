//! Which steps are prepared together, in which order, on top of what.
//!
//! One request to the executor prepares a batch: it merges the items that touch one pod template into one patch,
//! carried by the first of them. Steps that must not share a rollout therefore go into different batches, and a later
//! batch takes the patches of the earlier ones for granted.

use std::{collections::BTreeMap, time::Duration};

use paramedic_domain::{
    change::{Change, Operation},
    id::StepId,
    object::ObjectRef,
    plan::Lasts,
    risk::Context,
};

use super::{
    graph::Graph,
    merge::{self, Group},
};

/// A change as the executor prepared it.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The exact change.
    pub change: Change,
    /// Its surroundings.
    pub context: Context,
    /// Longest time one attempt may take.
    pub timeout: Duration,
    /// It may run in observe mode.
    pub read_only: bool,
    /// It sends a mutating request.
    pub mutates: bool,
    /// How long its effect may stay.
    pub lasts: Option<Lasts>,
    /// The catalogue's guess of how long it takes.
    pub typical: Option<Duration>,
}

impl Prepared {
    /// Whether it changes objects of the cluster by itself.
    #[must_use]
    pub fn changes_cluster(&self) -> bool {
        match &self.change {
            Change::Patch(_) | Change::Delete(_) | Change::Sequence { .. } => true,
            Change::Read { .. } | Change::Exec(_) | Change::Call(_) | Change::Notify(_) | Change::Carried { .. } => false,
        }
    }

    /// Whether pods end because of it.
    #[must_use]
    pub fn ends_pods(&self) -> bool {
        let pod = |target: &ObjectRef| target.kind == "Pod";
        self.changes_cluster()
            && (self.context.template_change
                || self.change.operations().iter().any(|operation| match operation {
                    Operation::Delete(deletion) => pod(&deletion.target),
                    Operation::Evict(_) => true,
                    Operation::Patch(_) | Operation::Create(_) | Operation::Record(_) => false,
                }))
    }
}

/// What the merged graph asks of the executor.
#[derive(Debug, Clone)]
pub struct Outline {
    /// The graph with every edge that merging and shared objects need.
    pub graph: Graph,
    /// Template changes by rollout.
    pub groups: Vec<Group>,
    /// Steps by batch, each in an order that respects the dependencies.
    pub batches: Vec<Vec<StepId>>,
    /// Sentences about what was put in order; what is merged is said by the executor, which writes the patch.
    pub notes: Vec<String>,
}

/// Reads from a first preparation of all steps which of them change a template, merges those, orders steps that share an
/// object, and lays out the batches.
#[must_use]
pub fn outline(mut graph: Graph, survey: &BTreeMap<StepId, Prepared>) -> Outline {
    let templates = templates(survey);
    let groups = merge::merge(&mut graph, &templates);
    let ordered = merge::order_by_object(&mut graph, &touched(survey, &groups));
    let batches = batches(&graph, &groups, &templates);
    let notes = ordered
        .into_iter()
        .map(|(earlier, later)| format!("{later} waits for {earlier}: both change the same object"))
        .collect();
    Outline {
        graph,
        groups,
        batches,
        notes,
    }
}

/// The workload of every step that changes a pod template.
#[must_use]
pub fn templates(survey: &BTreeMap<StepId, Prepared>) -> BTreeMap<StepId, ObjectRef> {
    let own = |prepared: &Prepared| match &prepared.change {
        Change::Patch(patch) if prepared.context.template_change => Some(patch.target.clone()),
        Change::Patch(_)
        | Change::Read { .. }
        | Change::Exec(_)
        | Change::Delete(_)
        | Change::Sequence { .. }
        | Change::Call(_)
        | Change::Notify(_)
        | Change::Carried { .. } => None,
    };
    survey
        .iter()
        .filter_map(|(id, prepared)| {
            let workload = match &prepared.change {
                Change::Carried { by, .. } => own(survey.get(by)?),
                _ => own(prepared),
            };
            Some((id.clone(), workload?))
        })
        .collect()
}

/// The objects of every step that will send mutating requests itself.
fn touched(survey: &BTreeMap<StepId, Prepared>, groups: &[Group]) -> BTreeMap<StepId, Vec<ObjectRef>> {
    let carried = |id: &StepId| groups.iter().any(|group| group.carried.contains(id));
    let templates = templates(survey);
    survey
        .iter()
        .filter(|(id, _)| !carried(id))
        .map(|(id, prepared)| {
            let mut objects: Vec<ObjectRef> = prepared.change.lease_targets().into_iter().cloned().collect();
            objects.extend(templates.get(id).cloned());
            (id.clone(), objects)
        })
        .filter(|(_, objects)| !objects.is_empty())
        .collect()
}

/// The n-th rollout of a workload is prepared in batch n or later, and everything after its ancestors.
fn batches(graph: &Graph, groups: &[Group], templates: &BTreeMap<StepId, ObjectRef>) -> Vec<Vec<StepId>> {
    let mut stage: BTreeMap<StepId, usize> = BTreeMap::new();
    for id in graph.order() {
        let mut at = graph
            .dependencies(&id)
            .iter()
            .filter_map(|dependency| stage.get(dependency))
            .max()
            .copied()
            .unwrap_or(0);
        if let Some(group) = groups.iter().find(|group| group.members().any(|member| *member == id)) {
            if group.carrier == id {
                let workload = templates.get(&id);
                let before = groups.iter().take_while(|other| other.carrier != id);
                let earlier = before.filter(|other| {
                    templates
                        .get(&other.carrier)
                        .zip(workload)
                        .is_some_and(|(theirs, mine)| theirs.same_object(mine))
                });
                let after_them = earlier
                    .filter_map(|other| stage.get(&other.carrier))
                    .max()
                    .map_or(0, |stage| stage + 1);
                at = at.max(after_them);
            } else {
                // The executor merges within one batch; whatever the carried step waits for precedes its carrier.
                at = stage.get(&group.carrier).copied().unwrap_or(at);
            }
        }
        stage.insert(id, at);
    }
    let mut batches: Vec<Vec<StepId>> = Vec::new();
    for id in graph.order() {
        let at = stage.get(&id).copied().unwrap_or(0);
        if batches.len() <= at {
            batches.resize(at + 1, Vec::new());
        }
        batches[at].push(id);
    }
    batches.retain(|batch| !batch.is_empty());
    batches
}

/// Whether the first preparation already is what the outline asks for: one batch, the same carriers.
#[must_use]
pub fn settled(outline: &Outline, survey: &BTreeMap<StepId, Prepared>) -> bool {
    outline.batches.len() == 1
        && survey.iter().all(|(id, prepared)| {
            let wanted = outline
                .groups
                .iter()
                .find(|group| group.carried.contains(id))
                .map(|group| &group.carrier);
            let found = match &prepared.change {
                Change::Carried { by, .. } => Some(by),
                Change::Patch(_)
                | Change::Read { .. }
                | Change::Exec(_)
                | Change::Delete(_)
                | Change::Sequence { .. }
                | Change::Call(_)
                | Change::Notify(_) => None,
            };
            wanted == found
        })
}
