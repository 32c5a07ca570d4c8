//! Deletion of exactly the object that was seen.

use paramedic_bus::lease::Lease;
use paramedic_domain::{
    change::{Deletion, Wait},
    fault::Effect,
};

use crate::shell::{
    crash::{self, Moment},
    failure::Halt,
    kubernetes::Trouble,
    worker::Run,
};

impl Run<'_> {
    pub(super) async fn delete(&self, deletion: &Deletion, leases: &[Lease]) -> Result<String, Halt> {
        let target = &deletion.target;
        if self.is_gone(target).await? {
            self.know(Effect::Applied);
        } else {
            self.permitted_with(leases).await?;
            self.know(Effect::Unknown);
            match self.worker.cluster.delete(target, false).await {
                // An object of that name with another UID is already the replacement.
                Ok(_) | Err(Trouble::Missing(_) | Trouble::Unfit { code: 409, .. }) => self.know(Effect::Applied),
                Err(trouble) => return Err(self.sending(&trouble)),
            }
            crash::point(&self.step.id, Moment::AfterApply);
        }
        self.gone(target).await?;
        match &deletion.owner {
            Some(owner) => Ok(format!(
                "{target} was deleted; {owner}: {}",
                self.watched(owner, Wait::Rollout).await?
            )),
            None => Ok(format!("{target} was deleted")),
        }
    }
}
