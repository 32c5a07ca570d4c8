//! Messages that are delivered very often: those that wait, and those that are poison.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use paramedic_bus::{
    Now, SharedBus, Start, Stored, StreamSpec,
    consume::{self, MessageHandler, Verdict},
    streams,
};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::backend::Backend;

/// More than any message that does not wait for something needs.
const MANY: u32 = 1_100;

/// A clock whose pauses take no time.
struct Instantly;

impl Now for Instantly {
    fn now(&self) -> Timestamp {
        now()
    }

    fn wall(&self, _span: Duration) -> Duration {
        Duration::ZERO
    }
}

/// Asks for more time until it was asked often enough; panics instead if told to.
struct Waiting {
    panics: bool,
    seen: AtomicU32,
    enough: CancellationToken,
}

#[async_trait]
impl MessageHandler for Waiting {
    async fn handle(&self, _message: &Stored, delivery: u32) -> Verdict {
        self.seen.store(delivery, Ordering::Relaxed);
        assert!(!self.panics, "it panics whenever it is touched");
        if delivery >= MANY {
            self.enough.cancel();
            return Verdict::Done;
        }
        Verdict::Retry {
            after: Duration::from_secs(60),
            reason: "no room".into(),
        }
    }
}

async fn letters(bus: &SharedBus) -> Vec<Stored> {
    bus.replay(streams::DEADLETTERS, ">", Start::Beginning).await.expect("replay")
}

async fn with_letters(b: &impl Backend) -> SharedBus {
    let bus = with_stream(b).await;
    let spec = StreamSpec {
        name: streams::DEADLETTERS.into(),
        subjects: vec!["paramedic.deadletter.>".into()],
        ..stream()
    };
    bus.ensure_stream(&spec).await.expect("dead letters");
    bus
}

/// Consumes until the handler has enough or there is a dead letter.
async fn consume(bus: &SharedBus, handler: &Arc<Waiting>) -> Vec<Stored> {
    let drain = CancellationToken::new();
    let running = in_background(consume::run_messages(
        bus.clone(),
        worker(),
        1,
        Arc::new(Instantly),
        drain.clone(),
        handler.clone(),
    ));
    let ended = async {
        while letters(bus).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = handler.enough.cancelled() => {}
        () = ended => {}
        () = tokio::time::sleep(PATIENCE) => panic!("nothing came of it after {} deliveries", handler.seen.load(Ordering::Relaxed)),
    }
    drain.cancel();
    joined(running).await.expect("consumed");
    letters(bus).await
}

fn handler(panics: bool) -> Arc<Waiting> {
    Arc::new(Waiting {
        panics,
        seen: AtomicU32::new(0),
        enough: CancellationToken::new(),
    })
}

pub(crate) async fn a_message_whose_handler_asks_for_time_is_never_given_up(b: &mut impl Backend) {
    let bus = with_letters(b).await;
    fill(&bus, &["1"]).await;
    let patient = handler(false);
    assert!(consume(&bus, &patient).await.is_empty(), "it was given up");
    assert_eq!(patient.seen.load(Ordering::Relaxed), MANY);
}

pub(crate) async fn a_message_that_panics_again_and_again_is_kept_as_a_dead_letter(b: &mut impl Backend) {
    let bus = with_letters(b).await;
    fill(&bus, &["1"]).await;
    let letters = consume(&bus, &handler(true)).await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].subject, "paramedic.deadletter.worker");
    let reason = &letters[0].headers["Paramedic-Reason"];
    assert!(reason.contains("panic"), "{reason}");
}

pub(crate) async fn a_message_that_ends_in_no_verdict_is_kept_as_a_dead_letter(b: &mut impl Backend) {
    let bus = with_letters(b).await;
    fill(&bus, &["1"]).await;
    // It waited for long, and then every process that touches it dies.
    let mut consumer = join(&bus, &worker()).await;
    for _ in 0..60 {
        next(&mut consumer).await.settle.nak(Duration::ZERO).await.expect("nak");
    }
    drop(consumer);
    for _ in 0..60 {
        let touched = Arc::new(CancellationToken::new());
        let dying = in_background(consume::run_messages(
            bus.clone(),
            ConsumerSpec {
                ack_wait: Duration::from_millis(100),
                ..worker()
            },
            1,
            Arc::new(Instantly),
            CancellationToken::new(),
            Arc::new(Dying(touched.clone())),
        ));
        tokio::select! {
            () = touched.cancelled() => drop(dying),
            () = async { while letters(&bus).await.is_empty() { tokio::time::sleep(Duration::from_millis(20)).await; } } => break,
            () = tokio::time::sleep(PATIENCE) => panic!("it was neither touched nor given up"),
        }
    }
    assert_eq!(letters(&bus).await.len(), 1, "it was touched again and again");
}

/// Never comes to a verdict.
struct Dying(Arc<CancellationToken>);

#[async_trait]
impl MessageHandler for Dying {
    async fn handle(&self, _message: &Stored, _delivery: u32) -> Verdict {
        self.0.cancel();
        std::future::pending().await
    }
}
