//! Work items: one attempt at one step, from the intent in the log to the outcome in the log.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use paramedic_bus::{
    Blobs, LogError,
    consume::{Handler, Verdict},
    lease::Leases,
    streams,
};
use paramedic_catalogue::Catalogue;
use paramedic_domain::{
    change::Change,
    envelope::Envelope,
    event::Event,
    fault::{Effect, FailureKind},
    id::WorkerId,
    incident::Incident,
    plan::Step,
};
use paramedic_runtime::Kit;

use super::{
    calls::Outside,
    crash::{self, Moment},
    failure::{Failure, Halt},
    kubernetes::Cluster,
    run::{Purpose, Run},
};
use crate::{
    config::Config,
    core::{
        outcome,
        permit::{Attempt, current},
        rules::Rules,
    },
    metrics,
};

/// Pause before a step is looked at again whose log could not be written.
const BUS_PAUSE: Duration = Duration::from_secs(2);

/// What every step may use.
pub struct Worker {
    pub(crate) kit: Kit,
    pub(crate) config: Config,
    pub(crate) cluster: Cluster,
    pub(crate) catalogue: Catalogue,
    pub(crate) leases: Leases,
    pub(crate) outside: Outside,
    pub(crate) blobs: Arc<dyn Blobs>,
    id: WorkerId,
    /// Messages taken in hand so far.
    messages: AtomicU64,
}

#[async_trait]
impl Handler for Worker {
    async fn handle(&self, event: &Envelope, _delivery: u32) -> Verdict {
        self.begin(event, true).await
    }
}

impl Worker {
    /// A worker of this name; a process that starts again must not use its old one.
    ///
    /// # Errors
    /// When the bus is unavailable.
    pub async fn open(
        kit: Kit,
        config: Config,
        cluster: Cluster,
        catalogue: Catalogue,
        id: WorkerId,
    ) -> Result<Self, paramedic_bus::Error> {
        Ok(Self {
            leases: Leases::open(&kit.bus).await?,
            blobs: kit.bus.blobs(streams::ARTIFACTS).await?,
            outside: Outside::new(&config),
            kit,
            config,
            cluster,
            catalogue,
            id,
            messages: AtomicU64::new(0),
        })
    }

    pub(crate) fn rules(&self) -> Rules {
        self.config.rules(self.kit.cluster.mode)
    }

    /// Handles a work item for which there is no room, because its workflow stops: whatever becomes of that, nothing is changed.
    pub(crate) async fn handle_without_place(&self, event: &Envelope) -> Verdict {
        self.begin(event, false).await
    }

    async fn begin(&self, event: &Envelope, place: bool) -> Verdict {
        let Event::StepScheduled {
            plan,
            step,
            direction,
            attempt,
        } = &event.event
        else {
            return Verdict::Done;
        };
        let attempt = Attempt {
            plan: plan.clone(),
            step: step.clone(),
            direction: *direction,
            number: *attempt,
            worker: self.id.at(self.messages.fetch_add(1, Ordering::Relaxed)),
        };
        match self.work(event, &attempt, place).await {
            Ok(()) => Verdict::Done,
            Err(error) => error.verdict(),
        }
    }

    async fn work(&self, event: &Envelope, attempt: &Attempt, place: bool) -> Result<(), LogError> {
        let mut known = Effect::None;
        let taken = self
            .append(event, |incident| {
                known = outcome::known(incident, attempt);
                outcome::take(incident, attempt)
            })
            .await?;
        let Ok(step) = current(&taken, attempt) else {
            if let Some(step) = taken.plan.as_ref().and_then(|plan| plan.step(&attempt.step)) {
                self.release_if_over(event, &taken, attempt, step).await?;
            }
            return Ok(());
        };
        let state = taken.run.as_ref().and_then(|run| run.steps.get(&attempt.step));
        let started = state.and_then(|state| state.began).unwrap_or(event.time);
        let mut run = Run::new(self, event, &taken, attempt, step, started, Purpose::Workflow);
        run.place = place;
        run.know(known);
        let began = self.kit.clock.now();
        let ended = run.to_the_deadline().await;
        let seconds = self.kit.clock.now().duration_since(began).as_secs_f64();
        match ended {
            Ok(report) => {
                metrics::step(&step.action, attempt.direction, "succeeded", seconds);
                tracing::info!(step = %step.id, direction = ?attempt.direction, summary = report.summary, "step done");
                self.append(event, |incident| {
                    outcome::succeeded(incident, attempt, &report.summary, &report.artifacts)
                })
                .await?;
                crash::point(&step.id, Moment::BeforeAck);
            }
            Err(Halt::Failed(Failure { kind, effect, message })) => {
                metrics::step(&step.action, attempt.direction, word(kind), seconds);
                tracing::warn!(step = %step.id, direction = ?attempt.direction, ?kind, ?effect, message, "step failed");
                self.append(event, |incident| outcome::failed(incident, attempt, kind, effect, &message))
                    .await?;
            }
            Err(Halt::Abandoned(why)) => {
                metrics::refusal("stale");
                tracing::info!(step = %step.id, why, "left to another worker");
                let incident = self.kit.log.load(&event.cluster, &event.incident).await?;
                self.release_if_over(event, &incident, attempt, step).await?;
            }
            Err(Halt::Bus(problem)) => return Err(LogError::Bus(paramedic_bus::Error::Unavailable(problem))),
        }
        Ok(())
    }

    /// This worker's name.
    pub(crate) fn name(&self) -> &WorkerId {
        &self.id
    }

    /// Puts back what a step did that must not stay; its workflow may be over long since.
    pub(crate) async fn expire(&self, event: &Envelope, attempt: &Attempt, step: &Step) -> Result<String, Halt> {
        let incident = self.kit.log.load(&event.cluster, &event.incident).await?;
        let step = &alone(step);
        let run = Run::new(self, event, &incident, attempt, step, self.kit.clock.now(), Purpose::Expiry);
        run.permitted_to_expire(&incident)?;
        let ended = run.to_the_deadline().await;
        let incident = self.kit.log.load(&event.cluster, &event.incident).await?;
        self.release_if_over(event, &incident, attempt, step).await?;
        ended.map(|report| report.summary)
    }

    /// Gives back the step's leases if its workflow is over. The workflow did so itself when it ended; who took one after that,
    /// because it was too late or puts back what must not stay, is not waited for.
    async fn release_if_over(&self, event: &Envelope, incident: &Incident, attempt: &Attempt, step: &Step) -> Result<(), LogError> {
        let of_plan = incident.plan.as_ref().is_some_and(|plan| plan.id == attempt.plan);
        let runs = of_plan && incident.run.as_ref().is_some_and(|run| run.ended.is_none());
        if runs {
            return Ok(());
        }
        for target in step.change.lease_targets() {
            self.leases
                .release(&target.lease_key(&event.cluster), attempt.plan.as_str())
                .await?;
        }
        Ok(())
    }

    pub(crate) async fn append(
        &self,
        event: &Envelope,
        mut decide: impl FnMut(&Incident) -> Vec<Event> + Send,
    ) -> Result<Arc<Incident>, LogError> {
        let decided = self
            .kit
            .log
            .decide_on(event, &self.kit.clock, |incident, _| decide(incident))
            .await?;
        Ok(decided.incident)
    }
}

/// The step as it is put back by itself: what travelled in another step's patch, as a patch of its own.
fn alone(step: &Step) -> Step {
    let mut step = step.clone();
    if let Change::Carried { part: Some(part), .. } = step.change {
        step.change = Change::Patch(*part);
    }
    step
}

fn word(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Transient => "transient",
        FailureKind::Permanent => "permanent",
        FailureKind::Drift => "drift",
        FailureKind::Timeout => "timeout",
        FailureKind::LeaseLost => "lease_lost",
        FailureKind::Forbidden => "forbidden",
    }
}

/// The verdict when the log cannot be used: never lost, tried again.
pub(crate) fn later(reason: String) -> Verdict {
    Verdict::Retry { after: BUS_PAUSE, reason }
}
