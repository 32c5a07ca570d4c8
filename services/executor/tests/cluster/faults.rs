//! A bus whose appends of one kind of event are lost: what a process that dies at that moment leaves behind.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use paramedic_bus::{Ack, Append, Blobs, Bus, Consumer, ConsumerSpec, Error, IncidentLog, Kv, SharedBus, Start, Stored, StreamSpec};
use paramedic_runtime::Kit;

struct Losing {
    bus: SharedBus,
    kind: &'static str,
}

/// The same kit, on which events of this kind never get into the log.
pub(crate) fn losing(kit: &Kit, kind: &'static str) -> Kit {
    let bus: SharedBus = Arc::new(Losing {
        bus: kit.bus.clone(),
        kind,
    });
    Kit {
        log: IncidentLog::new(bus.clone()),
        bus,
        ..kit.clone()
    }
}

#[async_trait]
impl Bus for Losing {
    async fn ensure_stream(&self, spec: &StreamSpec) -> Result<(), Error> {
        self.bus.ensure_stream(spec).await
    }
    async fn append(&self, stream: &str, message: Append) -> Result<Ack, Error> {
        if message.subject.ends_with(self.kind) {
            return Err(Error::Invalid("the process died here".into()));
        }
        self.bus.append(stream, message).await
    }
    async fn replay(&self, stream: &str, filter: &str, start: Start) -> Result<Vec<Stored>, Error> {
        self.bus.replay(stream, filter, start).await
    }
    async fn consumer(&self, spec: &ConsumerSpec) -> Result<Box<dyn Consumer>, Error> {
        self.bus.consumer(spec).await
    }
    async fn kv(&self, bucket: &str, ttl: Option<Duration>) -> Result<Arc<dyn Kv>, Error> {
        self.bus.kv(bucket, ttl).await
    }
    async fn blobs(&self, bucket: &str) -> Result<Arc<dyn Blobs>, Error> {
        self.bus.blobs(bucket).await
    }
    async fn ping(&self) -> Result<(), Error> {
        self.bus.ping().await
    }
    async fn close(&self) -> Result<(), Error> {
        self.bus.close().await
    }
}
