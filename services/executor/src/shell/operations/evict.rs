//! Eviction of exactly the pod that was seen: the API server asks the budgets, and a refusal is waited out.

use paramedic_bus::lease::Lease;
use paramedic_domain::{
    change::{Change, Eviction},
    fault::Effect,
};

use super::{Stays, patch::drifted};
use crate::shell::{
    crash::{self, Moment},
    failure::Halt,
    kubernetes::{Evicted, Trouble},
    run::Run,
};

impl Run<'_> {
    /// Evicts the pod and waits until it is gone. A drain goes on while its pods are replaced elsewhere, so this does not wait
    /// for the owner; the budget does.
    pub(super) async fn evict(&self, eviction: &Eviction, leases: &[Lease]) -> Result<String, Halt> {
        let target = &eviction.target;
        while self.stays(target).await? == Stays::There {
            self.know(Effect::None);
            self.permitted_with(leases).await?;
            self.know(Effect::Unknown);
            match self.worker.cluster.evict(target, false).await {
                Ok(Evicted::Accepted(_)) | Err(Trouble::Missing(_) | Trouble::Unfit { code: 409, .. }) => {
                    self.know(Effect::Applied);
                    crash::point(&self.step.id, Moment::AfterApply);
                    self.gone(target).await?;
                    return Ok(format!("{target} was evicted"));
                }
                Ok(Evicted::Budget(message)) => {
                    self.know(Effect::None);
                    self.progress(&format!("{target} waits for its budget: {message}")).await?;
                    self.pause().await;
                }
                Err(trouble) => return Err(self.sending(&trouble)),
            }
        }
        if self.is_first() {
            self.know(Effect::None);
            // Of several pods some go by themselves; where it was the only one, what was approved is not what happened.
            if matches!(self.step.change, Change::Sequence { .. }) {
                self.gone(target).await?;
                return Ok(format!("{target} went without this step"));
            }
            let differences = ["somebody else has deleted or evicted it".to_owned()];
            return Err(drifted(target, &differences, self.effect()));
        }
        self.know(Effect::Applied);
        self.gone(target).await?;
        Ok(format!("{target} is gone"))
    }
}
