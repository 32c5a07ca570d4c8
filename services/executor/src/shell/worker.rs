//! Work items: one attempt at one step, from the intent in the log to the outcome in the log.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use paramedic_bus::{
    Blobs, LogError,
    consume::{Handler, Verdict},
    lease::{Lease, Leases},
    streams,
};
use paramedic_catalogue::{Catalogue, Kind, Reader};
use paramedic_domain::{
    change::Change,
    envelope::Envelope,
    event::{Artifact, Direction, Event},
    fault::{Effect, FailureKind},
    id::WorkerId,
    incident::Incident,
    object::ObjectRef,
    plan::Step,
};
use paramedic_runtime::Kit;

use super::{
    calls::Outside,
    crash::{self, Moment},
    failure::{Failure, Halt},
    kubernetes::Cluster,
    observe::Reported,
};
use crate::{
    config::Config,
    core::{
        expiry, outcome,
        permit::{Attempt, Denied, current, permit},
        rules::Rules,
    },
    metrics,
};

/// Real time that every attempt gets, however fast a drill's clock runs: requests take real time.
const LEAST_WALL: Duration = Duration::from_secs(10);
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
}

/// One attempt under way.
pub(crate) struct Run<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) event: &'a Envelope,
    pub(crate) incident: &'a Incident,
    pub(crate) attempt: &'a Attempt,
    pub(crate) step: &'a Step,
    /// When the attempt was first started, by the log.
    pub(crate) started: Timestamp,
    /// Why something is undone: because the workflow winds down, or because its time is over.
    purpose: Purpose,
    /// What is known of the effect so far; read when the time is over.
    effect: Mutex<Known>,
    /// What was said about its progress.
    pub(crate) reported: tokio::sync::Mutex<Reported>,
}

/// What an attempt is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// A step of a running workflow.
    Workflow,
    /// An effect that must not stay, whatever became of its workflow.
    Expiry,
}

/// What is known of a step's effect.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// An earlier request of the step took effect.
    settled: bool,
    /// The effect of the request at hand.
    current: Effect,
}

/// What a good attempt reports.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) summary: String,
    pub(crate) artifacts: Vec<Artifact>,
}

impl Report {
    pub(crate) fn of(summary: impl Into<String>) -> Self {
        Self {
            summary: summary.into(),
            artifacts: Vec::new(),
        }
    }
}

#[async_trait]
impl Handler for Worker {
    async fn handle(&self, event: &Envelope, _delivery: u32) -> Verdict {
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
            worker: self.id.clone(),
        };
        match self.work(event, &attempt).await {
            Ok(()) => Verdict::Done,
            Err(error) => error.verdict(),
        }
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
        })
    }

    pub(crate) fn rules(&self) -> Rules {
        self.config.rules(self.kit.cluster.mode)
    }

    async fn work(&self, event: &Envelope, attempt: &Attempt) -> Result<(), LogError> {
        let taken = self.append(event, |incident| outcome::take(incident, attempt)).await?;
        let Ok(step) = current(&taken, attempt) else { return Ok(()) };
        let state = taken.run.as_ref().and_then(|run| run.steps.get(&attempt.step));
        let started = state.and_then(|state| state.began).unwrap_or(event.time);
        let run = self.run(event, &taken, attempt, step, started, Purpose::Workflow);
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
            }
            Err(Halt::Bus(problem)) => return Err(LogError::Bus(paramedic_bus::Error::Unavailable(problem))),
        }
        Ok(())
    }

    fn run<'a>(
        &'a self,
        event: &'a Envelope,
        incident: &'a Incident,
        attempt: &'a Attempt,
        step: &'a Step,
        started: Timestamp,
        purpose: Purpose,
    ) -> Run<'a> {
        Run {
            worker: self,
            event,
            incident,
            attempt,
            step,
            started,
            purpose,
            effect: Mutex::new(Known {
                settled: false,
                current: Effect::None,
            }),
            reported: tokio::sync::Mutex::default(),
        }
    }

    /// This worker's name.
    pub(crate) fn name(&self) -> &WorkerId {
        &self.id
    }

    /// Puts back what a step did that must not stay; its workflow may be over long since.
    pub(crate) async fn expire(&self, event: &Envelope, attempt: &Attempt, step: &Step) -> Result<String, Halt> {
        let incident = self.kit.log.load(&event.cluster, &event.incident).await?;
        let run = self.run(event, &incident, attempt, step, self.kit.clock.now(), Purpose::Expiry);
        run.permitted_to_expire(&incident)?;
        let ended = run.to_the_deadline().await;
        // The workflow gives its leases back when it ends; what ends after it does so itself.
        let over = incident
            .run
            .as_ref()
            .is_none_or(|run| run.ended.is_some() || incident.plan.as_ref().is_none_or(|plan| plan.id != attempt.plan));
        if over {
            for target in step.change.lease_targets() {
                self.leases
                    .release(&target.lease_key(&event.cluster), attempt.plan.as_str())
                    .await?;
            }
        }
        ended.map(|report| report.summary)
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

impl Run<'_> {
    /// Runs the attempt until it ends or its time is over. Whoever takes over late gets half of the time again, so that
    /// what a dead worker began can still be observed.
    async fn to_the_deadline(&self) -> Result<Report, Halt> {
        let spent = Duration::try_from(self.worker.kit.clock.now().duration_since(self.started)).unwrap_or_default();
        let left = self.step.timeout.saturating_sub(spent).max(self.step.timeout / 2);
        tokio::select! {
            ended = self.go() => ended,
            _ = futures::future::join(self.worker.kit.clock.sleep(left), tokio::time::sleep(LEAST_WALL)) => Err(Halt::failed(
                FailureKind::Timeout,
                self.effect(),
                format!("not done after {} s: {}", self.step.timeout.as_secs(), match self.effect() {
                    Effect::None => "nothing was changed",
                    Effect::Applied => "the change was accepted, but its result was not seen in time",
                    Effect::Unknown => "the change was sent without an answer",
                }),
            )),
        }
    }

    async fn go(&self) -> Result<Report, Halt> {
        let change = &self.step.change;
        match self.attempt.direction {
            Direction::Forward => match change {
                Change::Read { targets, .. } => self.read(targets).await,
                Change::Exec(exec) => self.copy_out(exec).await,
                Change::Patch(_) | Change::Delete(_) | Change::Sequence { .. } => self.perform(&change.operations()).await,
                Change::Call(call) => self.call(call).await,
                Change::Notify(notice) => self.report(notice).await,
                Change::Carried { by, expect } => self.confirm(by, *expect).await,
            },
            Direction::Undo => match change {
                Change::Patch(_) | Change::Delete(_) | Change::Sequence { .. } => self.revert(&change.operations()).await,
                Change::Call(call) => self.call_back(call).await,
                Change::Read { .. } | Change::Exec(_) | Change::Notify(_) | Change::Carried { .. } => Ok(Report::of("it changed nothing")),
            },
        }
    }

    /// Looks, in the way that the step's action does.
    async fn read(&self, targets: &[ObjectRef]) -> Result<Report, Halt> {
        let action = self.worker.catalogue.find(&self.step.action);
        match action.map(|action| action.kind()) {
            Some(Kind::Read(Reader::Diagnostics)) => self.diagnose(targets).await,
            Some(Kind::Read(Reader::Health)) => self.health(targets).await,
            Some(Kind::Read(Reader::Correlate)) => self.correlate().await,
            Some(Kind::Read(Reader::Pause)) => self.wait().await,
            Some(Kind::Exec | Kind::Cluster | Kind::Outside | Kind::Notify) | None => Err(self.unknown_action()),
        }
    }

    fn unknown_action(&self) -> Halt {
        Halt::failed(
            FailureKind::Permanent,
            Effect::None,
            format!(
                "action {:?} is not one that reads: this executor does not know it",
                self.step.action
            ),
        )
    }

    /// What is known of the effect of the whole step.
    pub(crate) fn effect(&self) -> Effect {
        let known = *self.effect.lock().unwrap_or_else(PoisonError::into_inner);
        if known.settled { Effect::Applied } else { known.current }
    }

    /// What is known of the effect of the request at hand.
    pub(crate) fn know(&self, effect: Effect) {
        self.effect.lock().unwrap_or_else(PoisonError::into_inner).current = effect;
    }

    /// The request at hand is done: whatever becomes of the next ones, the step has an effect if this one had.
    pub(crate) fn settle(&self) {
        let mut known = self.effect.lock().unwrap_or_else(PoisonError::into_inner);
        known.settled |= known.current == Effect::Applied;
        known.current = Effect::None;
    }

    pub(crate) fn since(&self) -> Option<Timestamp> {
        // Server clocks differ a little from ours; a verdict this much older is certainly about something else.
        self.started.checked_sub(SignedDuration::from_secs(5)).ok()
    }

    /// Takes the leases of the targets for the workflow. They stay until the workflow has ended.
    pub(crate) async fn leases(&self, targets: &[&ObjectRef]) -> Result<Vec<Lease>, Halt> {
        let mut leases = Vec::with_capacity(targets.len());
        for target in targets {
            let key = target.lease_key(&self.event.cluster);
            match self.worker.leases.acquire(&key, self.attempt.plan.as_str()).await? {
                Ok(lease) => leases.push(lease),
                Err(held) => {
                    metrics::refusal("lease");
                    return Err(Halt::failed(
                        FailureKind::LeaseLost,
                        self.effect(),
                        format!("{target} is being remediated by {}", held.0),
                    ));
                }
            }
        }
        Ok(leases)
    }

    /// The last question before anything is changed, asked of the log as it is now.
    pub(crate) async fn permitted(&self, leases: &[Lease]) -> Result<(), Halt> {
        let mut held = !leases.is_empty();
        for lease in leases {
            held &= self.worker.leases.still_held(lease).await?;
        }
        let incident = self.worker.kit.log.load(&self.event.cluster, &self.event.incident).await?;
        if self.purpose == Purpose::Expiry {
            return if held || self.step.change.lease_targets().is_empty() {
                self.permitted_to_expire(&incident)
            } else {
                Err(Halt::denied(&Denied::NoLease, self.effect()))
            };
        }
        let now = self.worker.kit.clock.now();
        match permit(&incident, self.attempt, &self.worker.rules(), held, now) {
            Ok(step) if step.change == self.step.change => Ok(()),
            Ok(_) => Err(Halt::Abandoned("the plan changed".into())),
            Err(denied) => {
                metrics::refusal("permit");
                Err(Halt::denied(&denied, self.effect()))
            }
        }
    }

    fn permitted_to_expire(&self, incident: &Incident) -> Result<(), Halt> {
        let mode = self.worker.kit.cluster.mode;
        expiry::permit(incident, &self.attempt.plan, &self.step.id, mode).map_err(Halt::Abandoned)
    }

    pub(crate) async fn pause(&self) {
        let pause = Duration::from_secs(self.worker.config.poll_seconds);
        self.worker.kit.clock.sleep(pause).await;
    }
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
