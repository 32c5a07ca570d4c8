//! Watching a rollout to its end.

use paramedic_domain::{fault::FailureKind, object::ObjectRef};

use super::{failure::Halt, kubernetes::Trouble, worker::Run};
use crate::core::rollout::{Rollout, rollout};

impl Run<'_> {
    /// Looks until the workload is rolled out or its controller gives up; the attempt's deadline bounds it. An API server
    /// that does not answer for a while is no reason to fail: the change is made, only its result is unknown.
    pub(crate) async fn rolled_out(&self, target: &ObjectRef) -> Result<String, Halt> {
        loop {
            match self.worker.cluster.get(target).await {
                Ok(object) => match rollout(&object, self.since()) {
                    Rollout::Done(state) => return Ok(state),
                    Rollout::Progressing(state) => tracing::debug!(%target, state, "rollout"),
                    Rollout::Stuck(why) => {
                        return Err(Halt::failed(
                            FailureKind::Permanent,
                            self.effect(),
                            format!("the rollout of {target} does not get on: {why}"),
                        ));
                    }
                },
                Err(trouble @ Trouble::Transient { .. }) => tracing::warn!(%target, %trouble, "cannot look at the rollout"),
                Err(trouble) => return Err(Halt::looking(&trouble, self.effect())),
            }
            self.pause().await;
        }
    }
}
