//! How far a cluster's alerts are correlated and written: what comes before need not be written again.

use std::sync::Arc;

use bytes::Bytes;
use paramedic_bus::{Error, Kv, SharedBus, streams};
use paramedic_domain::id::ClusterId;

pub(super) struct Progress {
    bucket: Arc<dyn Kv>,
    key: String,
    done: u64,
}

impl Progress {
    pub(super) async fn open(bus: &SharedBus, cluster: &ClusterId) -> Result<Self, Error> {
        let bucket = bus.kv(streams::CORRELATORS, None).await?;
        let stored = bucket.get(cluster.as_str()).await?.and_then(|entry| entry.value);
        let done = stored.and_then(|value| std::str::from_utf8(&value).ok()?.parse().ok());
        Ok(Self {
            bucket,
            key: cluster.to_string(),
            done: done.unwrap_or(0),
        })
    }

    /// Sequence of the last message whose changes are written.
    pub(super) fn done(&self) -> u64 {
        self.done
    }

    /// An older replica may still write its own, smaller number: then some changes are decided once more, and found written.
    pub(super) async fn set(&mut self, done: u64) -> Result<(), Error> {
        if done > self.done {
            self.bucket.put(&self.key, Bytes::from(done.to_string())).await?;
            self.done = done;
        }
        Ok(())
    }
}
