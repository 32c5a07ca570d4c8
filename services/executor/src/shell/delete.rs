//! Deletion of one pod, and nothing else than exactly that pod.

use paramedic_domain::{
    change::Deletion,
    fault::{Effect, FailureKind},
};
use serde_json::Value;

use super::{
    crash::{self, Moment},
    failure::Halt,
    kubernetes::Trouble,
    worker::{Report, Run},
};

impl Run<'_> {
    pub(crate) async fn delete(&self, deletion: &Deletion) -> Result<Report, Halt> {
        let target = &deletion.target;
        let leased = deletion.owner.as_ref().unwrap_or(target);
        let lease = self.lease(leased).await?;
        if self.gone(deletion).await? {
            self.know(Effect::Applied);
        } else {
            crash::point(&self.step.id, Moment::BeforeApply);
            self.permitted(Some(&lease)).await?;
            self.know(Effect::Unknown);
            match self.worker.cluster.delete(target, false).await {
                // A pod of that name with another UID is already the replacement.
                Ok(_) | Err(Trouble::Missing(_)) => self.know(Effect::Applied),
                Err(Trouble::Unfit { code: 409, .. }) => self.know(Effect::Applied),
                Err(Trouble::Transient { what, detail, sent }) => {
                    let effect = if sent { Effect::Unknown } else { Effect::None };
                    return Err(Halt::failed(FailureKind::Transient, effect, format!("{what}: {detail}")));
                }
                Err(trouble @ (Trouble::Unfit { .. } | Trouble::Forbidden { .. })) => {
                    return Err(Halt::failed(FailureKind::Permanent, Effect::None, trouble.to_string()));
                }
            }
            crash::point(&self.step.id, Moment::AfterApply);
        }
        while !self.gone(deletion).await? {
            self.pause().await;
        }
        match &deletion.owner {
            Some(owner) => {
                let state = self.rolled_out(owner).await?;
                Ok(Report::of(format!("{target} was deleted; {owner}: {state}")))
            }
            None => Ok(Report::of(format!("{target} was deleted"))),
        }
    }

    async fn gone(&self, deletion: &Deletion) -> Result<bool, Halt> {
        match self.worker.cluster.get(&deletion.target).await {
            Ok(object) => {
                let uid = object.pointer("/metadata/uid").and_then(Value::as_str);
                Ok(uid != deletion.target.uid.as_deref())
            }
            Err(Trouble::Missing(_)) => Ok(true),
            Err(trouble) => Err(Halt::looking(&trouble, self.effect())),
        }
    }
}
