//! The inverse of each operation, itself exact: it looks whether there is something to put back, and whether anybody changed
//! it since.

use paramedic_bus::lease::Lease;
use paramedic_catalogue::patch::{Presence, mark_of, marker, undo_marker, undo_presence};
use paramedic_domain::{
    change::{Change, Creation, Deletion, ObjectPatch, Operation, Wait},
    fault::{Effect, FailureKind},
    object::ObjectRef,
};
use serde_json::Value;

use super::{Stays, uid};
use crate::shell::{
    crash::{self, Moment},
    failure::Halt,
    kubernetes::Trouble,
    run::Run,
};

impl Run<'_> {
    pub(super) async fn revert_one(&self, operation: &Operation, leases: &[Lease]) -> Result<String, Halt> {
        let target = operation.target();
        match operation {
            Operation::Patch(patch) => match &patch.irreversible {
                Some(why) => Ok(format!("{target} stays as it is: {why}")),
                None => self.put_back(patch, leases).await,
            },
            Operation::Create(creation) => match &creation.irreversible {
                Some(why) => Ok(format!("{target} stays: {why}")),
                None => self.take_away(creation, leases).await,
            },
            Operation::Delete(deletion) => match &deletion.restore {
                Some(object) => self.bring_back(deletion, object, leases).await,
                None => Ok(format!(
                    "{target} was deleted for good: its controller has replaced it, there is nothing to put back"
                )),
            },
            Operation::Record(record) => self.unrecord(record, leases).await,
            Operation::Evict(_) => Ok(format!(
                "{target} was evicted: its controller has replaced it, there is nothing to put back"
            )),
        }
    }

    async fn put_back(&self, patch: &ObjectPatch, leases: &[Lease]) -> Result<String, Halt> {
        let target = &patch.target;
        let Some(object) = self.look(target).await? else {
            return Ok(format!("{target} no longer exists: nothing to put back"));
        };
        match self.undo_presence_of(&object, patch) {
            Presence::Present => return Ok(format!("{target} already has its old values")),
            Presence::Drifted(_) if !self.surely_changed(&object) => {
                return Ok(format!("{target} was not changed by this step, and is left as it is"));
            }
            Presence::Drifted(differences) => return Err(changed_since(target, &differences)),
            Presence::Absent => {}
        }
        self.permitted_with(leases).await?;
        let sent = self
            .worker
            .cluster
            .patch(target, patch.subresource.as_deref(), &patch.undo, false)
            .await;
        match sent {
            Ok(_) => {}
            Err(trouble @ Trouble::Unfit { .. }) => {
                return match self.look(target).await?.map(|object| self.undo_presence_of(&object, patch)) {
                    None => Ok(format!("{target} no longer exists: nothing to put back")),
                    Some(Presence::Present) => Ok(format!("{target} already has its old values")),
                    Some(Presence::Drifted(differences)) => Err(changed_since(target, &differences)),
                    Some(Presence::Absent) => Err(Halt::failed(FailureKind::Permanent, Effect::Unknown, trouble.to_string())),
                };
            }
            Err(Trouble::Missing(_)) => return Ok(format!("{target} no longer exists: nothing to put back")),
            Err(trouble) => return Err(Halt::looking(&trouble, Effect::Unknown)),
        }
        crash::point(&self.step.id, Moment::AfterApply);
        let wait = if touches_template(patch) { Wait::Rollout } else { Wait::Accepted };
        let state = self.watched(target, wait).await?;
        Ok(format!("{target} has its old values again; {state}"))
    }

    fn undo_presence_of(&self, object: &Value, patch: &ObjectPatch) -> Presence {
        let marker = undo_marker(&self.attempt.plan, &self.step.id);
        undo_presence(object, &patch.patch, &patch.undo, &marker)
    }

    /// Whether this step changed the object that is not as its undo expects it: it carries the mark of the step's plan, or it is all
    /// that the step did, which is known to have an effect. A sequence stops at the first object that somebody else changed, and
    /// what it has not come to is not its own.
    fn surely_changed(&self, object: &Value) -> bool {
        let plan = format!("{}/", self.attempt.plan);
        let state = self.incident.run.as_ref().and_then(|run| run.steps.get(&self.step.id));
        let only = matches!(self.step.change, Change::Patch(_) | Change::Carried { .. });
        let applied = state.is_none_or(|state| state.effect == Effect::Applied);
        mark_of(object).is_some_and(|mark| mark.starts_with(&plan)) || (only && applied)
    }

    /// Deletes what the step created, unless it is somebody else's by now.
    async fn take_away(&self, creation: &Creation, leases: &[Lease]) -> Result<String, Halt> {
        let target = &creation.target;
        let Some(object) = self.look(target).await? else {
            return Ok(format!("{target} does not exist: nothing to take away"));
        };
        if mark_of(&object) != Some(&*marker(&self.attempt.plan, &self.step.id)) {
            return Err(changed_since(target, &["it is not the one that this step created".into()]));
        }
        self.delete_created(target, &object, leases).await
    }

    /// Deletes exactly this object, which the step created.
    pub(super) async fn delete_created(&self, target: &ObjectRef, object: &Value, leases: &[Lease]) -> Result<String, Halt> {
        let exact = ObjectRef {
            uid: uid(object).map(Into::into),
            ..target.clone()
        };
        if self.stays(&exact).await? == Stays::There {
            self.permitted_with(leases).await?;
            match self.worker.cluster.delete(&exact, false).await {
                Ok(_) | Err(Trouble::Missing(_) | Trouble::Unfit { code: 409, .. }) => {}
                Err(trouble) => return Err(Halt::looking(&trouble, Effect::Unknown)),
            }
            crash::point(&self.step.id, Moment::AfterApply);
        }
        self.gone(&exact).await?;
        Ok(format!("{target} was deleted again"))
    }

    /// Creates again what the step deleted.
    async fn bring_back(&self, deletion: &Deletion, recorded: &Value, leases: &[Lease]) -> Result<String, Halt> {
        let target = &deletion.target;
        let place = ObjectRef {
            uid: None,
            ..target.clone()
        };
        match self.stays(target).await? {
            Stays::There => return Ok(format!("{target} was not deleted")),
            // Its name is free only then.
            Stays::Going => self.gone(target).await?,
            Stays::Gone => {}
        }
        if let Some(object) = self.look(&place).await? {
            if mark_of(&object) == Some(&*undo_marker(&self.attempt.plan, &self.step.id)) {
                return Ok(format!("{target} is there again"));
            }
            return Err(changed_since(target, &["somebody created another one in its place".into()]));
        }
        self.permitted_with(leases).await?;
        match self.worker.cluster.create(&place, recorded, false).await {
            Ok(_) => {}
            // Whoever was faster is looked at in the next attempt.
            Err(trouble @ Trouble::Unfit { code: 409, .. }) => {
                return Err(Halt::failed(FailureKind::Transient, Effect::Unknown, trouble.to_string()));
            }
            Err(trouble) => return Err(Halt::looking(&trouble, Effect::Unknown)),
        }
        crash::point(&self.step.id, Moment::AfterApply);
        Ok(format!("{target} was created again as it was"))
    }

    pub(super) async fn look(&self, target: &ObjectRef) -> Result<Option<Value>, Halt> {
        match self.worker.cluster.get(target).await {
            Ok(object) => Ok(Some(object)),
            Err(Trouble::Missing(_)) => Ok(None),
            Err(trouble) => Err(Halt::looking(&trouble, Effect::Unknown)),
        }
    }
}

/// Whether pods are replaced by it.
fn touches_template(patch: &ObjectPatch) -> bool {
    patch.patch.iter().any(|operation| {
        let path = operation.path().as_str();
        !matches!(operation, json_patch::PatchOperation::Test(_)) && path.starts_with("/spec/template")
    })
}

pub(super) fn changed_since(target: &ObjectRef, differences: &[String]) -> Halt {
    Halt::failed(
        FailureKind::Drift,
        Effect::Applied,
        format!(
            "somebody changed {target} since, and undoing would overwrite that: {}",
            differences.join("; ")
        ),
    )
}
