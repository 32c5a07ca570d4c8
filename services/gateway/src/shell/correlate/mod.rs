//! The correlator of a cluster: one replica reads its alerts in the order of the stream and writes what follows into the incidents' logs.
//!
//! Whoever begins to lead reads the whole stream again, since the state is nothing but what was read; what was written before is not
//! written again ([`crate::core::record`]).

mod lifecycle;
mod progress;
mod rules;
mod writer;

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use paramedic_bus::{Error, LogError, SharedBus, Stored, dead_letters, leader, streams};
use paramedic_domain::{
    correlation::{Notice, Told},
    digest::Digest,
    id::ClusterId,
    subject::{self, Subject},
};
use paramedic_runtime::{Clock, Kit};
use tokio_util::sync::CancellationToken;

pub(crate) use self::lifecycle::run as lifecycle;
use self::{
    progress::Progress,
    writer::{Traced, Writer},
};
use super::replica;
use crate::{
    Config,
    core::{
        partition::{Aside, Outcome, Partition},
        scope::Scope,
        topology::Snapshot,
        triage::Triage,
    },
    metrics,
};

/// Consumer name under which dead letters are kept.
const NAME: &str = "gateway-correlate";
/// Messages whose changes are written together.
const BATCH: usize = 256;
/// A tick comes no sooner than this after a message: whoever reads what is stored has better to do. Much less than the seconds between a
/// pause of the alerts and the beginning of an analysis, even where the clock runs sixty times as fast.
const QUIET: Duration = Duration::from_millis(20);
/// Pauses between tries while the bus is away.
const PAUSE: Duration = Duration::from_millis(500);

/// Correlates until the kit drains, whenever this replica leads.
pub(crate) async fn run(config: Config, scope: Scope, triage: Triage, kit: Kit) -> Result<(), Error> {
    let cluster = kit.cluster.name.clone();
    let me = replica::name();
    let correlator = Arc::new(Correlator {
        writer: Writer::new(&kit, triage),
        bus: kit.bus.clone(),
        clock: kit.clock.clone(),
        refire_after: config.refire_after(),
        scope,
        cluster: cluster.clone(),
    });
    let office = format!("correlator/{cluster}");
    leader::lead(&kit.bus, &office, &me, &kit.drain, |over| {
        let correlator = correlator.clone();
        async move {
            metrics::leading(true);
            if let Err(error) = correlator.lead(&over).await {
                tracing::warn!(%error, "correlation is interrupted; it begins again");
            }
            metrics::leading(false);
        }
    })
    .await
}

struct Correlator {
    writer: Writer,
    bus: SharedBus,
    clock: Clock,
    refire_after: Duration,
    scope: Scope,
    cluster: ClusterId,
}

impl Correlator {
    /// One time of leading.
    async fn lead(&self, over: &CancellationToken) -> Result<(), Error> {
        let mut progress = Progress::open(&self.bus, &self.cluster).await?;
        let mut partition = Partition::new(self.cluster.clone(), self.refire_after, self.scope.clone());
        let filter = subject::alerts_filter(&self.cluster);
        let mut messages = self.bus.follow(streams::ALERTS, &filter, 0).await?.ready_chunks(BATCH);
        let mut surveyed: Option<Stored> = None;
        let mut read_by: Option<Digest> = None;
        let mut last = 0;
        loop {
            let due = partition.tick_due().map(|due| {
                let left = Duration::try_from(due.duration_since(self.clock.now())).unwrap_or_default();
                self.clock.wall(left).max(QUIET)
            });
            tokio::select! {
                biased;
                () = over.cancelled() => return Ok(()),
                batch = messages.next() => {
                    let batch: Vec<Stored> = batch.unwrap_or_default().into_iter().collect::<Result<_, _>>()?;
                    let Some(newest) = batch.last().map(|message| message.seq) else { return Ok(()) };
                    let mut effects = Vec::new();
                    for message in &batch {
                        if subject::alerts_kind(&message.subject) == Some("topology") {
                            surveyed = Some(message.clone());
                            continue;
                        }
                        // Of several snapshots in a row only the last one is ever used.
                        if let Some(surveyed) = surveyed.take() {
                            self.survey(&mut partition, &surveyed, &mut read_by).await?;
                        }
                        let outcome = self.take(&mut partition, message).await?;
                        if message.seq > progress.done() {
                            note(&outcome);
                            effects.extend(traced(outcome, message, &partition));
                        }
                    }
                    if !self.written(&effects, over).await {
                        return Ok(());
                    }
                    last = newest;
                    progress.set(newest).await?;
                    metrics::correlated_to(newest);
                }
                () = pause(due) => self.tick(last).await?,
            }
        }
    }

    /// Reads alerts by another snapshot from now on. One that cannot be read leaves the last one in place.
    /// What is said again is in place already.
    async fn survey(&self, partition: &mut Partition, message: &Stored, read_by: &mut Option<Digest>) -> Result<(), Error> {
        let taken = match paramedic_wire::decode_topology(&message.payload) {
            Ok(taken) => taken,
            Err(invalid) => return dead_letters::give_up(&*self.bus, NAME, message, &invalid.to_string()).await,
        };
        if *read_by == Some(taken.digest) {
            return Ok(());
        }
        let blobs = self.bus.blobs(streams::ARTIFACTS).await?;
        let snapshot = match blobs.get(&taken.artifact).await? {
            Some(bytes) => Snapshot::load(&bytes).map_err(|error| error.to_string()),
            None => Err("it is not there".into()),
        };
        match snapshot {
            Ok(snapshot) => {
                partition.surveyed(&snapshot);
                *read_by = Some(taken.digest);
            }
            Err(problem) => {
                tracing::error!(
                    artifact = taken.artifact,
                    problem,
                    "a snapshot of the topology cannot be used; the one before it is used on"
                );
            }
        }
        Ok(())
    }

    /// What follows from one message.
    async fn take(&self, partition: &mut Partition, message: &Stored) -> Result<Outcome, Error> {
        let outcome = match subject::alerts_kind(&message.subject) {
            Some("notification") => {
                paramedic_wire::decode_notification(&message.payload).map(|notification| partition.notified(&notification, message.seq))
            }
            Some("window") => paramedic_wire::decode_window(&message.payload).map(|told| partition.windows(&told, message.seq)),
            Some("quiet") => paramedic_wire::decode_quiet(&message.payload).map(|quiet| partition.kept_quiet(quiet, message.seq)),
            Some("told") => paramedic_wire::decode_told(&message.payload).map(|told| partition.told(&told, message.seq)),
            Some(_) | None => return Ok(Outcome::default()),
        };
        match outcome {
            Ok(outcome) => {
                for word in &outcome.words {
                    metrics::correlated(word);
                }
                metrics::held(partition.held());
                Ok(outcome)
            }
            Err(invalid) => {
                dead_letters::give_up(&*self.bus, NAME, message, &format!("not a message of this kind: {invalid}")).await?;
                Ok(Outcome::default())
            }
        }
    }

    /// Writes until it is done; false when the lead is over before.
    async fn written(&self, effects: &[Traced], over: &CancellationToken) -> bool {
        while let Err(error) = self.writer.write(&self.cluster, effects).await {
            tracing::warn!(%error, "cannot write what was correlated; trying again");
            tokio::select! {
                () = over.cancelled() => return false,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        true
    }

    /// Says in the stream that nothing came for a while.
    async fn tick(&self, last: u64) -> Result<(), Error> {
        let told = Told {
            cluster: self.cluster.clone(),
            at: self.clock.now(),
            notice: Notice::Tick,
        };
        tell(&self.bus, &told, format!("tick-{}-{last}", self.cluster)).await
    }
}

/// Says of alerts that are in no incident why.
fn note(outcome: &Outcome) {
    for aside in &outcome.aside {
        let Aside {
            fingerprint,
            name,
            since,
            why,
        } = aside;
        tracing::info!(alert = name, fingerprint, %since, why, "a firing alert is in no incident");
    }
}

fn traced(outcome: Outcome, message: &Stored, partition: &Partition) -> Vec<Traced> {
    let traceparent = message.headers.get(paramedic_wire::headers::TRACEPARENT);
    let traceparent = traceparent.map(|text| Arc::from(text.as_str()));
    let effects = outcome.effects.into_iter();
    effects
        .map(|effect| Traced {
            effect,
            traceparent: traceparent.clone(),
            facts: partition.facts().clone(),
        })
        .collect()
}

/// Waits that long; for ever without a time.
async fn pause(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

/// Tells the correlator something by its stream.
pub(crate) async fn tell(bus: &SharedBus, told: &Told, msg_id: String) -> Result<(), Error> {
    let subject = Subject::Told {
        cluster: told.cluster.clone(),
    };
    let message = paramedic_bus::Append {
        subject: subject.to_string(),
        payload: paramedic_wire::encode_told(told),
        msg_id: Some(msg_id),
        ..paramedic_bus::Append::default()
    };
    bus.append(streams::ALERTS, message).await.map(drop)
}

/// Whether trying again may help.
fn transient(error: &LogError) -> bool {
    match error {
        LogError::Bus(Error::Invalid(_)) | LogError::Fold(_) | LogError::Decode { .. } => false,
        LogError::Bus(_) | LogError::Contended { .. } => true,
    }
}
