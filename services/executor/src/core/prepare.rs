//! Recommended steps become changes: each is drafted against the state that the earlier ones leave behind, and template
//! changes of one workload become one patch.

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use json_patch::Patch;
use paramedic_domain::{
    change::{Change, Confirm, Wait},
    id::{PlanId, StepId},
    object::ObjectRef,
};

use crate::core::{
    actions::{Action, Draft, Params, Refused, World},
    patch::{Built, Edit, assume, build, marker},
};

/// One recommended step.
pub struct Item {
    /// Its id.
    pub step: StepId,
    /// What it does.
    pub action: &'static Action,
    /// Arguments, checked against the action's schema.
    pub params: Params,
}

/// A patch that an earlier plan step will have applied.
#[derive(Debug, Clone)]
pub struct Assumed {
    /// The object.
    pub target: ObjectRef,
    /// The patch.
    pub patch: Patch,
}

/// What became of an item.
#[derive(Debug)]
pub enum Outcome {
    /// It cannot be prepared.
    Refused(String),
    /// Complete.
    Ready(Change),
    /// Complete but for the API server's answer to a dry run of `prior` and then `built`.
    Patch {
        /// The object, with UID.
        target: ObjectRef,
        /// The change.
        built: Box<Built>,
        /// Patches of the same object that come first.
        prior: Vec<Patch>,
        /// When it counts as done.
        wait: Wait,
        /// Whether pods are replaced.
        template: bool,
    },
    /// Complete but for the API server's answer to a dry run.
    Delete {
        /// The object, with UID.
        target: ObjectRef,
        /// What replaces it.
        owner: Option<ObjectRef>,
    },
}

/// All outcomes in the order of the items, and what people should know.
#[derive(Debug)]
pub struct Merged {
    /// One per item.
    pub outcomes: Vec<Outcome>,
    /// Notes.
    pub notes: Vec<String>,
}

struct Wanted {
    target: ObjectRef,
    edits: Vec<Edit>,
    template: bool,
    confirm: Confirm,
}

/// Prepares `items` against `world`, which `assumed` patches will have changed by then.
#[must_use]
pub fn prepare(items: &[Item], mut world: World, assumed: &[Assumed], plan: &PlanId, now: Timestamp) -> Merged {
    let mut notes = Vec::new();
    let mut doubts: Vec<(ObjectRef, String)> = Vec::new();
    for (reference, object) in &mut world.objects {
        let patches: Vec<Patch> = priors(assumed, reference);
        match assume(object, &patches) {
            Ok(after) => *object = after,
            Err(error) => doubts.push((reference.clone(), error.to_string())),
        }
    }
    let drafts = draft_all(items, &world, &doubts, now, &mut notes);
    let carriers = carriers(&drafts);
    let mut earlier: Vec<Assumed> = assumed.to_vec();
    let outcomes = drafts
        .iter()
        .enumerate()
        .map(|(index, draft)| match draft {
            Err(refused) => Outcome::Refused(refused.0.clone()),
            Ok(Either::Done(change)) => Outcome::Ready(change.clone()),
            Ok(Either::Delete(target, owner)) => Outcome::Delete {
                target: target.clone(),
                owner: owner.clone(),
            },
            Ok(Either::Wanted(wanted)) if carriers[index] != index => Outcome::Ready(Change::Carried {
                by: items[carriers[index]].step.clone(),
                expect: wanted.confirm,
            }),
            Ok(Either::Wanted(wanted)) => {
                let carried: Vec<(usize, &Wanted)> = (0..drafts.len())
                    .filter(|other| *other != index && carriers[*other] == index)
                    .filter_map(|other| Some((other, wanted_of(&drafts[other])?)))
                    .collect();
                if !carried.is_empty() {
                    notes.push(merge_note(items, index, &carried, &wanted.target));
                }
                carry(&items[index].step, wanted, &carried, &mut world, &mut earlier, plan)
            }
        })
        .collect();
    Merged { outcomes, notes }
}

enum Either {
    Done(Change),
    Wanted(Wanted),
    Delete(ObjectRef, Option<ObjectRef>),
}

fn wanted_of(draft: &Result<Either, Refused>) -> Option<&Wanted> {
    match draft {
        Ok(Either::Wanted(wanted)) => Some(wanted),
        Ok(Either::Done(_) | Either::Delete(..)) | Err(_) => None,
    }
}

/// Drafts every item against the state after the ones before it.
fn draft_all(
    items: &[Item],
    world: &World,
    doubts: &[(ObjectRef, String)],
    now: Timestamp,
    notes: &mut Vec<String>,
) -> Vec<Result<Either, Refused>> {
    let mut working = world.clone();
    let mut drafts = Vec::with_capacity(items.len());
    for item in items {
        let draft = (item.action.draft)(&item.params, &working, now).and_then(|draft| match draft {
            Draft::Read { what, targets } => Ok(Either::Done(Change::Read { what, targets })),
            Draft::Exec(exec) => Ok(Either::Done(Change::Exec(exec))),
            Draft::Notify(notice) => Ok(Either::Done(Change::Notify(notice))),
            Draft::Delete { target, owner } => Ok(Either::Delete(target, owner)),
            Draft::Edits {
                target,
                edits,
                template,
                confirm,
                notes: said,
            } => {
                if let Some((_, doubt)) = doubts.iter().find(|(object, _)| object.same_object(&target)) {
                    return Err(Refused(doubt.clone()));
                }
                if let Some((_, object)) = working.objects.iter_mut().find(|(object, _)| object.same_object(&target)) {
                    for edit in &edits {
                        edit.path
                            .write(object, edit.value.clone())
                            .map_err(|path| Refused(format!("{target}: {path} cannot be set")))?;
                    }
                }
                notes.extend(said);
                Ok(Either::Wanted(Wanted {
                    target,
                    edits,
                    template,
                    confirm,
                }))
            }
        });
        drafts.push(draft);
    }
    drafts
}

/// For each item the index of the one whose patch holds its edits: itself, or the first template change of the workload.
fn carriers(drafts: &[Result<Either, Refused>]) -> Vec<usize> {
    (0..drafts.len())
        .map(|index| {
            let Some(wanted) = wanted_of(&drafts[index]).filter(|wanted| wanted.template) else {
                return index;
            };
            (0..index)
                .find(|earlier| {
                    wanted_of(&drafts[*earlier]).is_some_and(|other| other.template && other.target.same_object(&wanted.target))
                })
                .unwrap_or(index)
        })
        .collect()
}

fn carry(
    step: &StepId,
    wanted: &Wanted,
    carried: &[(usize, &Wanted)],
    world: &mut World,
    earlier: &mut Vec<Assumed>,
    plan: &PlanId,
) -> Outcome {
    let edits: Vec<Edit> = wanted
        .edits
        .iter()
        .chain(carried.iter().flat_map(|(_, other)| &other.edits))
        .cloned()
        .collect();
    let Some((_, object)) = world.objects.iter_mut().find(|(object, _)| object.same_object(&wanted.target)) else {
        return Outcome::Refused(format!("{} was not fetched", wanted.target));
    };
    let built = match build(object, &edits, &marker(plan, step)) {
        Ok(built) => built,
        Err(error) => return Outcome::Refused(format!("{}: {error}", wanted.target)),
    };
    object.clone_from(&built.after);
    let prior = priors(earlier, &wanted.target);
    earlier.push(Assumed {
        target: wanted.target.clone(),
        patch: built.patch.clone(),
    });
    // A later step waits for the rollout if there is a restart among them; then people see it as a step of its own.
    let waits_later = carried.iter().any(|(_, other)| other.confirm == Confirm::RolledOut);
    let wait = if wanted.template && !waits_later {
        Wait::Rollout
    } else {
        Wait::Accepted
    };
    Outcome::Patch {
        target: wanted.target.clone(),
        built: Box::new(built),
        prior,
        wait,
        template: wanted.template,
    }
}

fn priors(earlier: &[Assumed], target: &ObjectRef) -> Vec<Patch> {
    earlier
        .iter()
        .filter(|assumed| assumed.target.same_object(target))
        .map(|assumed| assumed.patch.clone())
        .collect()
}

fn merge_note(items: &[Item], carrier: usize, carried: &[(usize, &Wanted)], target: &ObjectRef) -> String {
    let others: Vec<&str> = carried.iter().map(|(index, _)| items[*index].step.as_str()).collect();
    format!(
        "the template changes of {} and {} are one patch of {target}: its pods are replaced once",
        items[carrier].step,
        others.join(", ")
    )
}
