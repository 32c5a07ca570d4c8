//! Deletion of exactly the object that was seen.

use paramedic_bus::lease::Lease;
use paramedic_catalogue::actions::ready;
use paramedic_domain::{
    change::{Deletion, Wait},
    fault::Effect,
    object::ObjectRef,
};
use serde_json::Value;

use super::{Stays, patch::drifted};
use crate::{
    core::recorded::differences,
    shell::{
        crash::{self, Moment},
        failure::Halt,
        kubernetes::Trouble,
        run::Run,
    },
};

impl Run<'_> {
    pub(super) async fn delete(&self, deletion: &Deletion, leases: &[Lease]) -> Result<String, Halt> {
        let target = &deletion.target;
        self.listed(deletion).await?;
        let stays = self.stays(target).await?;
        if let Some(recorded) = &deletion.restore {
            self.as_recorded(target, stays, recorded).await?;
        }
        if stays == Stays::There {
            self.know(Effect::None);
            self.permitted_with(leases).await?;
            self.know(Effect::Unknown);
            match self.worker.cluster.delete(target, false).await {
                // An object of that name with another UID is already the replacement.
                Ok(_) | Err(Trouble::Missing(_) | Trouble::Unfit { code: 409, .. }) => self.know(Effect::Applied),
                Err(trouble) => return Err(self.sending(&trouble)),
            }
            crash::point(&self.step.id, Moment::AfterApply);
        } else {
            self.know(Effect::Applied);
        }
        self.gone(target).await?;
        match &deletion.owner {
            Some(owner) if owner.kind == "StatefulSet" => Ok(format!("{target} was deleted; {}", self.replaced(target).await?)),
            Some(owner) => Ok(format!(
                "{target} was deleted; {owner}: {}",
                self.watched(owner, Wait::Rollout).await?
            )),
            None => Ok(format!("{target} was deleted")),
        }
    }

    /// Whether what is deleted is what its undo would bring back, and whether it is this step that deletes it: an undo must neither
    /// lose what somebody wrote since, nor bring back what somebody else took away.
    async fn as_recorded(&self, target: &ObjectRef, stays: Stays, recorded: &Value) -> Result<(), Halt> {
        let differences = match stays {
            Stays::Gone | Stays::Going if self.is_first() => vec!["somebody else has deleted it".to_owned()],
            Stays::Gone | Stays::Going => return Ok(()),
            Stays::There => match self.worker.cluster.get(target).await {
                Ok(object) => differences(&object, recorded),
                Err(Trouble::Missing(_)) => Vec::new(),
                Err(trouble) => return Err(Halt::looking(&trouble, self.effect())),
            },
        };
        if differences.is_empty() {
            return Ok(());
        }
        self.know(Effect::None);
        Err(drifted(target, &differences, self.effect()))
    }

    /// Waits until the pod of that name, which its StatefulSet creates again, is ready. Other pods of the set may be broken
    /// for reasons of their own, so the whole set is not waited for.
    async fn replaced(&self, target: &ObjectRef) -> Result<String, Halt> {
        loop {
            match self.worker.cluster.get(target).await {
                Ok(pod) if ready(&pod) => return Ok("the one that replaces it is ready".into()),
                Ok(_) => {
                    self.progress(&format!("{target}: the one that replaces it is not ready yet"))
                        .await?
                }
                Err(Trouble::Missing(_)) => self.progress(&format!("{target}: it is not there again yet")).await?,
                Err(trouble @ Trouble::Transient { .. }) => tracing::warn!(%target, %trouble, "cannot look at it"),
                Err(trouble) => return Err(Halt::looking(&trouble, self.effect())),
            }
            self.pause().await;
        }
    }
}
