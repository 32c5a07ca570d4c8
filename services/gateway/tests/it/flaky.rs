//! A bus that fails on demand: as a whole, or every few operations, before or after doing what it was asked.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use paramedic_bus::{Append, Appended, Blobs, Bus, Consumer, ConsumerSpec, Entry, Error, Kv, SharedBus, Start, Stored, StreamSpec};

/// When it fails.
#[derive(Default)]
pub(crate) struct Faults {
    /// Everything fails.
    pub(crate) down: AtomicBool,
    /// Every n-th write fails, alternately before and after it happened; 0: none.
    pub(crate) every: AtomicU32,
    writes: AtomicU32,
    refused: AtomicU32,
    closed: AtomicU32,
}

fn unavailable() -> Error {
    Error::Unavailable("the test took it away".into())
}

impl Faults {
    fn check(&self) -> Result<(), Error> {
        if self.down.load(Ordering::SeqCst) {
            Err(unavailable())
        } else {
            Ok(())
        }
    }

    /// Appends refused while everything failed.
    pub(crate) fn refused(&self) -> u32 {
        self.refused.load(Ordering::SeqCst)
    }

    /// Consumers and buckets that were not opened.
    pub(crate) fn closed(&self) -> u32 {
        self.closed.load(Ordering::SeqCst)
    }

    fn open(&self) -> Result<(), Error> {
        self.check().inspect_err(|_| {
            self.closed.fetch_add(1, Ordering::SeqCst);
        })
    }

    /// Does a write with whatever fault is due.
    async fn write<T>(&self, write: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.check()?;
        let every = self.every.load(Ordering::SeqCst);
        let count = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
        if every == 0 || !count.is_multiple_of(every) {
            return write.await;
        }
        if (count / every).is_multiple_of(2) {
            // Done, but the acknowledgement is lost.
            write.await?;
        }
        Err(unavailable())
    }
}

pub(crate) struct Flaky {
    pub(crate) bus: SharedBus,
    pub(crate) faults: Arc<Faults>,
}

#[async_trait]
impl Bus for Flaky {
    async fn ensure_stream(&self, spec: &StreamSpec) -> Result<(), Error> {
        self.bus.ensure_stream(spec).await
    }
    async fn append_all(&self, stream: &str, messages: Vec<Append>) -> Appended {
        if self.faults.down.load(Ordering::SeqCst) {
            self.faults.refused.fetch_add(1, Ordering::SeqCst);
        }
        Appended::one_by_one(messages, |message| self.faults.write(self.bus.append(stream, message))).await
    }
    async fn replay(&self, stream: &str, filter: &str, start: Start) -> Result<Vec<Stored>, Error> {
        self.faults.check()?;
        self.bus.replay(stream, filter, start).await
    }
    async fn follow(&self, stream: &str, filter: &str, after: u64) -> Result<BoxStream<'static, Result<Stored, Error>>, Error> {
        self.faults.check()?;
        self.bus.follow(stream, filter, after).await
    }
    async fn consumer(&self, spec: &ConsumerSpec) -> Result<Box<dyn Consumer>, Error> {
        self.faults.open()?;
        self.bus.consumer(spec).await
    }
    async fn kv(&self, bucket: &str, ttl: Option<Duration>) -> Result<Arc<dyn Kv>, Error> {
        self.faults.open()?;
        Ok(Arc::new(FlakyKv {
            kv: self.bus.kv(bucket, ttl).await?,
            faults: self.faults.clone(),
        }))
    }
    async fn blobs(&self, bucket: &str) -> Result<Arc<dyn Blobs>, Error> {
        self.faults.open()?;
        self.bus.blobs(bucket).await
    }
    async fn ping(&self) -> Result<(), Error> {
        self.faults.check()
    }
    async fn close(&self) -> Result<(), Error> {
        self.bus.close().await
    }
}

struct FlakyKv {
    kv: Arc<dyn Kv>,
    faults: Arc<Faults>,
}

#[async_trait]
impl Kv for FlakyKv {
    async fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
        self.faults.check()?;
        self.kv.get(key).await
    }
    async fn create(&self, key: &str, value: Bytes) -> Result<u64, Error> {
        self.faults.write(self.kv.create(key, value)).await
    }
    async fn update(&self, key: &str, value: Bytes, revision: u64) -> Result<u64, Error> {
        self.faults.write(self.kv.update(key, value, revision)).await
    }
    async fn put(&self, key: &str, value: Bytes) -> Result<u64, Error> {
        self.faults.write(self.kv.put(key, value)).await
    }
    async fn delete(&self, key: &str, revision: Option<u64>) -> Result<(), Error> {
        self.faults.write(self.kv.delete(key, revision)).await
    }
    async fn keys(&self) -> Result<Vec<String>, Error> {
        self.kv.keys().await
    }
    async fn watch(&self, prefix: &str) -> Result<BoxStream<'static, Result<Entry, Error>>, Error> {
        self.kv.watch(prefix).await
    }
}
