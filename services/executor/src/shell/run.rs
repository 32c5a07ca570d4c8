//! One attempt under way: what it may use, what it knows of its effect, and the last question before each request.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use paramedic_bus::lease::Lease;
use paramedic_catalogue::{Kind, Reader};
use paramedic_domain::{
    change::Change,
    envelope::Envelope,
    event::{Artifact, Direction},
    fault::{Effect, FailureKind},
    incident::Incident,
    object::ObjectRef,
    plan::Step,
};

use super::{failure::Halt, limits::Placed, observe::Reported, worker::Worker};
use crate::{
    core::{
        expiry::{self, Kept},
        limits::at_work,
        permit::{Attempt, Denied, permit},
    },
    metrics,
};

/// Real time that every attempt gets, however fast a drill's clock runs: requests take real time.
const LEAST_WALL: Duration = Duration::from_secs(10);

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
pub(crate) enum Purpose {
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

impl<'a> Run<'a> {
    pub(crate) fn new(
        worker: &'a Worker,
        event: &'a Envelope,
        incident: &'a Incident,
        attempt: &'a Attempt,
        step: &'a Step,
        started: Timestamp,
        purpose: Purpose,
    ) -> Self {
        Self {
            worker,
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
}

impl Run<'_> {
    /// Runs the attempt until it ends or its time is over. Whoever takes over late gets half of the time again, so that
    /// what a dead worker began can still be observed.
    pub(crate) async fn to_the_deadline(&self) -> Result<Report, Halt> {
        let spent = Duration::try_from(self.worker.kit.clock.now().duration_since(self.started)).unwrap_or_default();
        let left = self.step.timeout.saturating_sub(spent).max(self.step.timeout / 2);
        tokio::select! {
            ended = self.go() => ended,
            _ = futures::future::join(self.worker.kit.clock.sleep(left), tokio::time::sleep(LEAST_WALL)) => Err(Halt::failed(
                FailureKind::Timeout,
                self.effect(),
                format!("not done after {} s: {}{}", self.step.timeout.as_secs(), match self.effect() {
                    Effect::None => "nothing was changed",
                    Effect::Applied => "the change was accepted, but its result was not seen in time",
                    Effect::Unknown => "the change was sent without an answer",
                }, self.last_said()),
            )),
        }
    }

    /// What the attempt said last of its progress.
    fn last_said(&self) -> String {
        // Whoever was saying something when the time was over has said it already.
        let reported = self.reported.try_lock();
        let said = reported.ok().and_then(|reported| reported.last().map(str::to_owned));
        said.map_or_else(String::new, |said| format!("; it said last: {said}"))
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
                Change::Carried { by, expect, .. } => self.confirm(by, *expect).await,
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
            Some(Kind::Read(Reader::Costs)) => self.costs().await,
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

    /// Takes the leases of the targets for the workflow. They stay until the workflow has ended. One that another workflow holds is
    /// waited for, as long as the step has time and is still wanted: nothing has been sent yet.
    pub(crate) async fn leases(&self, targets: &[&ObjectRef]) -> Result<Vec<Lease>, Halt> {
        let mut leases = Vec::with_capacity(targets.len());
        for target in targets {
            let key = target.lease_key(&self.event.cluster);
            let lease = loop {
                match self.worker.leases.acquire(&key, self.attempt.plan.as_str()).await? {
                    Ok(lease) => break lease,
                    Err(held) => {
                        metrics::refusal("lease");
                        self.still_wanted().await?;
                        self.progress(&format!("waits for {target}, which is being remediated by {}", held.0))
                            .await?;
                    }
                }
                self.pause().await;
            };
            leases.push(lease);
        }
        Ok(leases)
    }

    /// Whether the attempt would be allowed to act if it had what it waits for.
    async fn still_wanted(&self) -> Result<(), Halt> {
        let incident = self.worker.kit.log.load(&self.event.cluster, &self.event.incident).await?;
        if self.purpose == Purpose::Expiry {
            return self.permitted_to_expire(&incident);
        }
        match permit(&incident, self.attempt, &self.worker.rules(), true, self.worker.kit.clock.now()) {
            Ok(_) => Ok(()),
            Err(denied) => Err(Halt::denied(&denied, self.effect())),
        }
    }

    /// The last question before anything is changed, asked of the log as it is now. A step that has lost its place waits until
    /// there is room again, and everything waits while the kill switch is thrown, undoing too.
    pub(crate) async fn permitted(&self, leases: &[Lease]) -> Result<(), Halt> {
        loop {
            let incident = self.allowed(leases).await?;
            if let Some(position) = self.worker.kill_switch.position().await?.filter(|position| position.thrown) {
                metrics::refusal("kill_switch");
                self.progress(&format!(
                    "stopped by {}: {}; waits until the kill switch is released",
                    position.by, position.reason
                ))
                .await?;
                self.pause().await;
                continue;
            }
            if self.purpose == Purpose::Expiry || self.attempt.direction == Direction::Undo {
                return Ok(());
            }
            let placed = Placed {
                plan: &self.attempt.plan,
                step: &self.step.id,
                change: &self.step.change,
                worker: &self.attempt.worker,
            };
            let now = self.worker.kit.clock.now();
            match self
                .worker
                .ledgers
                .own(&self.event.cluster, placed, &at_work(&incident), now)
                .await?
            {
                Ok(()) => return Ok(()),
                Err(full) => self.progress(&format!("waits for room: {} is full", full.scope)).await?,
            }
            self.pause().await;
        }
    }

    async fn allowed(&self, leases: &[Lease]) -> Result<Incident, Halt> {
        let mut held = !leases.is_empty();
        for lease in leases {
            held &= self.worker.leases.still_held(lease).await?;
        }
        let incident = self.worker.kit.log.load(&self.event.cluster, &self.event.incident).await?;
        if self.purpose == Purpose::Expiry {
            return if held || self.step.change.lease_targets().is_empty() {
                self.permitted_to_expire(&incident).map(|()| incident)
            } else {
                Err(Halt::denied(&Denied::NoLease, self.effect()))
            };
        }
        let now = self.worker.kit.clock.now();
        match permit(&incident, self.attempt, &self.worker.rules(), held, now) {
            Ok(step) if step.change == self.step.change => Ok(incident),
            Ok(_) => Err(Halt::Abandoned("the plan changed".into())),
            Err(denied) => {
                metrics::refusal("permit");
                Err(Halt::denied(&denied, self.effect()))
            }
        }
    }

    pub(crate) fn permitted_to_expire(&self, incident: &Incident) -> Result<(), Halt> {
        let mode = self.worker.kit.cluster.mode;
        expiry::permit(incident, &self.attempt.plan, &self.step.id, mode).map_err(|kept| match kept {
            Kept::Settled => Halt::Abandoned("it was put back already".into()),
            // Nobody would put it back later either, so a person is told.
            Kept::Observed => Halt::failed(
                FailureKind::Forbidden,
                self.effect(),
                "its time is over, but the cluster is in observe mode, in which nothing is changed, not even back: put it back by hand",
            ),
        })
    }

    pub(crate) async fn pause(&self) {
        let pause = Duration::from_secs(self.worker.config.poll_seconds);
        self.worker.kit.clock.sleep(pause).await;
    }
}
