//! The loop of every service: pull an event, hand it over, settle it by the verdict.

mod strikes;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::FutureExt;
use paramedic_domain::{envelope::Envelope, id::ClusterId, subject};
use tokio::{sync::Semaphore, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use self::strikes::Strikes;
use crate::{Consumer, ConsumerSpec, Delivery, Error, Now, SharedBus, Start, Stored, dead_letters, streams, trace};

/// What becomes of a delivered message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Handled: never deliver it again.
    Done,
    /// Deliver it again later.
    Retry {
        /// Delay in the clock's time.
        after: Duration,
        /// Why, for the log.
        reason: String,
    },
    /// It can never be handled: to the dead letters.
    Reject {
        /// Why.
        reason: String,
    },
}

/// Handles raw messages.
#[async_trait]
pub trait MessageHandler: Send + Sync + 'static {
    /// Handles one delivery; `delivery` is 1 for the first.
    async fn handle(&self, message: &Stored, delivery: u32) -> Verdict;
}

/// Handles incident events.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Handles one delivery; `delivery` is 1 for the first.
    async fn handle(&self, event: &Envelope, delivery: u32) -> Verdict;
}

/// A message that was in hand this long without a sign of life is given to another worker.
const ACK_WAIT: Duration = Duration::from_secs(30);
/// Pause after a handler's panic or a dead letter that could not be stored.
const PANIC_PAUSE: Duration = Duration::from_secs(5);
/// Pause after the bus could not be pulled.
const BUS_PAUSE: Duration = Duration::from_millis(500);

/// A consumer of these kinds of incident events, of every incident.
#[must_use]
pub fn on_events(durable: &str, kinds: &[&'static str]) -> ConsumerSpec {
    ConsumerSpec {
        stream: streams::INCIDENTS.into(),
        durable: durable.into(),
        filters: kinds.iter().map(|kind| subject::kind_filter(kind)).collect(),
        ack_wait: ACK_WAIT,
        max_deliver: None,
        // Delays are timers, and every waiting gate, window or back-off holds one.
        max_ack_pending: 20_000,
        start: Start::Beginning,
    }
}

/// A consumer of these kinds of incident events of one cluster: for roles that talk to that cluster. Each cluster has its
/// own, so that no replica takes work that it cannot reach.
#[must_use]
pub fn on_cluster_events(durable: &str, cluster: &ClusterId, kinds: &[&'static str]) -> ConsumerSpec {
    ConsumerSpec {
        durable: format!("{durable}-{cluster}"),
        filters: kinds.iter().map(|kind| subject::cluster_kind_filter(cluster, kind)).collect(),
        ..on_events(durable, kinds)
    }
}

/// Runs `handler` on incident events until `drain` is cancelled and what is in hand is finished.
///
/// # Errors
/// When the bus refuses the consumer; while it is away, it is asked again.
pub async fn run(
    bus: SharedBus,
    spec: ConsumerSpec,
    concurrency: usize,
    clock: Arc<dyn Now>,
    drain: CancellationToken,
    handler: Arc<dyn Handler>,
) -> Result<(), Error> {
    run_messages(bus, spec, concurrency, clock, drain, Arc::new(Decoding(handler))).await
}

struct Decoding(Arc<dyn Handler>);

#[async_trait]
impl MessageHandler for Decoding {
    async fn handle(&self, message: &Stored, delivery: u32) -> Verdict {
        match paramedic_wire::decode(&message.payload) {
            Ok(recorded) => self.0.handle(&recorded.envelope, delivery).await,
            Err(problem) => Verdict::Reject {
                reason: format!("not an event: {problem}"),
            },
        }
    }
}

/// Runs `handler` on raw messages; the same rules as [`run`].
///
/// # Errors
/// When the bus refuses the consumer; while it is away, it is asked again.
pub async fn run_messages(
    bus: SharedBus,
    spec: ConsumerSpec,
    concurrency: usize,
    clock: Arc<dyn Now>,
    drain: CancellationToken,
    handler: Arc<dyn MessageHandler>,
) -> Result<(), Error> {
    let retries = dead_letters::retries(&spec);
    let pull = |spec: ConsumerSpec, concurrency, home: Option<String>| {
        let (bus, clock, drain, handler) = (bus.clone(), clock.clone(), drain.clone(), handler.clone());
        pull(bus, spec, home, concurrency, clock, drain, handler)
    };
    let home = Some(spec.durable.clone());
    tokio::try_join!(pull(spec, concurrency, None), pull(retries, 1, home)).map(drop)
}

/// Pulls one consumer's messages. `home`: they are retries of what that consumer gave up.
async fn pull(
    bus: SharedBus,
    spec: ConsumerSpec,
    home: Option<String>,
    concurrency: usize,
    clock: Arc<dyn Now>,
    drain: CancellationToken,
    handler: Arc<dyn MessageHandler>,
) -> Result<(), Error> {
    let Some((mut consumer, strikes)) = opened(&bus, &spec, &drain).await? else {
        return Ok(());
    };
    let worker = Arc::new(Worker {
        strikes,
        bus,
        durable: spec.durable.clone(),
        home,
        ack_wait: spec.ack_wait,
        clock,
        handler,
    });
    let slots = Arc::new(Semaphore::new(concurrency));
    let mut in_hand = JoinSet::new();
    loop {
        while in_hand.try_join_next().is_some() {}
        let slot = tokio::select! {
            () = drain.cancelled() => break,
            slot = slots.clone().acquire_owned() => slot.expect("the semaphore is never closed"),
        };
        consumer.expect(slots.available_permits() + 1);
        let delivery = tokio::select! {
            () = drain.cancelled() => break,
            delivery = consumer.next() => delivery,
        };
        match delivery {
            Ok(delivery) => {
                let worker = worker.clone();
                in_hand.spawn(async move {
                    worker.work(delivery).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(consumer = spec.durable, %error, "cannot pull; trying again");
                tokio::select! {
                    () = drain.cancelled() => break,
                    () = tokio::time::sleep(BUS_PAUSE) => {}
                }
            }
        }
    }
    while in_hand.join_next().await.is_some() {}
    Ok(())
}

/// The consumer and the strikes of its messages; tried again while the bus is away. `None`: it is time to end.
async fn opened(bus: &SharedBus, spec: &ConsumerSpec, drain: &CancellationToken) -> Result<Option<(Box<dyn Consumer>, Strikes)>, Error> {
    loop {
        let opened = async { Ok((bus.consumer(spec).await?, Strikes::open(bus, &spec.durable).await?)) };
        match opened.await {
            Ok(opened) => return Ok(Some(opened)),
            Err(error @ Error::Unavailable(_)) => {
                tracing::warn!(consumer = spec.durable, %error, "cannot open the consumer yet; trying again");
            }
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = drain.cancelled() => return Ok(None),
            () = tokio::time::sleep(BUS_PAUSE) => {}
        }
    }
}

struct Worker {
    strikes: Strikes,
    bus: SharedBus,
    durable: String,
    /// The consumer whose dead letters are retried here.
    home: Option<String>,
    ack_wait: Duration,
    clock: Arc<dyn Now>,
    handler: Arc<dyn MessageHandler>,
}

impl Worker {
    async fn work(&self, delivery: Delivery) {
        let message = &match &self.home {
            Some(_) => dead_letters::original(&delivery.message),
            None => delivery.message.clone(),
        };
        let (incident, kind) = subject::parse_incident(&message.subject)
            .map_or((String::new(), message.subject.as_str()), |(_, incident, kind)| {
                (incident.to_string(), kind)
            });
        let queued_ms = queued_ms(message);
        let span = tracing::info_span!("consume", otel.name = format!("{} {kind}", self.durable), otel.kind = "consumer", consumer = self.durable, %incident, seq = message.seq, delivery = delivery.attempt, queued_ms);
        trace::set_parent(&span, &message.headers);
        async {
            if let Err(error) = delivery.settle.counted().await {
                tracing::warn!(%error, "the delivery could not be counted; it will come again");
                return;
            }
            let verdict = match self.strikes.strike(delivery.message.seq, delivery.attempt).await {
                Ok(None) => self.handle(&delivery, message).await,
                Ok(Some(reason)) => Verdict::Reject { reason },
                Err(error) => {
                    tracing::warn!(%error, "whether the message is poison could not be told; it will come again");
                    return;
                }
            };
            if let Err(error) = self.settle(&delivery, message, verdict).await {
                // Unsettled messages come again: nothing is lost, and handlers are idempotent.
                tracing::warn!(%error, "could not settle the delivery; it will come again");
            }
        }
        .instrument(span)
        .await;
    }

    /// Runs the handler and keeps the message in hand meanwhile.
    async fn handle(&self, delivery: &Delivery, message: &Stored) -> Verdict {
        let mut handling = std::pin::pin!(AssertUnwindSafe(self.handler.handle(message, delivery.attempt)).catch_unwind());
        // The first sign of life is not due at once: even a timer that is over costs a millisecond.
        let period = self.ack_wait / 3;
        let mut alive = tokio::time::interval_at(tokio::time::Instant::now() + period, period);
        loop {
            tokio::select! {
                outcome = &mut handling => {
                    let Ok(verdict) = outcome else {
                        tracing::error!(subject = message.subject, "handler panicked; the event will be delivered again");
                        return Verdict::Retry { after: PANIC_PAUSE, reason: "handler panicked".into() };
                    };
                    if let Err(error) = self.strikes.forgive(delivery.message.seq, delivery.attempt).await {
                        tracing::warn!(%error, "a strike against the message stays although it was handled");
                    }
                    return verdict;
                }
                _ = alive.tick() => {
                    if let Err(error) = delivery.settle.in_progress().await {
                        tracing::warn!(%error, "could not extend the delivery");
                    }
                }
            }
        }
    }

    async fn settle(&self, delivery: &Delivery, message: &Stored, verdict: Verdict) -> Result<(), Error> {
        let label = match &verdict {
            Verdict::Done => "done",
            Verdict::Retry { .. } => "retry",
            Verdict::Reject { .. } => "reject",
        };
        metrics::counter!("paramedic_events_consumed_total", "consumer" => self.durable.clone(), "verdict" => label).increment(1);
        match verdict {
            Verdict::Done => delivery.settle.ack().await,
            Verdict::Retry { after, reason } => {
                tracing::debug!(?after, reason, "again later");
                delivery.settle.nak(self.clock.wall(after)).await
            }
            Verdict::Reject { reason } => match self.dead_letter(delivery, message, &reason).await {
                Ok(()) => {
                    tracing::error!(
                        subject = delivery.message.subject,
                        reason,
                        "given up; kept as a dead letter: see `paramedic deadletters list`"
                    );
                    metrics::counter!("paramedic_dead_letters_total", "consumer" => self.durable.clone()).increment(1);
                    delivery.settle.term(&reason).await
                }
                Err(error) => {
                    delivery.settle.nak(PANIC_PAUSE).await?;
                    Err(error)
                }
            },
        }
    }

    async fn dead_letter(&self, delivery: &Delivery, message: &Stored, reason: &str) -> Result<(), Error> {
        let durable = self.home.as_ref().unwrap_or(&self.durable);
        let msg_id = format!("{}-{}", self.durable, delivery.message.seq);
        let letter = dead_letters::letter(durable, msg_id, message, reason);
        self.bus.append(streams::DEADLETTERS, letter).await.map(drop)
    }
}

/// Time since the bus stored the message, by the wall clock that stamped it.
#[expect(clippy::disallowed_methods, reason = "a measurement of the bus itself: no decision depends on it")]
fn queued_ms(message: &Stored) -> i64 {
    let queued = jiff::Timestamp::now().duration_since(message.time).as_millis().max(0);
    i64::try_from(queued).unwrap_or(i64::MAX)
}
