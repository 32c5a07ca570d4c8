//! Recommended steps become changes: each is drafted against the state that the earlier ones leave behind, and template
//! changes of one workload become one patch.

mod drafts;
mod merge;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::Timestamp;
use json_patch::Patch;
use paramedic_domain::{
    change::{Change, STEP_ANNOTATION, Wait},
    id::{PlanId, StepId},
    object::ObjectRef,
    plan::Lasts,
    risk::Concern,
};
use serde_json::Value;

use crate::{
    action::{Action, Draft, ObjectEdit, Params, Refused, Request, Work},
    checks,
    helm::{Release, Rewrite},
    patch::{Built, Mark, Path, assume, build, marker},
    secrets::{refusal, secret_in},
    world::World,
};

pub(crate) use drafts::edits;
use drafts::{Drafted, draft_all};
use merge::{Rides, carriers, merge_note};

/// One recommended step.
pub struct Item {
    /// Its id.
    pub step: StepId,
    /// What it does.
    pub action: Arc<dyn Action>,
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
pub struct Outcome {
    /// The change, or why there is none.
    pub pending: Result<Pending, Refused>,
    /// What the action knows against it.
    pub concerns: Vec<Concern>,
    /// How long its effect may stay.
    pub lasts: Option<Lasts>,
}

/// A change, complete but for what the API server says to it.
#[derive(Debug)]
pub enum Pending {
    /// Complete.
    Ready(Change),
    /// One request.
    One(PendingRequest),
    /// Several.
    Several(Vec<PendingRequest>),
}

/// A request to the API server, complete but for its answer to a dry run.
#[derive(Debug)]
pub enum PendingRequest {
    /// A patch, to be tried after `prior` patches of the same object.
    Patch {
        /// What is wanted.
        edit: Box<ObjectEdit>,
        /// The change.
        built: Box<Built>,
        /// Patches of the same object that come first.
        prior: Vec<Patch>,
        /// When it counts as done.
        wait: Wait,
    },
    /// A new object, its mark included.
    Create {
        /// Its reference.
        target: ObjectRef,
        /// The object.
        object: Value,
        /// When it counts as done.
        wait: Wait,
        /// Why undo leaves it.
        irreversible: Option<String>,
    },
    /// A deletion.
    Delete {
        /// The object, with UID.
        target: ObjectRef,
        /// What replaces it.
        owner: Option<ObjectRef>,
        /// What undo creates again.
        restore: Option<Value>,
        /// Why nothing that runs is lost.
        ended: Option<String>,
    },
    /// An eviction.
    Evict {
        /// The pod, with UID.
        target: ObjectRef,
        /// What replaces it.
        owner: Option<ObjectRef>,
    },
    /// A record of a Helm release, its mark excluded.
    Record {
        /// The record it is made of.
        from: Box<Release>,
        /// What becomes of it.
        into: Rewrite,
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

/// Prepares `items` against `world`, which `assumed` patches will have changed by then.
#[must_use]
pub fn prepare(items: &[Item], mut world: World, assumed: &[Assumed], plan: &PlanId, now: Timestamp) -> Merged {
    let mut notes = Vec::new();
    let mut doubts: Vec<(ObjectRef, String)> = Vec::new();
    for (reference, object) in &mut world.objects {
        if !assumed.iter().any(|assumed| assumed.target.same_object(reference)) {
            continue;
        }
        match assume(object, &priors(assumed, reference)) {
            Ok(after) => *object = after,
            Err(error) => doubts.push((reference.clone(), error.to_string())),
        }
    }
    let Drafted {
        mut drafts,
        before,
        world: after,
    } = draft_all(items, &world, &doubts, (plan, now), &mut notes);
    notes.extend(checks::check(items, &mut drafts, &world, &after));
    let carriers = carriers(&drafts);
    notes.extend(merge::goes(items, &drafts, &carriers));
    let mut building = Building {
        world,
        earlier: assumed.to_vec(),
        plan,
    };
    let outcomes = drafts
        .iter()
        .enumerate()
        .map(|(index, draft)| {
            let (pending, concerns, lasts) = match draft {
                Err(refused) => (Err(refused.clone()), Vec::new(), None),
                Ok(draft) => {
                    let pending = if carriers[index] == index {
                        let rides = Rides::with(items, &drafts, &carriers, index);
                        notes.extend(merge_note(items, index, &rides));
                        building.pending(&items[index].step, draft, &rides)
                    } else {
                        building.carried(items, (&drafts, &carriers), index, before[index].as_ref())
                    };
                    // What travels in another step's patch is judged with it.
                    let concerns = (0..drafts.len())
                        .filter(|other| carriers[*other] == index)
                        .filter_map(|other| drafts[other].as_ref().ok())
                        .flat_map(|draft| draft.concerns.iter().cloned())
                        .collect();
                    (pending, concerns, draft.lasts)
                }
            };
            Outcome { pending, concerns, lasts }
        })
        .collect();
    Merged { outcomes, notes }
}

struct Building<'a> {
    world: World,
    earlier: Vec<Assumed>,
    plan: &'a PlanId,
}

impl Building<'_> {
    fn pending(&mut self, step: &StepId, draft: &Draft, rides: &Rides<'_>) -> Result<Pending, Refused> {
        Ok(match &draft.work {
            Work::Read { what, targets } => Pending::Ready(Change::Read {
                what: what.clone(),
                targets: targets.clone(),
            }),
            Work::Exec(exec) => Pending::Ready(Change::Exec(exec.clone())),
            Work::Call(call) => Pending::Ready(Change::Call(call.clone())),
            Work::Notify(notice) => Pending::Ready(Change::Notify(notice.clone())),
            Work::One(request) => Pending::One(self.request(step, request, 1, rides)?),
            Work::Several(requests) => Pending::Several(
                requests
                    .iter()
                    .enumerate()
                    .map(|(index, request)| self.request(step, request, number(requests, index), &Rides::nobody()))
                    .collect::<Result<_, _>>()?,
            ),
        })
    }

    /// `number`: which edit of its object by this step it is, from 1.
    fn request(&mut self, step: &StepId, request: &Request, number: usize, rides: &Rides<'_>) -> Result<PendingRequest, Refused> {
        match request {
            Request::Edit(edit) => self.edit(step, edit, number, rides),
            Request::Create {
                object,
                wait,
                irreversible,
            } => self.create(step, object, *wait, irreversible.as_ref()),
            Request::Delete {
                target,
                owner,
                restore,
                ended,
            } => Ok(PendingRequest::Delete {
                target: target.clone(),
                owner: owner.clone(),
                restore: if *restore { Some(self.recorded(step, target)?) } else { None },
                ended: ended.clone(),
            }),
            Request::Record { from, into } => Ok(PendingRequest::Record {
                from: from.clone(),
                into: into.clone(),
            }),
            Request::Evict { target, owner } => Ok(PendingRequest::Evict {
                target: target.clone(),
                owner: owner.clone(),
            }),
        }
    }

    fn edit(&mut self, step: &StepId, edit: &ObjectEdit, number: usize, rides: &Rides<'_>) -> Result<PendingRequest, Refused> {
        let all: Vec<_> = edit.edits.iter().chain(rides.edits()).cloned().collect();
        let Some((_, object)) = self.world.objects.iter_mut().find(|(object, _)| object.same_object(&edit.target)) else {
            return Err(Refused::because(format!("{} was not fetched", edit.target)));
        };
        let marker = marker(self.plan, step);
        let leaves = if edit.subresource.is_some() {
            Mark::None
        } else {
            Mark::Step(&marker, number)
        };
        let built = build(object, &all, leaves).map_err(|error| Refused::because(format!("{}: {error}", edit.target)))?;
        object.clone_from(&built.after);
        let prior = priors(&self.earlier, &edit.target);
        self.earlier.push(Assumed {
            target: edit.target.clone(),
            patch: built.patch.clone(),
        });
        // A later step waits for the rollout if there is a restart among them; then people see it as a step of its own.
        let wait = if edit.template && rides.waits() {
            Wait::Accepted
        } else {
            edit.wait
        };
        Ok(PendingRequest::Patch {
            edit: Box::new(edit.clone()),
            built: Box::new(built),
            prior,
            wait,
        })
    }

    fn create(&self, step: &StepId, object: &Value, wait: Wait, irreversible: Option<&String>) -> Result<PendingRequest, Refused> {
        let target = reference(object).ok_or_else(|| Refused::because("the new object has no apiVersion, kind or name"))?;
        without_secrets(&target, object)?;
        Ok(PendingRequest::Create {
            target,
            object: marked(object, &marker(self.plan, step))?,
            wait,
            irreversible: irreversible.cloned(),
        })
    }

    /// The fetched object without what the server assigns, marked as what the undo of the step brought back.
    fn recorded(&self, step: &StepId, target: &ObjectRef) -> Result<Value, Refused> {
        let mut object = self.world.object(target)?.clone();
        without_secrets(target, &object)?;
        if let Some(fields) = object.as_object_mut() {
            fields.remove("status");
        }
        if let Some(metadata) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) {
            for assigned in [
                "uid",
                "resourceVersion",
                "generation",
                "creationTimestamp",
                "managedFields",
                "selfLink",
            ] {
                metadata.remove(assigned);
            }
        }
        marked(&object, &crate::patch::undo_marker(self.plan, step))
    }
}

/// Which edit of its object the request at `index` is, from 1.
fn number(requests: &[Request], index: usize) -> usize {
    let target = |request: &Request| match request {
        Request::Edit(edit) => Some(edit.target.clone()),
        Request::Create { .. } | Request::Delete { .. } | Request::Evict { .. } | Request::Record { .. } => None,
    };
    let own = target(&requests[index]);
    let same = |request: &&Request| matches!((target(request), &own), (Some(other), Some(own)) if other.same_object(own));
    requests[..index].iter().filter(same).count() + 1
}

/// Refuses a whole object in a plan that holds a literal secret.
fn without_secrets(target: &ObjectRef, object: &Value) -> Result<(), Refused> {
    match ["spec", "data"]
        .iter()
        .find_map(|part| Some(format!("/{part}{}", secret_in(None, object.get(part)?)?)))
    {
        Some(place) => Err(Refused::because(format!("{target}: {}", refusal(&place)))),
        None => Ok(()),
    }
}

fn marked(object: &Value, marker: &str) -> Result<Value, Refused> {
    let mut object = object.clone();
    Path::new(["metadata", "annotations", STEP_ANNOTATION])
        .write(&mut object, Some(marker.into()))
        .map_err(|path| Refused::because(format!("{path} cannot be set")))?;
    Ok(object)
}

/// The reference of a complete object.
#[must_use]
pub fn reference(object: &Value) -> Option<ObjectRef> {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str);
    Some(ObjectRef::new(
        text("/apiVersion")?,
        text("/kind")?,
        text("/metadata/namespace"),
        text("/metadata/name")?,
    ))
}

fn priors(earlier: &[Assumed], target: &ObjectRef) -> Vec<Patch> {
    earlier
        .iter()
        .filter(|assumed| assumed.target.same_object(target))
        .map(|assumed| assumed.patch.clone())
        .collect()
}
