//! Several template changes of one workload ride in one patch: the first step's.

use paramedic_domain::{
    change::{Change, Confirm, DryRun, ObjectPatch},
    id::StepId,
};
use serde_json::Value;

use super::{Building, Item, Pending};
use crate::{
    action::{Draft, ObjectEdit, Refused, Request, Work},
    patch::{Edit, Mark, build, marker, undo_marker},
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
            let Some(edit) = rider(&drafts[index]).filter(|edit| separable(drafts, index, edit)) else {
                return index;
            };
            (0..index)
                .find(|earlier| host(&drafts[*earlier]).is_some_and(|other| other.target.same_object(&edit.target)))
                .unwrap_or(index)
        })
        .collect()
}

/// Whether what must not stay can be taken back alone: nobody else writes where it does.
fn separable(drafts: &[Result<Draft, Refused>], index: usize, edit: &ObjectEdit) -> bool {
    let overlaps = |other: &ObjectEdit| {
        let pairs = other
            .edits
            .iter()
            .flat_map(|theirs| edit.edits.iter().map(move |ours| (&theirs.path, &ours.path)));
        other.target.same_object(&edit.target) && pairs.into_iter().any(|(one, two)| one.starts_with(two) || two.starts_with(one))
    };
    let lasts = drafts[index].as_ref().is_ok_and(|draft| draft.lasts.is_some());
    !lasts || !(0..drafts.len()).any(|other| other != index && template(&drafts[other]).is_some_and(overlaps))
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

impl Building<'_> {
    /// The change of a step that rides in another's patch. `before`: the object as it found it, if its part must not stay.
    pub(super) fn carried(
        &self,
        items: &[Item],
        (drafts, carriers): (&[Result<Draft, Refused>], &[usize]),
        index: usize,
        before: Option<&Value>,
    ) -> Result<Pending, Refused> {
        let by = items[carriers[index]].step.clone();
        let edit = template(&drafts[index]);
        let part = match (edit, before) {
            (Some(edit), Some(before)) => Some(Box::new(self.part(&items[index].step, &by, edit, before)?)),
            (None, _) | (_, None) => None,
        };
        Ok(Pending::Ready(Change::Carried {
            expect: edit.map_or(Confirm::InTemplate, |edit| edit.confirm),
            by,
            part,
        }))
    }

    /// The part of a patch that is one step's: from the object with everything but this part, to the object with all of it.
    fn part(&self, step: &StepId, by: &StepId, edit: &ObjectEdit, before: &Value) -> Result<ObjectPatch, Refused> {
        let whole = self.world.object(&edit.target)?;
        let mut without = whole.clone();
        let blame = |problem: String| Refused::because(format!("{}: {problem}", edit.target));
        for change in &edit.edits {
            let old = change.path.read(before).cloned();
            change
                .path
                .write(&mut without, old)
                .map_err(|path| blame(format!("{path} cannot be set")))?;
        }
        let marker = marker(self.plan, step);
        let built = build(&without, &edit.edits, Mark::Step(&marker, 1)).map_err(|error| blame(error.to_string()))?;
        Ok(ObjectPatch {
            target: edit.target.clone(),
            subresource: None,
            owner: edit.owner.clone(),
            undo: built.undo(whole, &undo_marker(self.plan, step)),
            patch: built.patch,
            irreversible: None,
            diff: built.diff,
            dry_run: DryRun::Unavailable {
                reason: format!("it is part of the patch of {by}, which was tried"),
            },
            wait: edit.wait,
        })
    }
}

/// What is said of effects that go by themselves although they are part of another step's patch.
pub(super) fn goes(items: &[Item], drafts: &[Result<Draft, Refused>], carriers: &[usize]) -> Vec<String> {
    (0..drafts.len())
        .filter(|index| carriers[*index] != *index && drafts[*index].as_ref().is_ok_and(|draft| draft.lasts.is_some()))
        .map(|index| {
            format!(
                "what {} changes is part of the patch of {}; it is taken back alone when its time is over and the workflow has ended, \
                 and the pods are replaced once more",
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
