//! Several template changes of one workload ride in one patch: the first step's.

use paramedic_domain::change::{Change, Confirm};

use super::{Item, Pending};
use crate::{
    action::{Draft, ObjectEdit, Refused, Request, Work},
    patch::Edit,
};

/// The template change of a draft, if it is one.
fn template(draft: &Result<Draft, Refused>) -> Option<&ObjectEdit> {
    match draft.as_ref().map(|draft| &draft.work) {
        Ok(Work::One(Request::Edit(edit))) if edit.template => Some(edit),
        Ok(Work::One(_) | Work::Several(_) | Work::Read { .. } | Work::Exec(_) | Work::Call(_) | Work::Notify(_)) | Err(_) => None,
    }
}

/// The template change of a draft that may travel in another step's patch.
fn rider(draft: &Result<Draft, Refused>) -> Option<&ObjectEdit> {
    template(draft).filter(|_| draft.as_ref().is_ok_and(|draft| !draft.alone))
}

/// The template change of a draft whose patch may hold those of others: it must not be put back before theirs.
fn host(draft: &Result<Draft, Refused>) -> Option<&ObjectEdit> {
    rider(draft).filter(|_| draft.as_ref().is_ok_and(|draft| draft.lasts.is_none()))
}

/// For each item the index of the one whose patch holds its edits: itself, or the first template change of the workload.
pub(super) fn carriers(drafts: &[Result<Draft, Refused>]) -> Vec<usize> {
    (0..drafts.len())
        .map(|index| {
            let Some(edit) = rider(&drafts[index]) else { return index };
            (0..index)
                .find(|earlier| host(&drafts[*earlier]).is_some_and(|other| other.target.same_object(&edit.target)))
                .unwrap_or(index)
        })
        .collect()
}

/// What rides in a carrier's patch.
pub(super) struct Rides<'a> {
    of: Vec<(&'a Item, &'a ObjectEdit)>,
}

impl<'a> Rides<'a> {
    pub(super) fn nobody() -> Self {
        Self { of: Vec::new() }
    }

    pub(super) fn with(items: &'a [Item], drafts: &'a [Result<Draft, Refused>], carriers: &[usize], carrier: usize) -> Self {
        let of = (0..drafts.len())
            .filter(|other| *other != carrier && carriers[*other] == carrier)
            .filter_map(|other| Some((&items[other], template(&drafts[other])?)))
            .collect();
        Self { of }
    }

    pub(super) fn edits(&self) -> impl Iterator<Item = &Edit> {
        self.of.iter().flat_map(|(_, edit)| &edit.edits)
    }

    /// Whether a step among them waits for the rollout.
    pub(super) fn waits(&self) -> bool {
        self.of.iter().any(|(_, edit)| edit.confirm == Confirm::RolledOut)
    }
}

/// The change of a step that rides in another's patch.
pub(super) fn carried(items: &[Item], drafts: &[Result<Draft, Refused>], carrier: usize, index: usize) -> Pending {
    Pending::Ready(Change::Carried {
        by: items[carrier].step.clone(),
        expect: template(&drafts[index]).map_or(Confirm::InTemplate, |edit| edit.confirm),
    })
}

/// What is said of effects that would have been put back by themselves, had they not become part of another step's patch.
pub(super) fn stays(items: &[Item], drafts: &[Result<Draft, Refused>], carriers: &[usize]) -> Vec<String> {
    (0..drafts.len())
        .filter(|index| carriers[*index] != *index && drafts[*index].as_ref().is_ok_and(|draft| draft.lasts.is_some()))
        .map(|index| {
            format!(
                "what {} changes is part of the patch of {} and stays until somebody takes it back; with parameters.duration it \
                 becomes a patch of its own that is put back by itself, and the pods are replaced once more",
                items[index].step, items[carriers[index]].step
            )
        })
        .collect()
}

pub(super) fn merge_note(items: &[Item], carrier: usize, rides: &Rides<'_>) -> Option<String> {
    let (_, first) = rides.of.first()?;
    let others: Vec<&str> = rides.of.iter().map(|(item, _)| item.step.as_str()).collect();
    Some(format!(
        "the template changes of {} and {} are one patch of {}: its pods are replaced once",
        items[carrier].step,
        others.join(", "),
        first.target
    ))
}
