//! A key-value bucket. History is one value per key; a ttl is the bucket's `max_age`, with markers so that watchers see it.

use std::time::Duration;

use async_nats::{
    HeaderMap, header,
    jetstream::{
        Context,
        kv::{self, Operation},
    },
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{TryStreamExt, stream::BoxStream};
use tokio_util::sync::CancellationToken;

use super::{
    JetStreamBus, errors,
    publish::{Refusal, publish},
    watch,
};
use crate::{Entry, Error, Kv, limits};

const OPERATION: &str = "KV-Operation";
const DELETE: &str = "DEL";

pub(super) struct Bucket {
    name: String,
    store: kv::Store,
    context: Context,
    patience: Duration,
    connections: tokio::sync::watch::Receiver<u64>,
    closed: CancellationToken,
}

impl Bucket {
    pub(super) async fn open(bus: &JetStreamBus, name: &str, ttl: Option<Duration>) -> Result<Self, Error> {
        let config = kv::Config {
            bucket: name.to_owned(),
            history: 1,
            max_age: ttl.unwrap_or_default(),
            limit_markers: ttl,
            num_replicas: bus.options.bucket_replicas,
            ..kv::Config::default()
        };
        let store = bus.context.create_or_update_key_value(config).await;
        Ok(Self {
            name: name.to_owned(),
            store: store.map_err(|e| errors::unavailable(&format!("bucket {name}"), &e))?,
            context: bus.context.clone(),
            patience: bus.options.timeout,
            connections: bus.connections.clone(),
            closed: bus.closed.clone(),
        })
    }

    async fn write(&self, key: &str, value: Bytes, revision: Option<u64>, delete: bool) -> Result<u64, Error> {
        limits::check_key(key)?;
        limits::check_value(key, &value)?;
        let headers = || {
            let mut headers = HeaderMap::new();
            if let Some(revision) = revision {
                headers.insert(header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, revision.to_string());
            }
            if delete {
                headers.insert(OPERATION, DELETE);
            }
            headers
        };
        let subject = format!("$KV.{}.{key}", self.name);
        match publish(&self.context, self.patience, &subject, headers, &value).await {
            Ok(ack) => Ok(ack.sequence),
            Err(Refusal::WrongLast) => Err(self.wrong_revision(key)),
            Err(Refusal::Other(error)) => Err(error),
        }
    }

    fn wrong_revision(&self, key: &str) -> Error {
        Error::WrongRevision {
            bucket: self.name.clone(),
            key: key.to_owned(),
        }
    }

    /// The newest record of the key, a deletion included.
    async fn record(&self, key: &str) -> Result<Option<kv::Entry>, Error> {
        let found = self.store.entry(key).await;
        found.map_err(|e| errors::unavailable(&format!("key {key} of bucket {}", self.name), &e))
    }
}

#[async_trait]
impl Kv for Bucket {
    async fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
        limits::check_key(key)?;
        Ok(self.record(key).await?.map(entry).filter(|entry| entry.value.is_some()))
    }

    async fn create(&self, key: &str, value: Bytes) -> Result<u64, Error> {
        match self.write(key, value.clone(), Some(0), false).await {
            // A deletion is a record too: the key is free if that is the newest one.
            Err(Error::WrongRevision { .. }) => match self.record(key).await? {
                Some(record) if record.operation != Operation::Put => self.write(key, value, Some(record.revision), false).await,
                Some(_) => Err(self.wrong_revision(key)),
                // Expired between the two requests.
                None => self.write(key, value, Some(0), false).await,
            },
            other => other,
        }
    }

    async fn update(&self, key: &str, value: Bytes, revision: u64) -> Result<u64, Error> {
        self.write(key, value, Some(revision), false).await
    }

    async fn put(&self, key: &str, value: Bytes) -> Result<u64, Error> {
        self.write(key, value, None, false).await
    }

    async fn delete(&self, key: &str, revision: Option<u64>) -> Result<(), Error> {
        self.write(key, Bytes::new(), revision, true).await.map(|_| ())
    }

    async fn keys(&self) -> Result<Vec<String>, Error> {
        let failed = |e: &dyn std::fmt::Display| errors::unavailable(&format!("keys of bucket {}", self.name), e);
        let keys = self.store.keys().await.map_err(|e| failed(&e))?;
        let mut keys: Vec<String> = keys.try_collect().await.map_err(|e| failed(&e))?;
        keys.sort();
        Ok(keys)
    }

    async fn watch(&self, prefix: &str) -> Result<BoxStream<'static, Result<Entry, Error>>, Error> {
        watch::watch(self.store.clone(), prefix, self.connections.clone(), self.closed.clone()).await
    }
}

pub(super) fn entry(record: kv::Entry) -> Entry {
    let value = (record.operation == Operation::Put).then_some(record.value);
    Entry {
        key: record.key,
        value,
        revision: record.revision,
    }
}
