//! What the bus gives at best: as many writers, each on a log of its own.

use std::time::Instant;

use bytes::Bytes;
use futures::future::join_all;
use paramedic_bus::{Append, Expect, SharedBus, streams};

/// Bytes of a usual event.
const PAYLOAD: usize = 300;
const EACH: usize = 500;

/// Appends per second of these writers.
pub(crate) async fn appends_per_second(bus: &SharedBus, writers: usize) -> f64 {
    let began = Instant::now();
    join_all((0..writers).map(|writer_| writer(bus, writer_))).await;
    (writers * EACH) as f64 / began.elapsed().as_secs_f64()
}

async fn writer(bus: &SharedBus, number: usize) {
    let payload = Bytes::from(vec![b'x'; PAYLOAD]);
    let incident = format!("paramedic.incident.ceiling.writer{number}");
    let mut last = 0;
    for _ in 0..EACH {
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
    }
}
