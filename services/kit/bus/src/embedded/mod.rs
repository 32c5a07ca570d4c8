//! The embedded backend: the port on sled, inside one process and durable across kill -9.
//!
//! ```text
//! <path>/lock        held (flock) while open, holds the process id for the error message
//! <path>/db, ...     sled: one tree per stream, per consumer and per key-value bucket
//! <path>/objects/    one file per blob
//! ```
//! Every change is written to sled under the lock of what it changes and acknowledged after the next flush; changes that
//! arrive while a flush runs share the following one (`store`). Nothing polls: waiters are woken by [`tokio::sync::Notify`]
//! and by timers on the earliest deadline.

mod blobs;
mod bucket;
mod clock;
mod codec;
mod consumer;
mod follow;
mod heads;
mod keys;
mod queue;
mod store;
mod stream;
mod watch;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures::stream::BoxStream;

use self::{
    blobs::FileBlobs,
    bucket::{Bucket, Handle},
    consumer::Shared,
    store::Store,
    stream::Stream,
};
use crate::{Append, Appended, Blobs, Bus, Consumer, ConsumerSpec, Error, Kv, Start, Stored, StreamSpec, limits, subject};

/// A bus inside this process, kept in one directory. Cheap to clone; the directory is released with the last clone and the
/// last consumer, bucket or watch opened from it.
#[derive(Clone)]
pub struct EmbeddedBus {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    store: Arc<Store>,
    streams: Mutex<HashMap<String, Arc<Stream>>>,
    buckets: Mutex<HashMap<String, Arc<Bucket>>>,
}

impl EmbeddedBus {
    /// Opens the bus kept in `path`, creating the directory if needed. Refused while another process has it open.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref().to_path_buf();
        let store = Arc::new(Store::open(&path)?);
        blobs::clean(&path);
        let mut streams = HashMap::new();
        for name in Stream::stored_names(&store) {
            if let Some(stream) = Stream::reopen(&store, &name)? {
                streams.insert(name, Arc::new(stream));
            }
        }
        Ok(Self {
            inner: Arc::new(Inner {
                path,
                store,
                streams: Mutex::new(streams),
                buckets: Mutex::default(),
            }),
        })
    }

    fn stream(&self, name: &str) -> Result<Arc<Stream>, Error> {
        self.inner.store.check_open()?;
        let streams = self.inner.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let found = streams.get(name).cloned();
        found.ok_or_else(|| Error::Invalid(format!("unknown stream {name}: create it with ensure_stream")))
    }
}

impl std::fmt::Debug for EmbeddedBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedBus")
            .field("path", &self.inner.path)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Bus for EmbeddedBus {
    async fn ensure_stream(&self, spec: &StreamSpec) -> Result<(), Error> {
        limits::check_stream(spec)?;
        self.inner.store.check_open()?;
        let durable = {
            let mut streams = self.inner.streams.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(stream) = streams.get(&spec.name) {
                stream.check_same(spec)?
            } else {
                for other in streams.values() {
                    other.check_disjoint(spec)?;
                }
                let (stream, durable) = Stream::create(&self.inner.store, spec)?;
                streams.insert(spec.name.clone(), Arc::new(stream));
                durable
            }
        };
        durable.wait().await
    }

    async fn append_all(&self, stream: &str, messages: Vec<Append>) -> Appended {
        let appended = limits::check_appends(&messages)
            .and_then(|()| self.stream(stream))
            .and_then(|stream| stream.append(&messages));
        match appended {
            Err(error) => error.into(),
            Ok((acks, durable)) => match durable.wait().await {
                Ok(()) => Appended { acks, failure: None },
                Err(error) => error.into(),
            },
        }
    }

    async fn replay(&self, stream: &str, filter: &str, start: Start) -> Result<Vec<Stored>, Error> {
        subject::check_filter(filter).map_err(Error::Invalid)?;
        let stream = self.stream(stream)?;
        let filter = filter.to_owned();
        // A replay may read the disk for a while: not on a thread that serves others.
        let (found, durable) = tokio::task::spawn_blocking(move || stream.replay(&filter, start))
            .await
            .map_err(|e| Error::Unavailable(format!("replay stopped: {e}")))??;
        durable.wait().await?;
        Ok(found)
    }

    async fn follow(&self, stream: &str, filter: &str, after: u64) -> Result<BoxStream<'static, Result<Stored, Error>>, Error> {
        subject::check_filter(filter).map_err(Error::Invalid)?;
        Ok(follow::follow(self.stream(stream)?, filter, after))
    }

    async fn consumer(&self, spec: &ConsumerSpec) -> Result<Box<dyn Consumer>, Error> {
        let stream = self.stream(&spec.stream)?;
        limits::check_consumer(spec, stream.subjects())?;
        let (shared, durable) = stream.join(spec)?;
        durable.wait().await?;
        Ok(Shared::puller(shared))
    }

    async fn kv(&self, bucket: &str, ttl: Option<Duration>) -> Result<Arc<dyn Kv>, Error> {
        limits::check_bucket(bucket)?;
        limits::check_ttl(bucket, ttl)?;
        self.inner.store.check_open()?;
        let mut buckets = self.inner.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = buckets.get(bucket) {
            open.set_ttl(ttl)?;
            return Ok(Arc::new(Handle(open.clone())));
        }
        let opened = Bucket::open(&self.inner.store, bucket, ttl)?;
        buckets.insert(bucket.to_owned(), opened.clone());
        Ok(Arc::new(Handle(opened)))
    }

    async fn blobs(&self, bucket: &str) -> Result<Arc<dyn Blobs>, Error> {
        limits::check_bucket(bucket)?;
        self.inner.store.check_open()?;
        Ok(Arc::new(FileBlobs::open(&self.inner.store, &self.inner.path, bucket)?))
    }

    async fn ping(&self) -> Result<(), Error> {
        self.inner.store.check_open()?;
        self.inner.store.barrier().wait().await
    }

    async fn close(&self) -> Result<(), Error> {
        let flushed = self.inner.store.barrier().wait().await;
        self.inner.store.close();
        flushed
    }
}
