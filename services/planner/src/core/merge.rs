//! Several template changes of one workload become one patch, hence one rollout.
//!
//! Every change of a pod template replaces every pod. Two of them in one plan would restart the workload twice, and a
//! gate on the second would protect nothing. So the first template step carries the others' changes; the others keep
//! their place in the graph and only confirm that their part arrived.

use std::collections::BTreeMap;

use paramedic_domain::{id::StepId, object::ObjectRef};

use super::graph::Graph;

/// One patch and the steps whose changes are in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The step that applies it.
    pub carrier: StepId,
    /// Steps whose changes ride along, in the order they are written into the patch; may be empty.
    pub carried: Vec<StepId>,
}

impl Group {
    /// Carrier and carried steps.
    pub fn members(&self) -> impl Iterator<Item = &StepId> {
        std::iter::once(&self.carrier).chain(&self.carried)
    }
}

/// Groups the template steps of every workload and extends the graph such that whatever had to precede a carried step
/// precedes its carrier. A step that waits for something which itself waits for the carrier stays a rollout of its own.
pub fn merge(graph: &mut Graph, templates: &BTreeMap<StepId, ObjectRef>) -> Vec<Group> {
    let mut groups: Vec<(ObjectRef, Group)> = Vec::new();
    for step in graph.order() {
        let Some(workload) = templates.get(&step) else { continue };
        let mut mine = groups.iter_mut().filter(|(of, _)| of.same_object(workload));
        if let Some((_, group)) = mine.find(|(_, group)| fits(graph, group, &step)) {
            for dependency in graph.dependencies(&step) {
                if !group.members().any(|member| *member == dependency) {
                    graph.chain(&dependency, &group.carrier);
                }
            }
            graph.chain(&group.carrier, &step);
            group.carried.push(step);
        } else {
            let group = Group {
                carrier: step,
                carried: Vec::new(),
            };
            groups.push((workload.clone(), group));
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Whether everything `step` waits for may happen before the group's patch.
fn fits(graph: &Graph, group: &Group, step: &StepId) -> bool {
    // A carrier that waits for this step (through an edge added for another workload) could not precede it.
    !graph.waits(&group.carrier, step)
        && graph
            .dependencies(step)
            .iter()
            .all(|dependency| group.members().any(|member| member == dependency) || !graph.waits(dependency, &group.carrier))
}

/// Gives steps that change the same object an order where they have none, so that each patch is computed on what the
/// one before it leaves behind. `touched` holds the objects of every step that sends mutating requests.
pub fn order_by_object(graph: &mut Graph, touched: &BTreeMap<StepId, Vec<ObjectRef>>) -> Vec<(StepId, StepId)> {
    let mut added = Vec::new();
    let order = graph.order();
    for (i, later) in order.iter().enumerate() {
        for object in touched.get(later).into_iter().flatten() {
            let earlier = order[..i].iter().rev().find(|id| {
                touched
                    .get(*id)
                    .is_some_and(|objects| objects.iter().any(|other| other.same_object(object)))
            });
            if let Some(earlier) = earlier
                && !graph.waits(later, earlier)
                && graph.chain(earlier, later)
            {
                added.push((earlier.clone(), later.clone()));
            }
        }
    }
    added
}
