//! Steps whose change travelled in another step's patch.

use paramedic_domain::{
    change::{Change, Confirm, Wait},
    fault::{Effect, FailureKind},
    id::StepId,
};

use super::{
    failure::Halt,
    operations::drifted,
    run::{Report, Run},
};
use paramedic_catalogue::patch::drift;

impl Run<'_> {
    pub(crate) async fn confirm(&self, by: &StepId, expect: Confirm) -> Result<Report, Halt> {
        let carrier = self.incident.plan.as_ref().and_then(|plan| plan.step(by));
        let Some(Change::Patch(patch)) = carrier.map(|step| &step.change) else {
            return Err(Halt::failed(
                FailureKind::Permanent,
                Effect::None,
                format!("step {by}, which should hold this step's change, has no patch"),
            ));
        };
        let target = &patch.target;
        let object = self
            .worker
            .cluster
            .get(target)
            .await
            .map_err(|trouble| Halt::looking(&trouble, Effect::None))?;
        // The undo's tests are the values that the carrier set.
        let differences = drift(&object, &patch.undo);
        if !differences.is_empty() {
            return Err(drifted(target, &differences, Effect::None));
        }
        match expect {
            Confirm::InTemplate => Ok(Report::of(format!("{target} has it since step {by}"))),
            Confirm::RolledOut => Ok(Report::of(format!("{target}: {}", self.watched(target, Wait::Rollout).await?))),
        }
    }
}
