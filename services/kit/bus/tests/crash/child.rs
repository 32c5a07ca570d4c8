//! What the child does until it is killed.

use std::{io::Write, path::Path, sync::Arc, time::Duration};

use futures::future::join_all;
use paramedic_bus::{Append, ConsumerSpec, Error, Expect, SharedBus, Start, StreamSpec, embedded::EmbeddedBus};
use tokio::task::JoinSet;

/// Set in the child: where its bus is.
pub(crate) const DIRECTORY: &str = "PARAMEDIC_CRASH_DIRECTORY";
/// Set in the child: what it does.
pub(crate) const TASK: &str = "PARAMEDIC_CRASH_TASK";
pub(crate) const STREAM: &str = "INCIDENTS";
/// Incidents appended to at once, each by its own writer.
pub(crate) const INCIDENTS: u64 = 8;
/// Messages in the stream of the consumer.
const BACKLOG: u64 = 20_000;

pub(crate) fn worker() -> ConsumerSpec {
    ConsumerSpec {
        stream: STREAM.into(),
        durable: "worker".into(),
        filters: vec![],
        ack_wait: Duration::from_secs(60),
        max_deliver: None,
        max_ack_pending: 100,
        start: Start::Beginning,
    }
}

pub(crate) fn run(directory: &Path, task: &str) {
    let runtime = tokio::runtime::Runtime::new().expect("runtime");
    runtime.block_on(async {
        let bus: SharedBus = Arc::new(EmbeddedBus::open(directory).expect("open"));
        let spec = StreamSpec {
            name: STREAM.into(),
            subjects: vec!["inc.>".into()],
            duplicate_window: Duration::from_secs(120),
            replicas: 1,
        };
        bus.ensure_stream(&spec).await.expect("stream");
        match task.split_once(' ') {
            Some(("append", round)) => append(bus, round).await,
            _ => consume(bus).await,
        }
    });
}

/// One write per line, ended by a dot: a cut line is recognised.
fn report(text: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\nREPORT {text}.\n").as_bytes()).expect("the parent reads");
    out.flush().expect("the parent reads");
}

async fn append(bus: SharedBus, round: &str) {
    let mut writers = JoinSet::new();
    for incident in 0..INCIDENTS {
        let (bus, round) = (bus.clone(), round.to_owned());
        writers.spawn(async move {
            let filter = format!("inc.c.{incident}.>");
            let known = bus.replay(STREAM, &filter, Start::Beginning).await.expect("replay");
            let mut last = known.last().map_or(0, |m| m.seq);
            for n in 0.. {
                let body = format!("round {round} incident {incident} event {n} {}", "x".repeat((n * 997) % 20_000));
                let message = Append {
                    subject: format!("inc.c.{incident}.e{}", n % 5),
                    payload: body.clone().into(),
                    msg_id: (n % 2 == 0).then(|| format!("{round}-{incident}-{n}")),
                    expect: Some(Expect {
                        filter: filter.clone(),
                        last,
                    }),
                    ..Append::default()
                };
                last = bus.append(STREAM, message).await.expect("nobody else writes here").seq;
                report(&format!("{last} {body}"));
            }
        });
    }
    writers.join_all().await;
}

async fn consume(bus: SharedBus) {
    let stored = bus.replay(STREAM, ">", Start::Sequence(BACKLOG)).await.expect("replay");
    if stored.is_empty() {
        let appends = (0..BACKLOG).map(|n| {
            bus.append(
                STREAM,
                Append {
                    subject: format!("inc.c.{n}"),
                    ..Append::default()
                },
            )
        });
        let stored: Result<Vec<_>, Error> = join_all(appends).await.into_iter().collect();
        stored.expect("append");
    }
    let mut handles = JoinSet::new();
    for _ in 0..4 {
        let bus = bus.clone();
        handles.spawn(async move {
            let mut consumer = bus.consumer(&worker()).await.expect("consumer");
            loop {
                let delivery = consumer.next().await.expect("next");
                delivery.settle.counted().await.expect("counted");
                report(&format!("got {} {}", delivery.message.seq, delivery.attempt));
                delivery.settle.ack().await.expect("ack");
                report(&format!("acked {} {}", delivery.message.seq, delivery.attempt));
            }
        });
    }
    handles.join_all().await;
}
