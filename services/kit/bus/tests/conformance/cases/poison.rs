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
    dead_letters, streams,
};
use tokio::sync::mpsc;
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

/// Rejects a message as often as it is told to, and says what it was given.
struct Rejecting {
    left: AtomicU32,
    seen: mpsc::UnboundedSender<(String, u64)>,
}

#[async_trait]
impl MessageHandler for Rejecting {
    async fn handle(&self, message: &Stored, _delivery: u32) -> Verdict {
        self.seen.send((message.subject.clone(), message.seq)).expect("the case runs");
        match self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
        {
            Ok(_) => Verdict::Reject {
                reason: "the disk was full".into(),
            },
            Err(_) => Verdict::Done,
        }
    }
}

pub(crate) async fn a_dead_letter_is_listed_and_handled_again_on_request(b: &mut impl Backend) {
    let bus = with_letters(b).await;
    fill(&bus, &["0", "1"]).await;
    let (seen, mut handled) = mpsc::unbounded_channel();
    let left = AtomicU32::new(3);
    let handler = Arc::new(Rejecting { left, seen });
    let drain = CancellationToken::new();
    let running = in_background(consume::run_messages(
        bus.clone(),
        worker(),
        1,
        Arc::new(Instantly),
        drain.clone(),
        handler,
    ));
    let listed = async |count: usize| loop {
        let letters = dead_letters::list(bus.as_ref()).await.expect("list");
        if letters.len() == count {
            return letters;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let letters = tokio::time::timeout(PATIENCE, listed(2)).await.expect("two letters");
    let last = &letters[1];
    assert_eq!(
        (last.consumer.as_str(), last.subject.as_str(), last.retried),
        ("worker", "inc.a.1", false)
    );
    assert_eq!(last.reason, "the disk was full");
    assert!(is_invalid(&dead_letters::retry(bus.as_ref(), 99, "ada").await));
    // It is rejected once more, which makes another letter, and then handled.
    dead_letters::retry(bus.as_ref(), last.number, "ada").await.expect("retry");
    let letters = tokio::time::timeout(PATIENCE, listed(3)).await.expect("a third letter");
    assert_eq!(
        letters.iter().map(|letter| letter.retried).collect::<Vec<_>>(),
        [false, true, false]
    );
    assert_eq!((letters[2].consumer.as_str(), letters[2].subject.as_str()), ("worker", "inc.a.1"));
    assert!(
        is_invalid(&dead_letters::retry(bus.as_ref(), last.number, "ada").await),
        "it was retried"
    );
    dead_letters::retry(bus.as_ref(), letters[2].number, "ada").await.expect("retry");
    let mut all = Vec::new();
    while all.len() < 4 {
        all.push(
            tokio::time::timeout(PATIENCE, handled.recv())
                .await
                .expect("in time")
                .expect("open"),
        );
    }
    let one = ("inc.a.1".to_owned(), 2);
    assert_eq!(all, [("inc.a.0".to_owned(), 1), one.clone(), one.clone(), one]);
    drain.cancel();
    joined(running).await.expect("consumed");
    assert_eq!(dead_letters::list(bus.as_ref()).await.expect("list").len(), 3);
}
