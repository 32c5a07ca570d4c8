//! Durable consumers.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use jiff::SignedDuration;
use paramedic_bus::Start;
use tokio::{sync::mpsc, task::JoinSet};

use super::*;
use crate::backend::Backend;

const SHORT: Duration = Duration::from_millis(400);
/// How much later than its time a timer may fire here.
const LATE: Duration = Duration::from_secs(10);

pub(crate) async fn acknowledged_messages_do_not_come_back(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    fill(&bus, &["1", "2", "3"]).await;
    let mut consumer = join(&bus, &worker()).await;
    for n in 1..=3_u64 {
        let delivery = next(&mut consumer).await;
        assert_eq!((delivery.message.seq, delivery.attempt), (n, 1));
        assert_eq!(delivery.message.subject, format!("inc.a.{n}"));
        delivery.settle.ack().await.expect("ack");
    }
    drop(consumer);
    let mut consumer = join(&bus, &worker()).await;
    fill(&bus, &["4"]).await;
    assert_eq!(take(&mut consumer).await, "4");
    silent(&mut consumer, SHORT).await;
}

pub(crate) async fn next_waits_for_a_message(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    let mut consumer = join(&bus, &worker()).await;
    let waiting = in_background(async move { take(&mut consumer).await });
    silent(
        &mut join(
            &bus,
            &ConsumerSpec {
                durable: "other".into(),
                ..worker()
            },
        )
        .await,
        SHORT,
    )
    .await;
    fill(&bus, &["late"]).await;
    assert_eq!(joined(waiting).await, "late");
}

pub(crate) async fn a_nak_comes_back_after_its_delay(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    fill(&bus, &["1", "2"]).await;
    let mut consumer = join(&bus, &worker()).await;
    let first = next(&mut consumer).await;
    let naked = Instant::now();
    first.settle.nak(SHORT).await.expect("nak");
    assert_eq!(take(&mut consumer).await, "2", "others go on meanwhile");
    let again = next(&mut consumer).await;
    assert_eq!((payload(&again).as_str(), again.attempt), ("1", 2));
    assert!(naked.elapsed() >= SHORT, "too early: {:?}", naked.elapsed());
    assert!(naked.elapsed() < SHORT + LATE, "too late: {:?}", naked.elapsed());
    again.settle.nak(Duration::ZERO).await.expect("nak");
    let third = next(&mut consumer).await;
    assert_eq!(third.attempt, 3);
    third.settle.ack().await.expect("ack");
    silent(&mut consumer, SHORT).await;
}

pub(crate) async fn an_unsettled_delivery_comes_back_after_the_ack_wait(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    fill(&bus, &["1"]).await;
    let mut consumer = join(
        &bus,
        &ConsumerSpec {
            ack_wait: SHORT,
            ..worker()
        },
    )
    .await;
    let held = next(&mut consumer).await;
    let since = Instant::now();
    drop(held);
    let again = next(&mut consumer).await;
    assert_eq!((payload(&again).as_str(), again.attempt), ("1", 2));
    assert!(
        since.elapsed() + Duration::from_millis(100) >= SHORT,
        "too early: {:?}",
        since.elapsed()
    );
    again.settle.ack().await.expect("ack");
    silent(&mut consumer, 2 * SHORT).await;
}

pub(crate) async fn in_progress_restarts_the_ack_wait(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    fill(&bus, &["1"]).await;
    let wait = Duration::from_secs(1);
    let mut consumer = join(
        &bus,
        &ConsumerSpec {
            ack_wait: wait,
            ..worker()
        },
    )
    .await;
    let held = next(&mut consumer).await;
    let since = Instant::now();
    while since.elapsed() < 3 * wait {
        held.settle.in_progress().await.expect("in progress");
        silent(&mut consumer, wait / 4).await;
    }
    held.settle.ack().await.expect("ack");
    silent(&mut consumer, wait + SHORT).await;
}

pub(crate) async fn a_terminated_message_does_not_come_back(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    fill(&bus, &["1", "2"]).await;
    let mut consumer = join(
        &bus,
        &ConsumerSpec {
            ack_wait: SHORT,
            ..worker()
        },
    )
    .await;
    let poison = next(&mut consumer).await;
    poison.settle.term("cannot be parsed").await.expect("term");
    assert_eq!(take(&mut consumer).await, "2");
    silent(&mut consumer, 3 * SHORT).await;
}

pub(crate) async fn a_message_is_given_up_after_max_deliver(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    fill(&bus, &["1", "2"]).await;
    let spec = ConsumerSpec {
        ack_wait: SHORT,
        max_deliver: Some(3),
        max_ack_pending: 1,
        ..worker()
    };
    let mut consumer = join(&bus, &spec).await;
    for attempt in 1..=3 {
        let delivery = next(&mut consumer).await;
        assert_eq!((payload(&delivery).as_str(), delivery.attempt), ("1", attempt));
    }
    assert_eq!(take(&mut consumer).await, "2", "a message given up makes place");
    silent(&mut consumer, 3 * SHORT).await;
}

pub(crate) async fn a_naked_message_is_given_up_after_max_deliver(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    fill(&bus, &["1", "2"]).await;
    let mut consumer = join(
        &bus,
        &ConsumerSpec {
            max_deliver: Some(2),
            ..worker()
        },
    )
    .await;
    for attempt in 1..=2 {
        let delivery = next(&mut consumer).await;
        assert_eq!((payload(&delivery).as_str(), delivery.attempt), ("1", attempt));
        delivery.settle.nak(Duration::ZERO).await.expect("nak");
    }
    assert_eq!(take(&mut consumer).await, "2");
    silent(&mut consumer, SHORT).await;
}

pub(crate) async fn competing_consumers_share_without_doubling(b: &mut impl Backend) {
    const MESSAGES: usize = 200;
    let bus = with_stream(b).await;
    let (sender, mut seen) = mpsc::unbounded_channel();
    let mut workers = JoinSet::new();
    for worker_number in 0..4 {
        let (sender, mut consumer) = (sender.clone(), join(&bus, &worker()).await);
        workers.spawn(async move {
            loop {
                let delivery = consumer.next().await.expect("next");
                delivery.settle.ack().await.expect("ack");
                sender.send((worker_number, delivery.message.seq)).expect("test runs");
            }
        });
    }
    for n in 0..MESSAGES {
        append(&bus, message(&format!("inc.a.e{n}"), "x")).await;
    }
    let mut by_seq = BTreeMap::new();
    while by_seq.len() < MESSAGES {
        let (number, seq) = tokio::time::timeout(PATIENCE, seen.recv()).await.expect("in time").expect("open");
        assert_eq!(by_seq.insert(seq, number), None, "{seq} delivered twice");
    }
    let more = tokio::time::timeout(SHORT, seen.recv()).await;
    assert!(more.is_err(), "delivered twice: {more:?}");
    workers.abort_all();
}

pub(crate) async fn max_ack_pending_bounds_what_is_in_hand(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    fill(&bus, &["1", "2", "3"]).await;
    let spec = ConsumerSpec {
        max_ack_pending: 2,
        ..worker()
    };
    let (mut one, mut two) = (join(&bus, &spec).await, join(&bus, &spec).await);
    let (first, second) = (next(&mut one).await, next(&mut two).await);
    silent(&mut one, SHORT).await;
    first.settle.ack().await.expect("ack");
    assert_eq!(take(&mut one).await, "3");
    second.settle.ack().await.expect("ack");
}

pub(crate) async fn filters_select_what_is_delivered(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    let filters = vec!["inc.*.opened".to_owned(), "inc.z.closed".into()];
    let mut consumer = join(&bus, &ConsumerSpec { filters, ..worker() }).await;
    for subject in ["inc.a.opened", "inc.a.closed", "inc.z.closed", "inc.b.opened", "inc.b"] {
        append(&bus, message(subject, subject)).await;
    }
    for expected in ["inc.a.opened", "inc.z.closed", "inc.b.opened"] {
        assert_eq!(take(&mut consumer).await, expected);
    }
    silent(&mut consumer, SHORT).await;
}

pub(crate) async fn a_new_consumer_obeys_its_start(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    fill(&bus, &["1", "2", "3"]).await;
    let stored = bus.replay(STREAM, ">", Start::Beginning).await.expect("replay");
    let starts = [
        ("beginning", Start::Beginning, "1"),
        ("sequence", Start::Sequence(2), "2"),
        ("time", Start::Time(stored[2].time), "3"),
        ("future", Start::Time(stored[2].time + SignedDuration::from_nanos(1)), "4"),
        ("new", Start::New, "4"),
    ];
    let mut consumers = Vec::new();
    for (name, start, expected) in starts {
        let spec = ConsumerSpec {
            durable: name.into(),
            start,
            ..worker()
        };
        consumers.push((spec.clone(), join(&bus, &spec).await, expected));
    }
    fill(&bus, &["4"]).await;
    for (spec, mut consumer, expected) in consumers {
        assert_eq!(take(&mut consumer).await, expected, "{}", spec.durable);
        drop(consumer);
        let mut again = join(
            &bus,
            &ConsumerSpec {
                start: Start::Beginning,
                ..spec.clone()
            },
        )
        .await;
        let rest: Vec<_> = ["2", "3", "4"].into_iter().filter(|p| *p > expected).collect();
        for payload in rest {
            assert_eq!(take(&mut again).await, payload, "{} goes on where it was", spec.durable);
        }
        silent(&mut again, Duration::from_millis(100)).await;
    }
}

pub(crate) async fn a_dropped_next_loses_nothing(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    let spec = ConsumerSpec {
        ack_wait: Duration::from_secs(2),
        ..worker()
    };
    let mut consumer = join(&bus, &spec).await;
    let mut seen = Vec::new();
    for n in 0..20 {
        let patience = Duration::from_micros(200 * n);
        if let Ok(delivery) = tokio::time::timeout(patience, consumer.next()).await {
            seen.push(delivery.expect("next"));
        }
        append(&bus, message(&format!("inc.a.e{n}"), &n.to_string())).await;
    }
    let mut taken: Vec<_> = seen.iter().map(payload).collect();
    for held in seen {
        held.settle.ack().await.expect("ack");
    }
    while taken.len() < 20 {
        taken.push(take(&mut consumer).await);
    }
    taken.sort_by_key(|n| n.parse::<u32>().expect("number"));
    assert_eq!(taken, (0..20).map(|n: u32| n.to_string()).collect::<Vec<_>>());
}
