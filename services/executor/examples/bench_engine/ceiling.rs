//! What the bus gives at best: one compare-and-set append after the other, and 64 writers at once.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use paramedic_bus::{Append, Expect, SharedBus, streams};

/// Bytes of a usual event.
const PAYLOAD: usize = 300;
const ALONE: usize = 500;
const WRITERS: usize = 64;
const EACH: usize = 200;

/// The ceiling.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ceiling {
    /// Median of one append by one writer.
    pub(crate) append: Duration,
    /// Appends per second of 64 writers, each on a log of its own.
    pub(crate) rate: f64,
}

pub(crate) async fn measure(bus: &SharedBus) -> Ceiling {
    let mut times = writer(bus, "alone", ALONE).await;
    times.sort_unstable();
    let began = Instant::now();
    join_all((0..WRITERS).map(|writer_| {
        let name = format!("many{writer_}");
        async move { writer(bus, &name, EACH).await }
    }))
    .await;
    Ceiling {
        append: times[times.len() / 2],
        rate: (WRITERS * EACH) as f64 / began.elapsed().as_secs_f64(),
    }
}

/// Appends to one log, each expecting the one before.
async fn writer(bus: &SharedBus, name: &str, count: usize) -> Vec<Duration> {
    let payload = Bytes::from(vec![b'x'; PAYLOAD]);
    let incident = format!("paramedic.incident.ceiling.{name}");
    let mut last = 0;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let began = Instant::now();
        let message = Append {
            subject: format!("{incident}.raw"),
            payload: payload.clone(),
            expect: Some(Expect {
                filter: format!("{incident}.>"),
                last,
            }),
            ..Append::default()
        };
        last = bus.append(streams::INCIDENTS, message).await.unwrap().seq;
        times.push(began.elapsed());
    }
    times
}
