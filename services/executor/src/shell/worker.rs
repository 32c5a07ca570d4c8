//! One attempt at one step, from its start in the log to an outcome for the log.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use jiff::Timestamp;
use paramedic_bus::{Blobs, LogError, kill_switch::KillSwitch, lease::Leases, streams};
use paramedic_catalogue::Catalogue;
use paramedic_domain::{
    change::Change, envelope::Envelope, event::Event, fault::FailureKind, id::WorkerId, incident::Incident, plan::Step,
};
use paramedic_runtime::Kit;
use tracing::Instrument;

use super::{
    calls::Outside,
    failure::{Failure, Halt},
    kubernetes::Cluster,
    limits::Ledgers,
    run::{Purpose, Report, Run},
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

/// What every step may use.
pub struct Worker {
    pub(crate) kit: Kit,
    pub(crate) config: Config,
    pub(crate) cluster: Cluster,
    pub(crate) catalogue: Catalogue,
    pub(crate) leases: Leases,
    pub(crate) kill_switch: KillSwitch,
    pub(crate) ledgers: Ledgers,
    pub(crate) outside: Outside,
    pub(crate) blobs: Arc<dyn Blobs>,
    id: WorkerId,
    /// When this process began.
    pub(crate) opened: Timestamp,
    /// Events handled so far.
    events: AtomicU64,
}

/// An attempt that has ended, and how.
pub struct Attempted {
    attempt: Attempt,
    ended: Result<Report, Halt>,
}

impl Attempted {
    /// What the log has to say of it; nothing if the attempt is somebody else's by now.
    #[must_use]
    pub fn events(&self, incident: &Incident, now: Timestamp) -> Vec<Event> {
        match &self.ended {
            Ok(report) => outcome::succeeded(incident, &self.attempt, &report.summary, &report.artifacts, now),
            Err(Halt::Failed(Failure { kind, effect, message })) => outcome::failed(incident, &self.attempt, *kind, *effect, message),
            Err(Halt::Abandoned(_) | Halt::Bus(_)) => Vec::new(),
        }
    }

    pub(crate) fn into_attempt(self) -> Attempt {
        self.attempt
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
            kill_switch: KillSwitch::open(&kit.bus).await?,
            ledgers: Ledgers::open(&kit.bus, config.cluster_limits(), config.namespace_limits()).await?,
            blobs: kit.bus.blobs(streams::ARTIFACTS).await?,
            outside: Outside::new(&config),
            opened: kit.clock.now(),
            kit,
            config,
            cluster,
            catalogue,
            id,
            events: AtomicU64::new(0),
        })
    }

    pub(crate) fn rules(&self) -> Rules {
        self.config.rules(self.kit.cluster.mode, self.kit.cluster.policies.current())
    }

    /// A name for the handling of one event: the same event in the same process again, because a sign of life was lost, is in
    /// other hands and takes over.
    pub fn hand(&self) -> WorkerId {
        self.id.at(self.events.fetch_add(1, Ordering::Relaxed))
    }

    /// Makes an attempt whose start is in the log. The outcome is for the caller to append.
    ///
    /// # Errors
    /// When the bus failed, so that nothing can be appended.
    pub async fn attempt(&self, event: &Envelope, incident: Arc<Incident>, attempt: Attempt) -> Result<Attempted, LogError> {
        let span = tracing::info_span!("step", step = %attempt.step, direction = ?attempt.direction, attempt = attempt.number);
        let ended = self.make(event, &incident, &attempt).instrument(span).await;
        match ended {
            Err(Halt::Bus(problem)) => Err(LogError::Bus(paramedic_bus::Error::Unavailable(problem))),
            ended => Ok(Attempted { attempt, ended }),
        }
    }

    async fn make(&self, event: &Envelope, incident: &Incident, attempt: &Attempt) -> Result<Report, Halt> {
        let step = current(incident, attempt).map_err(|denied| Halt::Abandoned(denied.to_string()))?;
        let state = incident.run.as_ref().and_then(|run| run.steps.get(&attempt.step));
        let started = state.and_then(|state| state.began).unwrap_or(event.time);
        let run = Run::new(self, event, incident, attempt, step, started, Purpose::Workflow);
        run.know(outcome::known(incident, attempt));
        let began = self.kit.clock.now();
        let ended = run.to_the_deadline().await;
        let seconds = self.kit.clock.now().duration_since(began).as_secs_f64();
        match &ended {
            Ok(report) => {
                metrics::step(&step.action, attempt.direction, "succeeded", seconds);
                tracing::info!(summary = report.summary, "step done");
            }
            Err(Halt::Failed(Failure { kind, effect, message })) => {
                metrics::step(&step.action, attempt.direction, word(*kind), seconds);
                tracing::warn!(?kind, ?effect, message, "step failed");
            }
            Err(Halt::Abandoned(why)) => {
                metrics::refusal("stale");
                tracing::info!(why, "left to another worker");
                let incident = self.kit.log.load(&event.cluster, &event.incident).await?;
                self.release_if_over(event, &incident, attempt, step).await?;
            }
            Err(Halt::Bus(problem)) => tracing::warn!(problem, "the bus failed; the attempt is taken over when it is back"),
        }
        ended
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
        decide: impl FnMut(&Incident, Timestamp) -> Vec<Event> + Send,
    ) -> Result<Arc<Incident>, LogError> {
        let decided = self.kit.log.decide_on(event, &self.kit.clock, decide).await?;
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
