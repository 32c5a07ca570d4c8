//! The inverse of a step's patch.

use paramedic_domain::{
    change::ObjectPatch,
    fault::{Effect, FailureKind},
};
use serde_json::Value;

use super::{
    crash::{self, Moment},
    failure::Halt,
    kubernetes::Trouble,
    worker::{Report, Run},
};
use crate::core::patch::{Presence, undo_marker, undo_presence};

impl Run<'_> {
    pub(crate) async fn undo(&self, patch: &ObjectPatch) -> Result<Report, Halt> {
        let target = &patch.target;
        let lease = self.lease(target).await?;
        let object = match self.worker.cluster.get(target).await {
            Ok(object) => object,
            Err(Trouble::Missing(_)) => return Ok(Report::of(format!("{target} no longer exists: nothing to put back"))),
            Err(trouble) => return Err(Halt::looking(&trouble, Effect::Unknown)),
        };
        match self.undo_presence_of(&object, patch) {
            Presence::Present => return Ok(Report::of(format!("{target} already has its old values"))),
            Presence::Drifted(differences) => return Err(changed_since(patch, &differences)),
            Presence::Absent => {}
        }
        crash::point(&self.step.id, Moment::BeforeApply);
        self.permitted(Some(&lease)).await?;
        self.know(Effect::Unknown);
        if let Err(trouble) = self.worker.cluster.patch(target, &patch.undo, false).await {
            return match &trouble {
                Trouble::Unfit { .. } => match self.worker.cluster.get(target).await {
                    Ok(object) => match self.undo_presence_of(&object, patch) {
                        Presence::Present => Ok(Report::of(format!("{target} already has its old values"))),
                        Presence::Drifted(differences) => Err(changed_since(patch, &differences)),
                        Presence::Absent => Err(Halt::failed(FailureKind::Permanent, Effect::Unknown, trouble.to_string())),
                    },
                    Err(trouble) => Err(Halt::looking(&trouble, Effect::Unknown)),
                },
                Trouble::Missing(_) => Ok(Report::of(format!("{target} no longer exists: nothing to put back"))),
                Trouble::Transient { .. } | Trouble::Forbidden { .. } => Err(Halt::looking(&trouble, Effect::Unknown)),
            };
        }
        self.know(Effect::Applied);
        crash::point(&self.step.id, Moment::AfterApply);
        if touches_template(patch) {
            let state = self.rolled_out(target).await?;
            return Ok(Report::of(format!("{target} has its old values again; {state}")));
        }
        Ok(Report::of(format!("{target} has its old values again")))
    }

    fn undo_presence_of(&self, object: &Value, patch: &ObjectPatch) -> Presence {
        let marker = undo_marker(&self.attempt.plan, &self.step.id);
        undo_presence(object, &patch.patch, &patch.undo, &marker)
    }
}

/// Whether pods are replaced by it.
fn touches_template(patch: &ObjectPatch) -> bool {
    patch.patch.iter().any(|operation| {
        let path = operation.path().as_str();
        !matches!(operation, json_patch::PatchOperation::Test(_)) && path.starts_with("/spec/template")
    })
}

fn changed_since(patch: &ObjectPatch, differences: &[String]) -> Halt {
    Halt::failed(
        FailureKind::Drift,
        Effect::Applied,
        format!(
            "somebody changed {} since, and undoing would overwrite that: {}",
            patch.target,
            differences.join("; ")
        ),
    )
}
