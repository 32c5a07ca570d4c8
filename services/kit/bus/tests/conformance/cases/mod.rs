//! The cases, one room per part of the contract, and what they share.

pub(crate) mod append;
pub(crate) mod blobs;
pub(crate) mod consume;
pub(crate) mod follow;
pub(crate) mod kv;
pub(crate) mod leader;
pub(crate) mod poison;
pub(crate) mod replay;
pub(crate) mod restart;

use std::{future::Future, time::Duration};

use paramedic_bus::{Ack, Append, Consumer, ConsumerSpec, Delivery, Error, Expect, SharedBus, Start, StreamSpec};
use tokio::task::JoinSet;

use crate::backend::Backend;

pub(crate) const STREAM: &str = "INCIDENTS";

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The wall clock, which the bus stamps messages with.
#[expect(clippy::disallowed_methods, reason = "a case compares it with the clock of the bus")]
pub(crate) fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// A task that ends with the case.
pub(crate) fn in_background<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinSet<T> {
    let mut tasks = JoinSet::new();
    tasks.spawn(work);
    tasks
}

/// What the task gave.
pub(crate) async fn joined<T: 'static>(mut tasks: JoinSet<T>) -> T {
    let joined = tokio::time::timeout(PATIENCE, tasks.join_next()).await;
    joined.expect("in time").expect("one task").expect("it did not panic")
}

pub(crate) fn stream() -> StreamSpec {
    StreamSpec {
        name: STREAM.into(),
        subjects: vec!["inc.>".into()],
        duplicate_window: Duration::from_secs(120),
        replicas: 1,
    }
}

/// The bus of a backend with [`stream`] on it.
pub(crate) async fn with_stream(backend: &impl Backend) -> SharedBus {
    let bus = backend.bus();
    bus.ensure_stream(&stream()).await.expect("stream");
    bus
}

pub(crate) fn message(subject: &str, payload: &str) -> Append {
    Append {
        subject: subject.into(),
        payload: payload.to_owned().into(),
        ..Append::default()
    }
}

pub(crate) fn expecting(subject: &str, filter: &str, last: u64) -> Append {
    let expect = Expect {
        filter: filter.into(),
        last,
    };
    Append {
        expect: Some(expect),
        ..message(subject, "x")
    }
}

pub(crate) async fn append(bus: &SharedBus, message: Append) -> Ack {
    bus.append(STREAM, message).await.expect("append")
}

/// Appends one message per payload to `inc.a.<payload>`.
pub(crate) async fn fill(bus: &SharedBus, payloads: &[&str]) {
    for payload in payloads {
        append(bus, message(&format!("inc.a.{payload}"), payload)).await;
    }
}

pub(crate) fn worker() -> ConsumerSpec {
    ConsumerSpec {
        stream: STREAM.into(),
        durable: "worker".into(),
        filters: vec![],
        ack_wait: PATIENCE,
        max_deliver: None,
        max_ack_pending: 1000,
        start: Start::Beginning,
    }
}

pub(crate) async fn join(bus: &SharedBus, spec: &ConsumerSpec) -> Box<dyn Consumer> {
    bus.consumer(spec).await.expect("consumer")
}

pub(crate) async fn next(consumer: &mut Box<dyn Consumer>) -> Delivery {
    let next = tokio::time::timeout(PATIENCE, consumer.next()).await;
    next.expect("a delivery in time").expect("a delivery")
}

/// The payload of the next delivery, which is acknowledged.
pub(crate) async fn take(consumer: &mut Box<dyn Consumer>) -> String {
    let delivery = next(consumer).await;
    delivery.settle.ack().await.expect("ack");
    payload(&delivery)
}

pub(crate) fn payload(delivery: &Delivery) -> String {
    String::from_utf8(delivery.message.payload.to_vec()).expect("text")
}

/// Nothing is delivered for a while. The proof of an absence needs a time; it is short, since a wrong delivery is immediate.
pub(crate) async fn silent(consumer: &mut Box<dyn Consumer>, while_: Duration) {
    if let Ok(delivery) = tokio::time::timeout(while_, consumer.next()).await {
        let delivery = delivery.expect("a delivery");
        panic!("unexpected delivery {} attempt {}", payload(&delivery), delivery.attempt);
    }
}

pub(crate) fn is_conflict<T: std::fmt::Debug>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::Conflict { .. }))
}

pub(crate) fn is_invalid<T: std::fmt::Debug>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::Invalid(_)))
}

pub(crate) fn is_wrong_revision<T: std::fmt::Debug>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::WrongRevision { .. }))
}
