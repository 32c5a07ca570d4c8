//! What Paramedic does with a bus, timed.

use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use paramedic_bus::{Append, ConsumerSpec, Expect, SharedBus, Start, StreamSpec};

use crate::measure::{Row, timed};

/// Bytes in a message.
pub(crate) const BODY: usize = 512;
pub(crate) const WRITERS: usize = 64;
const HANDLES: usize = 16;
const STREAM: &str = "INCIDENTS";

/// Ceilings measured in the same run, per second.
pub(crate) struct Limits {
    pub(crate) sequential: f64,
    pub(crate) parallel: f64,
    pub(crate) consume: f64,
}

pub(crate) fn count(base: usize, scale: f64) -> usize {
    ((base as f64 * scale) as usize).max(10)
}

pub(crate) async fn run(name: &str, bus: SharedBus, limits: &Limits, scale: f64) -> Result<Vec<Row>> {
    let spec = StreamSpec {
        name: STREAM.into(),
        subjects: vec!["paramedic.incident.>".into()],
        duplicate_window: Duration::from_secs(120),
        replicas: 1,
    };
    bus.ensure_stream(&spec).await?;
    let (alone, each) = (count(5_000, scale), count(1_500, scale));
    let mut rows = Vec::new();

    let what = format!("{name}: append with expectation, one after the other");
    rows.push(
        timed(&what, 1, alone, |_| incident(bus.clone(), "alone".into(), alone))
            .await?
            .of(limits.sequential),
    );
    let what = format!("{name}: append with expectation, 64 writers");
    let writers = timed(&what, WRITERS, each, |job| incident(bus.clone(), format!("w{job}"), each));
    rows.push(writers.await?.of(limits.parallel));
    let stored = alone + WRITERS * each;
    let what = format!("{name}: the same with {stored} messages stored");
    rows.push(
        timed(&what, 1, alone, |_| incident(bus.clone(), "late".into(), alone))
            .await?
            .of(limits.sequential),
    );

    let what = format!("{name}: consume + ack, one handle");
    rows.push(
        timed(&what, 1, alone, |_| consume(bus.clone(), "one", alone))
            .await?
            .of(limits.consume),
    );
    let per_handle = count(1_000, scale);
    let what = format!("{name}: consume + ack, 16 handles");
    rows.push(
        timed(&what, HANDLES, per_handle, |_| consume(bus.clone(), "many", per_handle))
            .await?
            .of(limits.consume),
    );

    let short: Vec<_> = (0..20).map(|n| format!("short{n}")).collect();
    for id in &short {
        incident(bus.clone(), id.clone(), 30).await?;
    }
    let what = format!("{name}: load an incident of 30 events");
    let loads = count(500, scale);
    rows.push(
        timed(&what, 1, loads, |_| {
            let (bus, short) = (bus.clone(), short.clone());
            async move {
                let mut taken = Vec::with_capacity(loads);
                for id in short.iter().cycle().take(loads) {
                    let since = Instant::now();
                    let events = bus
                        .replay(STREAM, &format!("paramedic.incident.c1.{id}.>"), Start::Beginning)
                        .await?;
                    anyhow::ensure!(events.len() == 30, "{} events", events.len());
                    taken.push(since.elapsed());
                }
                Ok(taken)
            }
        })
        .await?,
    );
    Ok(rows)
}

/// One writer of one incident: each append expects the one before to be the last.
async fn incident(bus: SharedBus, id: String, times: usize) -> Result<Vec<Duration>> {
    let filter = format!("paramedic.incident.c1.{id}.>");
    let mut last = 0;
    let mut taken = Vec::with_capacity(times);
    for n in 0..times {
        // A fresh body each time: equal values would be written once.
        let mut body = vec![7; BODY];
        body[..8].copy_from_slice(&(n as u64).to_be_bytes());
        let message = Append {
            subject: format!("paramedic.incident.c1.{id}.e{}", n % 10),
            payload: Bytes::from(body),
            expect: Some(Expect {
                filter: filter.clone(),
                last,
            }),
            ..Append::default()
        };
        let since = Instant::now();
        last = bus.append(STREAM, message).await?.seq;
        taken.push(since.elapsed());
    }
    Ok(taken)
}

async fn consume(bus: SharedBus, durable: &str, times: usize) -> Result<Vec<Duration>> {
    let spec = ConsumerSpec {
        stream: STREAM.into(),
        durable: durable.into(),
        filters: vec![],
        ack_wait: Duration::from_secs(30),
        max_deliver: None,
        max_ack_pending: 10_000,
        start: Start::Beginning,
    };
    let mut consumer = bus.consumer(&spec).await?;
    let mut taken = Vec::with_capacity(times);
    for _ in 0..times {
        let since = Instant::now();
        consumer.next().await?.settle.ack().await?;
        taken.push(since.elapsed());
    }
    Ok(taken)
}
