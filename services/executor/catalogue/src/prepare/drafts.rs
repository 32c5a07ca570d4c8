//! Every step is drafted against the state that the ones before it leave behind.

use jiff::Timestamp;
use paramedic_domain::{
    id::{PlanId, StepId},
    object::ObjectRef,
};
use serde_json::Value;

use super::Item;
use crate::{
    action::{Draft, Moment, ObjectEdit, Refused, Request, Work},
    actions::rolls_out,
    patch::marker,
    world::World,
};

/// Every item's draft.
pub(super) struct Drafted {
    pub(super) drafts: Vec<Result<Draft, Refused>>,
    /// The object as an item that must not stay found it.
    pub(super) before: Vec<Option<Value>>,
    /// The state after all of them.
    pub(super) world: World,
}

/// Drafts every item against the state after the ones before it.
pub(super) fn draft_all(
    items: &[Item],
    world: &World,
    doubts: &[(ObjectRef, String)],
    (plan, now): (&PlanId, Timestamp),
    notes: &mut Vec<String>,
) -> Drafted {
    let mut working = world.clone();
    let planned = world.incident.iter().filter_map(|incident| incident.plan.as_ref());
    let planned = planned.flat_map(|plan| plan.steps.iter().map(|step| &step.id));
    let steps: Vec<StepId> = items.iter().map(|item| &item.step).chain(planned).cloned().collect();
    let mut drafts = Vec::with_capacity(items.len());
    let mut before = Vec::with_capacity(items.len());
    for item in items {
        let marker = marker(plan, &item.step);
        let moment = Moment {
            now,
            steps: steps.clone(),
            suffix: paramedic_domain::digest::Digest::of(marker.as_bytes()).short(),
            marker,
        };
        let mut found = None;
        let draft = item.action.draft(&item.params, &working, &moment).and_then(|draft| {
            if draft.lasts.is_some() {
                let target = edits(&draft.work).next().map(|edit| &edit.target);
                found = target.and_then(|target| working.object(target).ok().cloned());
            }
            for edit in edits(&draft.work) {
                if let Some((_, doubt)) = doubts.iter().find(|(object, _)| object.same_object(&edit.target)) {
                    return Err(Refused::because(doubt.clone()));
                }
                write(&mut working, edit)?;
                // As it is afterwards: the same step may resume it.
                if edit.template
                    && let Ok(object) = working.object(&edit.target)
                {
                    rolls_out(&edit.target, object)?;
                }
            }
            Ok(draft)
        });
        if let Ok(draft) = &draft {
            notes.extend(draft.notes.iter().cloned());
        }
        drafts.push(draft);
        before.push(found);
    }
    Drafted {
        drafts,
        before,
        world: working,
    }
}

/// The edits of a work, in their order.
pub(crate) fn edits(work: &Work) -> impl Iterator<Item = &ObjectEdit> {
    let requests: &[Request] = match work {
        Work::One(request) => std::slice::from_ref(request),
        Work::Several(requests) => requests,
        Work::Read { .. } | Work::Exec(_) | Work::Call(_) | Work::Notify(_) => &[],
    };
    requests.iter().filter_map(|request| match request {
        Request::Edit(edit) => Some(edit),
        Request::Create { .. } | Request::Delete { .. } | Request::Evict { .. } | Request::Record { .. } => None,
    })
}

fn write(world: &mut World, edit: &ObjectEdit) -> Result<(), Refused> {
    let Some((_, object)) = world.objects.iter_mut().find(|(object, _)| object.same_object(&edit.target)) else {
        return Ok(());
    };
    for change in &edit.edits {
        change
            .path
            .write(object, change.value.clone())
            .map_err(|path| Refused::because(format!("{}: {path} cannot be set", edit.target)))?;
    }
    Ok(())
}
