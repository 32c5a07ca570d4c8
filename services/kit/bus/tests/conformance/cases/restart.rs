//! What survives a restart of the bus, and of the server below it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::StreamExt;
use paramedic_bus::{Ack, Append, Error, Start};
use paramedic_testkit::eventually;
use tokio::task::JoinSet;

use super::*;
use crate::backend::Backend;

pub(crate) async fn messages_and_revisions_survive(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    let once = Append {
        msg_id: Some("m1".into()),
        ..message("inc.a.1", "1")
    };
    append(&bus, once.clone()).await;
    fill(&bus, &["2", "3"]).await;
    let kv = bus.kv("leases", None).await.expect("bucket");
    let revision = kv.create("k", Bytes::from_static(b"v")).await.expect("create");
    let before = bus.replay(STREAM, ">", Start::Beginning).await.expect("replay");
    drop((bus, kv));
    b.restart().await;
    let bus = with_stream(b).await;
    let after = bus.replay(STREAM, ">", Start::Beginning).await.expect("replay");
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
    assert_eq!(
        append(&bus, once).await,
        Ack { seq: 1, duplicate: true },
        "message ids are remembered"
    );
    assert!(is_conflict(&bus.append(STREAM, expecting("inc.a.4", "inc.a.>", 2)).await));
    assert_eq!(append(&bus, expecting("inc.a.4", "inc.a.>", 3)).await.seq, 4);
    let kv = bus.kv("leases", None).await.expect("bucket");
    assert_eq!(kv.get("k").await.expect("get").expect("there").revision, revision);
    assert!(kv.update("k", Bytes::new(), revision).await.expect("update") > revision);
}

pub(crate) async fn positions_and_attempts_survive(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    fill(&bus, &["1", "2", "3"]).await;
    let spec = ConsumerSpec {
        ack_wait: Duration::from_secs(2),
        ..worker()
    };
    let mut consumer = join(&bus, &spec).await;
    let first = next(&mut consumer).await;
    let second = next(&mut consumer).await;
    second.settle.ack().await.expect("ack");
    drop((first, second, consumer, bus));
    b.restart().await;
    let bus = with_stream(b).await;
    let mut consumer = join(&bus, &spec).await;
    let mut rest = Vec::new();
    for _ in 0..2 {
        let delivery = next(&mut consumer).await;
        delivery.settle.ack().await.expect("ack");
        rest.push((payload(&delivery), delivery.attempt));
    }
    rest.sort();
    assert_eq!(rest, [("1".to_owned(), 2), ("3".to_owned(), 1)]);
    silent(&mut consumer, Duration::from_millis(400)).await;
}

pub(crate) async fn a_nak_delay_survives(b: &mut impl Backend) {
    let delay = Duration::from_secs(3);
    let bus = with_stream(b).await;
    fill(&bus, &["1"]).await;
    let mut consumer = join(&bus, &worker()).await;
    let naked = Instant::now();
    next(&mut consumer).await.settle.nak(delay).await.expect("nak");
    drop((consumer, bus));
    b.restart().await;
    let bus = with_stream(b).await;
    let mut consumer = join(&bus, &worker()).await;
    let again = next(&mut consumer).await;
    assert_eq!(again.attempt, 2);
    // A restarted nats-server has kept its deadlines in whole seconds.
    let kept = delay - Duration::from_millis(1100);
    assert!(naked.elapsed() >= kept, "too early: {:?}", naked.elapsed());
    again.settle.ack().await.expect("ack");
}

pub(crate) async fn handles_work_on_after_an_outage(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    let kv = bus.kv("leases", None).await.expect("bucket");
    kv.put("k", Bytes::from_static(b"1")).await.expect("put");
    let mut changes = kv.watch("k").await.expect("watch");
    changes.next().await.expect("open").expect("present");
    let spec = ConsumerSpec {
        ack_wait: Duration::from_secs(2),
        ..worker()
    };
    let mut consumer = join(&bus, &spec).await;
    fill(&bus, &["1"]).await;
    assert_eq!(take(&mut consumer).await, "1");
    let waiting = in_background(async move {
        // The acknowledgement of the first may be lost with the server: then it comes again.
        loop {
            let payload = take(&mut consumer).await;
            if payload != "1" {
                return (payload, consumer);
            }
        }
    });
    b.server_outage().await;
    eventually!(bus.append(STREAM, message("inc.a.2", "2")).await.is_ok());
    let (payload, _consumer) = joined(waiting).await;
    assert_eq!(payload, "2", "a waiting next() survives the outage");
    eventually!(kv.put("k", Bytes::from_static(b"2")).await.is_ok());
    let change = tokio::time::timeout(PATIENCE, changes.next()).await.expect("in time");
    assert_eq!(change.expect("open").expect("change").value.as_deref(), Some(b"2".as_slice()));
    bus.ping().await.expect("well again");
}

pub(crate) async fn acknowledged_appends_survive_an_outage(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    let mut writers = JoinSet::new();
    let stop = Arc::new(AtomicBool::new(false));
    for writer in 0..4 {
        let (bus, stop) = (bus.clone(), stop.clone());
        writers.spawn(async move {
            let filter = format!("inc.c.{writer}.>");
            let (mut last, mut acknowledged) = (0, Vec::new());
            while !stop.load(Ordering::Relaxed) {
                match bus.append(STREAM, expecting(&format!("inc.c.{writer}.e"), &filter, last)).await {
                    Ok(ack) => {
                        last = ack.seq;
                        acknowledged.push(ack.seq);
                    }
                    // It may be stored or not: reload, as the contract says.
                    Err(Error::Unavailable(_) | Error::Conflict { .. }) => {
                        if let Ok(stored) = bus.replay(STREAM, &filter, Start::Beginning).await {
                            last = stored.last().map_or(0, |message| message.seq);
                        }
                    }
                    Err(other) => panic!("{other}"),
                }
            }
            (writer, acknowledged)
        });
    }
    for _ in 0..3 {
        let before = bus.replay(STREAM, ">", Start::Beginning).await.map_or(0, |stored| stored.len());
        b.server_outage().await;
        eventually!(
            bus.replay(STREAM, ">", Start::Beginning)
                .await
                .is_ok_and(|stored| stored.len() > before + 8)
        );
    }
    stop.store(true, Ordering::Relaxed);
    let acknowledged = writers.join_all().await;
    let stored = bus.replay(STREAM, ">", Start::Beginning).await.expect("replay");
    for (writer, seqs) in acknowledged {
        let mine: Vec<_> = stored
            .iter()
            .filter(|m| m.subject == format!("inc.c.{writer}.e"))
            .map(|m| m.seq)
            .collect();
        assert!(seqs.iter().all(|seq| mine.contains(seq)), "lost: {seqs:?} of {mine:?}");
    }
}

pub(crate) async fn a_closed_bus_says_so(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    fill(&bus, &["1"]).await;
    let kv = bus.kv("leases", None).await.expect("bucket");
    let mut changes = kv.watch("").await.expect("watch");
    let mut consumer = join(&bus, &worker()).await;
    let held = next(&mut consumer).await;
    let waiting = in_background(async move { consumer.next().await.map(|d| d.message.seq) });
    let watching = in_background(async move { changes.next().await });
    bus.close().await.expect("close");
    let unavailable = |what: &str, result: Result<(), Error>| {
        assert!(matches!(result, Err(Error::Unavailable(_))), "{what}: {result:?}");
    };
    unavailable("next", joined(waiting).await.map(|_| ()));
    unavailable("watch", joined(watching).await.expect("an error before the end").map(|_| ()));
    unavailable("append", bus.append(STREAM, message("inc.a.2", "")).await.map(|_| ()));
    unavailable("replay", bus.replay(STREAM, ">", Start::Beginning).await.map(|_| ()));
    unavailable("ack", held.settle.ack().await);
    unavailable("put", kv.put("k", Bytes::new()).await.map(|_| ()));
    unavailable("ping", bus.ping().await);
}
