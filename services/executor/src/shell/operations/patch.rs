//! A patch of one object.

use paramedic_bus::lease::Lease;
use paramedic_catalogue::patch::{Presence, marker, presence};
use paramedic_domain::{
    change::ObjectPatch,
    fault::{Effect, FailureKind},
    object::ObjectRef,
};
use serde_json::Value;

use crate::shell::{
    crash::{self, Moment},
    failure::Halt,
    kubernetes::Trouble,
    run::Run,
};

impl Run<'_> {
    pub(super) async fn apply(&self, patch: &ObjectPatch, leases: &[Lease]) -> Result<String, Halt> {
        let target = &patch.target;
        let object = self.fetch(target).await?;
        let how = match self.presence_of(&object, patch) {
            Presence::Present => {
                self.know(Effect::Applied);
                "was changed already"
            }
            Presence::Drifted(differences) => {
                self.know(Effect::None);
                return Err(drifted(target, &differences, self.effect()));
            }
            Presence::Absent => {
                self.know(Effect::None);
                self.permitted_with(leases).await?;
                self.send(patch).await?;
                crash::point(&self.step.id, Moment::AfterApply);
                "changed"
            }
        };
        let state = self.watched(target, patch.wait).await?;
        Ok(format!("{target} {how}; {state}"))
    }

    async fn send(&self, patch: &ObjectPatch) -> Result<(), Halt> {
        self.know(Effect::Unknown);
        let trouble = match self
            .worker
            .cluster
            .patch(&patch.target, patch.subresource.as_deref(), &patch.patch, false)
            .await
        {
            Ok(_) => {
                self.know(Effect::Applied);
                return Ok(());
            }
            Err(trouble) => trouble,
        };
        match &trouble {
            // Which test failed is not said: the object tells.
            Trouble::Unfit { .. } => {
                self.know(Effect::None);
                let object = self.fetch(&patch.target).await?;
                match self.presence_of(&object, patch) {
                    // Another worker of this attempt was faster.
                    Presence::Present => {
                        self.know(Effect::Applied);
                        Ok(())
                    }
                    Presence::Drifted(differences) => Err(drifted(&patch.target, &differences, self.effect())),
                    Presence::Absent => Err(self.sending(&trouble)),
                }
            }
            Trouble::Missing(_) => {
                self.know(Effect::None);
                Err(drifted(&patch.target, &[format!("{} was deleted", patch.target)], self.effect()))
            }
            Trouble::Transient { .. } | Trouble::Forbidden { .. } => Err(self.sending(&trouble)),
        }
    }

    fn presence_of(&self, object: &Value, patch: &ObjectPatch) -> Presence {
        presence(object, &patch.patch, &patch.undo, &marker(&self.attempt.plan, &self.step.id))
    }

    /// The object before anything is sent; a deleted object is drift, since a plan was made for it.
    async fn fetch(&self, target: &ObjectRef) -> Result<Value, Halt> {
        match self.worker.cluster.get(target).await {
            Ok(object) => Ok(object),
            Err(Trouble::Missing(_)) => Err(drifted(target, &[format!("{target} was deleted")], self.effect())),
            Err(trouble) => Err(Halt::looking(&trouble, self.effect())),
        }
    }
}

pub(crate) fn drifted(target: &ObjectRef, differences: &[String], effect: Effect) -> Halt {
    Halt::failed(
        FailureKind::Drift,
        effect,
        format!("{target} is not as it was approved: {}", differences.join("; ")),
    )
}
