//! JetStream on a cluster of three with three replicas, each server killed with -9 in turn while writers and a consumer work.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use paramedic_bus::{Append, ConsumerSpec, Error, Expect, SharedBus, Start, StreamSpec, jetstream::JetStreamBus};
use paramedic_testkit::{eventually, servers::NatsCluster};
use tokio::task::JoinSet;

const STREAM: &str = "INCIDENTS";
const WRITERS: usize = 6;
/// A server on a busy machine may take this long until its cluster works again.
const PATIENCE: Duration = Duration::from_secs(90);

type Acknowledged = Arc<Mutex<BTreeMap<u64, usize>>>;

async fn write(bus: SharedBus, writer: usize, stop: Arc<AtomicBool>, acknowledged: Acknowledged) {
    let filter = format!("inc.c.{writer}.>");
    let mut last = 0;
    while !stop.load(Ordering::Relaxed) {
        let append = Append {
            subject: format!("inc.c.{writer}.e"),
            payload: last.to_string().into(),
            expect: Some(Expect {
                filter: filter.clone(),
                last,
            }),
            ..Append::default()
        };
        match bus.append(STREAM, append).await {
            Ok(ack) => {
                last = ack.seq;
                acknowledged.lock().expect("no panic").insert(ack.seq, writer);
            }
            Err(Error::Unavailable(_) | Error::Conflict { .. }) => {
                if let Ok(stored) = bus.replay(STREAM, &filter, Start::Beginning).await {
                    let newest = stored.last().map_or(0, |message| message.seq);
                    assert!(newest >= last, "a replay after an acknowledgement must see it: {newest} < {last}");
                    last = newest;
                }
            }
            Err(other) => panic!("{other}"),
        }
    }
}

async fn consume(bus: SharedBus, seen: Acknowledged) {
    let spec = ConsumerSpec {
        stream: STREAM.into(),
        durable: "worker".into(),
        filters: vec![],
        ack_wait: Duration::from_secs(5),
        max_deliver: None,
        max_ack_pending: 100,
        start: Start::Beginning,
    };
    loop {
        let Ok(mut consumer) = bus.consumer(&spec).await else { continue };
        while let Ok(delivery) = consumer.next().await {
            seen.lock().expect("no panic").insert(delivery.message.seq, 0);
            // The confirmation may be lost with a server: then the message comes again, or was settled all the same.
            delivery.settle.ack().await.ok();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_while_every_server_is_killed_in_turn() {
    let mut cluster = NatsCluster::start().await.expect("cluster");
    let spec = StreamSpec {
        name: STREAM.into(),
        subjects: vec!["inc.>".into()],
        duplicate_window: Duration::from_secs(120),
        replicas: 3,
    };
    let mut connected = None;
    eventually!(within PATIENCE, {
        if let Ok(bus) = JetStreamBus::connect(&cluster.url(), Default::default()).await {
            connected = Some(bus);
        }
        connected.is_some()
    });
    let bus: SharedBus = Arc::new(connected.expect("connected"));
    eventually!(within PATIENCE, bus.ensure_stream(&spec).await.is_ok());

    let (stop, acknowledged, seen) = (Arc::new(AtomicBool::new(false)), Acknowledged::default(), Acknowledged::default());
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(write(bus.clone(), writer, stop.clone(), acknowledged.clone()));
    }
    let mut consumers = JoinSet::new();
    consumers.spawn(consume(bus.clone(), seen.clone()));

    let count = || acknowledged.lock().expect("no panic").len();
    for node in 0..cluster.size() {
        let before = count();
        eventually!(within PATIENCE, count() > before + 50, "appends before node {node} is killed");
        cluster.kill9_and_restart(node).await.expect("restart");
        let before = count();
        eventually!(within PATIENCE, count() > before + 50, "appends after node {node} was killed");
    }
    stop.store(true, Ordering::Relaxed);
    writers.join_all().await;

    let mut stored = Vec::new();
    eventually!(within PATIENCE, match bus.replay(STREAM, ">", Start::Beginning).await {
        Ok(found) => {
            stored = found;
            true
        }
        Err(_) => false,
    });
    let by_seq: BTreeMap<u64, _> = stored.iter().map(|message| (message.seq, message)).collect();
    assert_eq!(by_seq.len(), stored.len(), "no message twice");
    for (seq, writer) in acknowledged.lock().expect("no panic").iter() {
        let message = by_seq.get(seq).unwrap_or_else(|| panic!("acknowledged {seq} is lost"));
        assert_eq!(message.subject, format!("inc.c.{writer}.e"));
    }
    // Each message names the one before it in its incident: no chain is broken.
    for writer in 0..WRITERS {
        let mut last = 0;
        for message in stored.iter().filter(|m| m.subject == format!("inc.c.{writer}.e")) {
            assert_eq!(message.payload, last.to_string(), "message {} of writer {writer}", message.seq);
            last = message.seq;
        }
    }
    let all = stored.len();
    eventually!(within PATIENCE, seen.lock().expect("no panic").len() == all, "the consumer sees everything");
    consumers.abort_all();
}
