//! A step's patch: look, ask, send once, watch.

use paramedic_domain::{
    change::{ObjectPatch, Wait},
    fault::{Effect, FailureKind},
    object::ObjectRef,
};
use serde_json::Value;

use super::{
    crash::{self, Moment},
    failure::Halt,
    kubernetes::Trouble,
    worker::{Report, Run},
};
use crate::core::patch::{Presence, marker, presence};

impl Run<'_> {
    pub(crate) async fn apply(&self, patch: &ObjectPatch) -> Result<Report, Halt> {
        let target = &patch.target;
        let lease = self.lease(target).await?;
        let object = self.fetch(target).await?;
        let found = self.presence_of(&object, patch);
        let sent = match found {
            Presence::Present => {
                self.know(Effect::Applied);
                false
            }
            Presence::Drifted(differences) => return Err(drifted(target, &differences, Effect::None)),
            Presence::Absent => {
                crash::point(&self.step.id, Moment::BeforeApply);
                self.permitted(Some(&lease)).await?;
                self.send(patch).await?;
                crash::point(&self.step.id, Moment::AfterApply);
                true
            }
        };
        let how = if sent { "changed" } else { "was changed already" };
        match patch.wait {
            Wait::Accepted => Ok(Report::of(format!("{target} {how}"))),
            Wait::Rollout => {
                let state = self.rolled_out(target).await?;
                Ok(Report::of(format!("{target} {how}; {state}")))
            }
        }
    }

    async fn send(&self, patch: &ObjectPatch) -> Result<(), Halt> {
        self.know(Effect::Unknown);
        let trouble = match self.worker.cluster.patch(&patch.target, &patch.patch, false).await {
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
                    Presence::Drifted(differences) => Err(drifted(&patch.target, &differences, Effect::None)),
                    Presence::Absent => Err(Halt::failed(FailureKind::Permanent, Effect::None, trouble.to_string())),
                }
            }
            Trouble::Transient { sent, .. } => {
                let effect = if *sent { Effect::Unknown } else { Effect::None };
                self.know(effect);
                Err(Halt::failed(FailureKind::Transient, effect, trouble.to_string()))
            }
            Trouble::Missing(_) => {
                self.know(Effect::None);
                Err(drifted(&patch.target, &[format!("{} was deleted", patch.target)], Effect::None))
            }
            Trouble::Forbidden { .. } => {
                self.know(Effect::None);
                Err(Halt::failed(FailureKind::Permanent, Effect::None, trouble.to_string()))
            }
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
