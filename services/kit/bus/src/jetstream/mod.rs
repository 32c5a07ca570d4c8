//! The JetStream backend: the port on a NATS server or cluster (>= 2.12).
//!
//! - An append is one publish with `Nats-Expected-Last-Subject-Sequence` and its `-Subject` filter; older servers ignore the
//!   latter silently, therefore the version is checked on connecting. Several are published one after the other: the server's
//!   atomic batches make a directory and sync it for each, which takes a hundred times as long (2.15, one replica, file storage).
//! - A consumer is a durable pull consumer that asks for as many messages as its owner can take now, so that the others wait in
//!   the server, where any competing consumer can get them, and never in the memory of one that is busy.
//! - Naks and terms are confirmed by the server before they return; an ack that gets lost only means another delivery.
//! - The client reconnects for ever; meanwhile requests answer [`Error::Unavailable`] and a waiting `next()` keeps waiting.

mod blobs;
mod connect;
mod consumer;
mod convert;
mod errors;
mod follow;
mod kv;
mod publish;
mod replay;
mod watch;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_nats::{
    Client, connection,
    jetstream::{self, Context, object_store},
};
use async_trait::async_trait;
use futures::stream::BoxStream;
use tokio::sync::watch::Receiver;
use tokio_util::sync::CancellationToken;

pub use self::connect::{Credentials, Options, Tls};
use self::errors::{create_stream_error, get_stream_error};
use crate::{Append, Appended, Blobs, Bus, Consumer, ConsumerSpec, Error, Kv, Start, Stored, StreamSpec, limits, subject};

/// A bus on NATS JetStream. Cheap to clone; all clones share one connection.
#[derive(Clone, Debug)]
pub struct JetStreamBus {
    client: Client,
    context: Context,
    options: Arc<Options>,
    /// Counts connections, so that whoever waits on the old one can ask again on the new one.
    connections: Receiver<u64>,
    /// Subjects of the streams seen so far.
    streams: Arc<Mutex<HashMap<String, Arc<[String]>>>>,
    closed: CancellationToken,
}

impl JetStreamBus {
    /// Connects to the server(s) at `url` (comma-separated) and checks that JetStream >= 2.12 answers.
    pub async fn connect(url: &str, options: Options) -> Result<Self, Error> {
        let (client, connections) = connect::connect(url, &options).await?;
        let context = jetstream::context::ContextBuilder::new()
            .timeout(options.timeout)
            .ack_timeout(options.timeout)
            .build(client.clone());
        let bus = Self {
            client,
            context,
            options: Arc::new(options),
            connections,
            streams: Arc::default(),
            closed: CancellationToken::new(),
        };
        bus.ping().await?;
        Ok(bus)
    }

    /// The subjects of a stream, asked once.
    async fn subjects(&self, stream: &str) -> Result<Arc<[String]>, Error> {
        if let Some(known) = self.known().get(stream) {
            return Ok(known.clone());
        }
        let found = self.context.get_stream(stream).await.map_err(|e| get_stream_error(stream, &e))?;
        Ok(self.learn(stream, found.cached_info().config.subjects.clone()))
    }

    fn learn(&self, stream: &str, subjects: Vec<String>) -> Arc<[String]> {
        let subjects: Arc<[String]> = subjects.into();
        self.known().insert(stream.to_owned(), subjects.clone());
        subjects
    }

    async fn check_appends(&self, stream: &str, messages: &[Append]) -> Result<(), Error> {
        limits::check_appends(messages)?;
        let owned = self.subjects(stream).await?;
        let ours = |message: &&Append| owned.iter().any(|filter| subject::matches(filter, &message.subject));
        match messages.iter().find(|message| !ours(message)) {
            Some(stranger) => Err(Error::Invalid(format!(
                "subject {} is outside of stream {stream}",
                stranger.subject
            ))),
            None => Ok(()),
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<[String]>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Bus for JetStreamBus {
    async fn ensure_stream(&self, spec: &StreamSpec) -> Result<(), Error> {
        limits::check_stream(spec)?;
        let wanted = convert::stream_config(spec);
        let existing = match self.context.get_stream(&spec.name).await {
            Ok(stream) => stream.cached_info().config.clone(),
            Err(e) if errors::is_stream_missing(&e) => {
                let created = self.context.create_stream(wanted).await;
                created
                    .map_err(|e| create_stream_error(&spec.name, &e))?
                    .cached_info()
                    .config
                    .clone()
            }
            Err(e) => return Err(get_stream_error(&spec.name, &e)),
        };
        let (mut theirs, mut mine) = (existing.subjects.clone(), spec.subjects.clone());
        theirs.sort();
        mine.sort();
        if theirs != mine {
            return Err(Error::Invalid(format!(
                "stream {} exists with subjects {theirs:?}, not {mine:?}",
                spec.name
            )));
        }
        if existing.duplicate_window != spec.duplicate_window || existing.num_replicas != spec.replicas.max(1) || !existing.allow_direct {
            let changed = jetstream::stream::Config {
                duplicate_window: spec.duplicate_window,
                num_replicas: spec.replicas.max(1),
                allow_direct: true,
                ..existing
            };
            self.context
                .update_stream(changed)
                .await
                .map_err(|e| errors::update_stream_error(&spec.name, &e))?;
        }
        self.learn(&spec.name, spec.subjects.clone());
        Ok(())
    }

    async fn append_all(&self, stream: &str, messages: Vec<Append>) -> Appended {
        if let Err(error) = self.check_appends(stream, &messages).await {
            return error.into();
        }
        Appended::one_by_one(messages, |message| {
            publish::append(&self.context, self.options.timeout, stream, message)
        })
        .await
    }

    async fn replay(&self, stream: &str, filter: &str, start: Start) -> Result<Vec<Stored>, Error> {
        subject::check_filter(filter).map_err(Error::Invalid)?;
        let owned = self.subjects(stream).await?;
        replay::replay(self, stream, &owned, filter, start).await
    }

    async fn follow(&self, stream: &str, filter: &str, after: u64) -> Result<BoxStream<'static, Result<Stored, Error>>, Error> {
        subject::check_filter(filter).map_err(Error::Invalid)?;
        self.subjects(stream).await?;
        let (connections, closed) = (self.connections.clone(), self.closed.clone());
        Ok(follow::follow(self.context.clone(), stream, filter, after, connections, closed))
    }

    async fn consumer(&self, spec: &ConsumerSpec) -> Result<Box<dyn Consumer>, Error> {
        let owned = self.subjects(&spec.stream).await?;
        limits::check_consumer(spec, &owned)?;
        let puller = consumer::Puller::open(&self.context, self.connections.clone(), spec).await?;
        Ok(Box::new(puller))
    }

    async fn kv(&self, bucket: &str, ttl: Option<Duration>) -> Result<Arc<dyn Kv>, Error> {
        limits::check_bucket(bucket)?;
        limits::check_ttl(bucket, ttl)?;
        Ok(Arc::new(kv::Bucket::open(self, bucket, ttl).await?))
    }

    async fn blobs(&self, bucket: &str) -> Result<Arc<dyn Blobs>, Error> {
        limits::check_bucket(bucket)?;
        let config = object_store::Config {
            bucket: bucket.to_owned(),
            num_replicas: self.options.bucket_replicas,
            ..object_store::Config::default()
        };
        Ok(Arc::new(blobs::ObjectBlobs::open(&self.context, config).await?))
    }

    async fn ping(&self) -> Result<(), Error> {
        match self.client.connection_state() {
            connection::State::Connected => {}
            state => return Err(Error::Unavailable(format!("not connected to nats: {state}"))),
        }
        match self.context.query_account().await {
            Ok(_) => Ok(()),
            Err(e) => Err(Error::Unavailable(format!("jetstream does not answer: {e}"))),
        }
    }

    async fn close(&self) -> Result<(), Error> {
        self.closed.cancel();
        let flushed = self.client.flush().await;
        let drained = self.client.drain().await;
        flushed.map_err(|e| errors::unavailable("flush", &e))?;
        drained.map_err(|e| errors::unavailable("drain", &e))
    }
}
