//! A patch of one object.

use json_patch::{Patch, PatchOperation, TestOperation, jsonptr::PointerBuf};
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

/// Looks at an object that changes all the time before the attempt is given up for now.
const LOOKS: usize = 8;

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
                self.send(patch, &object).await?;
                crash::point(&self.step.id, Moment::AfterApply);
                "changed"
            }
        };
        let state = self.watched(target, patch.wait).await?;
        Ok(format!("{target} {how}; {state}"))
    }

    /// Sends the patch for the object as it was looked at: places that have to be empty are in no `test`, so between the look and
    /// the patch nothing may have changed. What changes then, a status mostly, is looked at again.
    async fn send(&self, patch: &ObjectPatch, looked_at: &Value) -> Result<(), Halt> {
        let mut object = looked_at.clone();
        for look in 1..=LOOKS {
            self.know(Effect::Unknown);
            let sent = self
                .worker
                .cluster
                .patch(&patch.target, patch.subresource.as_deref(), &of_version(patch, &object), false)
                .await;
            let trouble = match sent {
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
                    let seen = version(&object).cloned();
                    object = self.fetch(&patch.target).await?;
                    match self.presence_of(&object, patch) {
                        // Another worker of this attempt was faster.
                        Presence::Present => {
                            self.know(Effect::Applied);
                            return Ok(());
                        }
                        Presence::Drifted(differences) => return Err(drifted(&patch.target, &differences, self.effect())),
                        Presence::Absent if look < LOOKS && version(&object) != seen.as_ref() => {}
                        Presence::Absent => return Err(self.sending(&trouble)),
                    }
                }
                Trouble::Missing(_) => {
                    self.know(Effect::None);
                    return Err(drifted(&patch.target, &[format!("{} was deleted", patch.target)], self.effect()));
                }
                Trouble::Transient { .. } | Trouble::Forbidden { .. } => return Err(self.sending(&trouble)),
            }
        }
        Err(Halt::failed(
            FailureKind::Transient,
            self.effect(),
            format!("{} changed {LOOKS} times between a look and its patch", patch.target),
        ))
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

fn version(object: &Value) -> Option<&Value> {
    object.pointer("/metadata/resourceVersion")
}

/// The patch, for the object of that version only.
fn of_version(patch: &ObjectPatch, object: &Value) -> Patch {
    let version = version(object).map(|version| {
        PatchOperation::Test(TestOperation {
            path: PointerBuf::from_tokens(["metadata", "resourceVersion"]),
            value: version.clone(),
        })
    });
    Patch(version.into_iter().chain(patch.patch.0.iter().cloned()).collect())
}
