//! Watching a change until its controllers are done with it.

use std::time::Duration;

use paramedic_catalogue::progress::{Progress, progress};
use paramedic_domain::{change::Wait, event::Event, fault::FailureKind, object::ObjectRef};

use super::{failure::Halt, kubernetes::Trouble, run::Run};

/// Shortest time between two reports of progress of one step: enough to watch, little enough for the log.
const REPORT_EVERY: Duration = Duration::from_secs(10);

impl Run<'_> {
    /// Looks until the change is complete or its controller gives up; the attempt's deadline bounds it. An API server that
    /// does not answer for a while is no reason to fail: the change is made, only its result is unknown.
    pub(crate) async fn watched(&self, target: &ObjectRef, wait: Wait) -> Result<String, Halt> {
        if wait == Wait::Accepted {
            return Ok("accepted".into());
        }
        loop {
            match self.worker.cluster.get(target).await {
                Ok(object) => match progress(wait, &object, self.since()) {
                    Progress::Done(state) => return Ok(state),
                    Progress::Progressing(state) => self.progress(&format!("{target}: {state}")).await?,
                    Progress::Stuck(why) => {
                        return Err(Halt::failed(
                            FailureKind::Permanent,
                            self.effect(),
                            format!("{target} does not get on: {why}"),
                        ));
                    }
                },
                Err(trouble @ Trouble::Transient { .. }) => tracing::warn!(%target, %trouble, "cannot look at it"),
                Err(trouble) => return Err(Halt::looking(&trouble, self.effect())),
            }
            self.pause().await;
        }
    }

    /// Says how far the step is, if that is news and the last report is some time ago.
    pub(crate) async fn progress(&self, message: &str) -> Result<(), Halt> {
        let now = self.worker.kit.clock.now();
        if !self.reported.lock().await.due(message, now, REPORT_EVERY) {
            return Ok(());
        }
        let event = Event::StepProgressed {
            plan: self.attempt.plan.clone(),
            step: self.attempt.step.clone(),
            direction: self.attempt.direction,
            attempt: self.attempt.number,
            message: message.to_owned(),
        };
        self.worker
            .append(self.event, |incident, _| {
                if crate::core::permit::current(incident, self.attempt).is_ok() {
                    vec![event.clone()]
                } else {
                    Vec::new()
                }
            })
            .await?;
        Ok(())
    }
}

/// What was last said about a step's progress.
#[derive(Debug, Default)]
pub(crate) struct Reported {
    last: Option<(String, jiff::Timestamp)>,
}

impl Reported {
    /// What was said last.
    pub(crate) fn last(&self) -> Option<&str> {
        self.last.as_ref().map(|(said, _)| said.as_str())
    }

    /// Whether the message is news that is due; then it counts as said.
    fn due(&mut self, message: &str, now: jiff::Timestamp, every: Duration) -> bool {
        let due = match &self.last {
            None => true,
            Some((said, at)) => said != message && Duration::try_from(now.duration_since(*at)).is_ok_and(|since| since >= every),
        };
        if due {
            self.last = Some((message.to_owned(), now));
        }
        due
    }
}
