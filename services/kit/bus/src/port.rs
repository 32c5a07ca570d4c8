//! The port: what Paramedic asks of a message system. The crate docs hold the contract.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use jiff::Timestamp;

/// Message headers: names are case-sensitive, one value each.
pub type Headers = BTreeMap<String, String>;

/// A bus shared by every role of a process.
pub type SharedBus = Arc<dyn Bus>;

/// What can go wrong at the port, in the terms a caller can act on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else appended first: reload and decide again.
    #[error("append conflict on {filter}: expected last sequence {expected}")]
    Conflict {
        /// Subject filter the expectation was about.
        filter: String,
        /// The sequence the caller expected to be last.
        expected: u64,
    },
    /// A KV compare-and-set lost against a newer revision (or the key already exists).
    #[error("revision conflict on key {key} of bucket {bucket}")]
    WrongRevision {
        /// Bucket name.
        bucket: String,
        /// Key.
        key: String,
    },
    /// The bus cannot be reached or did not answer in time: retry later.
    #[error("bus unavailable: {0}")]
    Unavailable(String),
    /// The request itself is wrong (bad name, too large, unknown stream): retrying will not help.
    #[error("bus refused the request: {0}")]
    Invalid(String),
}

/// A message to append.
#[derive(Debug, Clone, Default)]
pub struct Append {
    /// Full subject; it must belong to `stream`.
    pub subject: String,
    /// Headers stored with the message.
    pub headers: Headers,
    /// Body.
    pub payload: Bytes,
    /// Dedupe key within the stream's duplicate window.
    pub msg_id: Option<String>,
    /// Compare-and-set guard.
    pub expect: Option<Expect>,
}

/// "The last message matching `filter` has sequence `last`" (0: there is none).
#[derive(Debug, Clone)]
pub struct Expect {
    /// Subject filter, wildcards `*` and `>` allowed. Plain subjects and `a.b.>` are looked up; a `*` makes the embedded bus
    /// walk all subjects under the part before it.
    pub filter: String,
    /// Expected last stream sequence.
    pub last: u64,
}

/// Where an append landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// Stream sequence.
    pub seq: u64,
    /// The `msg_id` was seen before; nothing new was stored.
    pub duplicate: bool,
}

/// How far several messages got.
#[derive(Debug)]
pub struct Appended {
    /// Where those landed that are durable: the first ones of the messages.
    pub acks: Vec<Ack>,
    /// Why the next one is not; the others were not tried.
    pub failure: Option<Error>,
}

impl Appended {
    /// Appends the messages one after the other, each expecting the one before it: for a bus that appends one at a time.
    pub async fn one_by_one<F>(messages: Vec<Append>, append: impl Fn(Append) -> F) -> Self
    where
        F: Future<Output = Result<Ack, Error>>,
    {
        let expected = messages.first().and_then(|message| message.expect.clone());
        let mut acks: Vec<Ack> = Vec::with_capacity(messages.len());
        for mut message in messages {
            if let (Some(expect), Some(before)) = (&expected, acks.last()) {
                message.expect = Some(Expect {
                    filter: expect.filter.clone(),
                    last: before.seq,
                });
            }
            match append(message).await {
                Ok(ack) => acks.push(ack),
                Err(error) => {
                    let failure = Some(error);
                    return Self { acks, failure };
                }
            }
        }
        Self { acks, failure: None }
    }
}

impl From<Error> for Appended {
    fn from(error: Error) -> Self {
        Self {
            acks: Vec::new(),
            failure: Some(error),
        }
    }
}

/// A stored message.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Stream sequence.
    pub seq: u64,
    /// Subject.
    pub subject: String,
    /// Headers.
    pub headers: Headers,
    /// Body.
    pub payload: Bytes,
    /// When the bus stored it.
    pub time: Timestamp,
}

/// Where a replay or a new consumer starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The first stored message.
    Beginning,
    /// This sequence, inclusive.
    Sequence(u64),
    /// The first message stored at or after this time.
    Time(Timestamp),
    /// Only messages stored from now on.
    New,
}

/// A stream to create if it does not exist.
#[derive(Debug, Clone)]
pub struct StreamSpec {
    /// Stream name, `[A-Z_]+`.
    pub name: String,
    /// Subject filters it owns.
    pub subjects: Vec<String>,
    /// How long a `msg_id` is remembered.
    pub duplicate_window: Duration,
    /// Copies kept (JetStream only; the embedded bus has one).
    pub replicas: usize,
}

/// A durable consumer to create or join.
#[derive(Debug, Clone)]
pub struct ConsumerSpec {
    /// Stream to read.
    pub stream: String,
    /// Durable name, `[a-z0-9_-]+`; competing consumers use the same one.
    pub durable: String,
    /// Subject filters; empty means all of the stream.
    pub filters: Vec<String>,
    /// Redelivered when not acknowledged within this time.
    pub ack_wait: Duration,
    /// Deliveries before the message is given up (then no longer delivered). `None`: for ever.
    pub max_deliver: Option<u32>,
    /// Unacknowledged messages allowed at once over all competing consumers, those waiting out a nak included.
    pub max_ack_pending: u32,
    /// Where a newly created consumer starts.
    pub start: Start,
}

/// The port.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Creates the stream, or checks that the existing one owns the same subjects.
    async fn ensure_stream(&self, spec: &StreamSpec) -> Result<(), Error>;

    /// Appends one message; returns once it is durable (see the crate docs).
    async fn append(&self, stream: &str, message: Append) -> Result<Ack, Error> {
        let mut appended = self.append_all(stream, vec![message]).await;
        match appended.failure {
            None => Ok(appended.acks.remove(0)),
            Some(error) => Err(error),
        }
    }

    /// Appends the messages in this order, as far as it gets. The expectation of the first one goes for all: under its filter
    /// nothing comes in between. Of several only the first may carry one, and none a `msg_id`.
    async fn append_all(&self, stream: &str, messages: Vec<Append>) -> Appended;

    /// All stored messages matching `filter` from `start`, oldest first, up to the end at the time of the call.
    async fn replay(&self, stream: &str, filter: &str, start: Start) -> Result<Vec<Stored>, Error>;

    /// Every stored message matching `filter` after the sequence `after`, oldest first, and then each new one as soon as it is
    /// durable, over reconnects and restarts of a server. After an error the stream is over.
    async fn follow(&self, stream: &str, filter: &str, after: u64) -> Result<BoxStream<'static, Result<Stored, Error>>, Error>;

    /// Creates or joins a durable consumer.
    async fn consumer(&self, spec: &ConsumerSpec) -> Result<Box<dyn Consumer>, Error>;

    /// Opens (creating it if needed) a key-value bucket, one revision kept per key. `ttl`: entries vanish this long
    /// after their last write, at least one second.
    async fn kv(&self, bucket: &str, ttl: Option<Duration>) -> Result<Arc<dyn Kv>, Error>;

    /// Opens (creating it if needed) a bucket for large immutable values.
    async fn blobs(&self, bucket: &str) -> Result<Arc<dyn Blobs>, Error>;

    /// Answers whether the bus can be used right now (for `/readyz`).
    async fn ping(&self) -> Result<(), Error>;

    /// Makes everything acknowledged so far durable and releases resources.
    async fn close(&self) -> Result<(), Error>;
}

/// A pull consumer. Not cloneable: open another one of the same name to compete.
#[async_trait]
pub trait Consumer: Send {
    /// Says how many deliveries the caller can take now, the next one included, so that they can be asked for together.
    /// Without a word it is one.
    fn expect(&mut self, deliveries: usize);

    /// Waits for the next delivery. Cancel-safe: dropping the future loses nothing (the message is redelivered).
    async fn next(&mut self) -> Result<Delivery, Error>;
}

/// A message handed to a consumer, to be settled exactly once.
pub struct Delivery {
    /// The message.
    pub message: Stored,
    /// 1 for the first delivery.
    pub attempt: u32,
    /// Settles it.
    pub settle: Box<dyn Settle>,
}

/// The verdicts on a delivery.
#[async_trait]
pub trait Settle: Send + Sync {
    /// Resolves once the delivery is counted: a message that kills whoever touches it must not be touched before that.
    async fn counted(&self) -> Result<(), Error>;
    /// Done: never deliver it again.
    async fn ack(&self) -> Result<(), Error>;
    /// Deliver again after `delay` (the timer of the whole system: survives restarts; see the crate docs for how exactly).
    async fn nak(&self, delay: Duration) -> Result<(), Error>;
    /// Still working: restart the ack wait.
    async fn in_progress(&self) -> Result<(), Error>;
    /// Poison: never deliver it again.
    async fn term(&self, reason: &str) -> Result<(), Error>;
}

/// A value and its revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Key, `[-/_=.a-zA-Z0-9]+`.
    pub key: String,
    /// Value; `None` in a watch means deleted or expired.
    pub value: Option<Bytes>,
    /// Revision, growing over the bucket.
    pub revision: u64,
}

/// A bucket of small mutable values with compare-and-set.
#[async_trait]
pub trait Kv: Send + Sync {
    /// The current value.
    async fn get(&self, key: &str) -> Result<Option<Entry>, Error>;
    /// Creates the key; [`Error::WrongRevision`] if it exists.
    async fn create(&self, key: &str, value: Bytes) -> Result<u64, Error>;
    /// Replaces revision `revision`; [`Error::WrongRevision`] if it is not the current one.
    async fn update(&self, key: &str, value: Bytes, revision: u64) -> Result<u64, Error>;
    /// Writes whatever was there.
    async fn put(&self, key: &str, value: Bytes) -> Result<u64, Error>;
    /// Deletes the key; with `revision`, only that revision.
    async fn delete(&self, key: &str, revision: Option<u64>) -> Result<(), Error>;
    /// All live keys.
    async fn keys(&self) -> Result<Vec<String>, Error>;
    /// Current entries of keys starting with `prefix`, then every change.
    async fn watch(&self, prefix: &str) -> Result<BoxStream<'static, Result<Entry, Error>>, Error>;
}

/// A bucket of large immutable values.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Stores a value under a name, replacing what was there.
    async fn put(&self, name: &str, value: Bytes) -> Result<(), Error>;
    /// Reads it back.
    async fn get(&self, name: &str) -> Result<Option<Bytes>, Error>;
}
