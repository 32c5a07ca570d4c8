//! A key-value bucket in one sled tree.
//!
//! ```text
//! r        -> the last revision
//! k <key>  -> <revision> <written, ms since the epoch> <value>
//! ```

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use tokio::{sync::Notify, time::Instant};

use super::{
    clock,
    store::{Durable, Store, broken},
    watch::{self, Watchers},
};
use crate::{Entry, Error, Kv, limits};

const REVISION: &[u8] = b"r";

pub(super) struct Bucket {
    name: String,
    store: Arc<Store>,
    tree: sled::Tree,
    state: Mutex<State>,
    watchers: Arc<Watchers>,
    /// Rung when the earliest expiry may have changed.
    expiry_changed: Notify,
}

struct State {
    revision: u64,
    ttl: Option<Duration>,
    /// When keys expire, by (instant, revision that will have been the last).
    expiry: BTreeMap<(Instant, u64), String>,
}

/// What a write requires of the current entry.
#[derive(Clone, Copy)]
enum Require {
    Nothing,
    Absent,
    Revision(u64),
}

struct Saved {
    revision: u64,
    written_ms: u64,
    value: Bytes,
}

impl Bucket {
    pub(super) fn open(store: &Arc<Store>, name: &str, ttl: Option<Duration>) -> Result<Arc<Self>, Error> {
        let tree = store.tree(&format!("kv/{name}"))?;
        let revision = tree.get(REVISION).map_err(broken)?.map_or(0, |v| number(&v));
        let bucket = Self {
            name: name.to_owned(),
            store: store.clone(),
            tree,
            state: Mutex::new(State {
                revision,
                ttl: None,
                expiry: BTreeMap::new(),
            }),
            watchers: Arc::default(),
            expiry_changed: Notify::new(),
        };
        bucket.set_ttl(ttl)?;
        Ok(Arc::new(bucket))
    }

    /// Entries live `ttl` from their last write, whenever that was.
    pub(super) fn set_ttl(&self, ttl: Option<Duration>) -> Result<(), Error> {
        let mut state = self.lock();
        if state.ttl == ttl {
            return Ok(());
        }
        state.ttl = ttl;
        state.expiry.clear();
        if let Some(ttl) = ttl {
            let (now, wall) = (Instant::now(), clock::millis());
            for entry in self.tree.scan_prefix(b"k") {
                let (key, value) = entry.map_err(broken)?;
                let saved = decode(&value);
                let age = Duration::from_millis(wall.saturating_sub(saved.written_ms));
                state.expiry.insert((now + ttl.saturating_sub(age), saved.revision), text(&key));
            }
        }
        drop(state);
        self.expiry_changed.notify_waiters();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the bucket with everything that is due removed.
    fn current(&self) -> Result<MutexGuard<'_, State>, Error> {
        self.store.check_open()?;
        let mut state = self.lock();
        let now = Instant::now();
        while let Some(first) = state.expiry.first_entry() {
            if first.key().0 > now {
                break;
            }
            let ((_, revision), key) = first.remove_entry();
            if self.read(&key)?.is_some_and(|saved| saved.revision == revision) {
                // Nobody waits for it: an expiry that is lost is found due again.
                drop(self.write(&mut state, &key, None)?);
            }
        }
        Ok(state)
    }

    fn read(&self, key: &str) -> Result<Option<Saved>, Error> {
        let found = self.tree.get(key_of(key)).map_err(broken)?;
        Ok(found.map(|bytes| decode(&bytes)))
    }

    fn write(&self, state: &mut State, key: &str, value: Option<&Bytes>) -> Result<(u64, Durable), Error> {
        let revision = state.revision + 1;
        let mut batch = sled::Batch::default();
        batch.insert(REVISION, &revision.to_be_bytes());
        match value {
            Some(value) => batch.insert(key_of(key), encode(revision, clock::millis(), value)),
            None => batch.remove(key_of(key)),
        }
        self.tree.apply_batch(batch).map_err(broken)?;
        state.revision = revision;
        if let (Some(ttl), Some(_)) = (state.ttl, value) {
            state.expiry.insert((Instant::now() + ttl, revision), key.to_owned());
            self.expiry_changed.notify_waiters();
        }
        let entry = Entry {
            key: key.to_owned(),
            value: value.cloned(),
            revision,
        };
        let watchers = self.watchers.clone();
        let durable = self.store.commit(Some(Box::new(move || watchers.tell(&entry))));
        Ok((revision, durable))
    }

    async fn change(&self, key: &str, require: Require, value: Option<Bytes>) -> Result<u64, Error> {
        limits::check_key(key)?;
        limits::check_value(key, value.as_deref().unwrap_or_default())?;
        let (revision, durable) = {
            let mut state = self.current()?;
            let found = self.read(key)?.map(|saved| saved.revision);
            let allowed = match require {
                Require::Nothing => true,
                Require::Absent => found.is_none(),
                Require::Revision(expected) => found == Some(expected),
            };
            if !allowed {
                return Err(Error::WrongRevision {
                    bucket: self.name.clone(),
                    key: key.to_owned(),
                });
            }
            if found.is_none() && value.is_none() {
                (state.revision, self.store.barrier())
            } else {
                self.write(&mut state, key, value.as_ref())?
            }
        };
        durable.wait().await?;
        Ok(revision)
    }

    fn live(&self, prefix: &str) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        for found in self.tree.scan_prefix(key_of(prefix)) {
            let (key, value) = found.map_err(broken)?;
            let saved = decode(&value);
            entries.push(Entry {
                key: text(&key),
                value: Some(saved.value),
                revision: saved.revision,
            });
        }
        entries.sort_by_key(|entry| entry.revision);
        Ok(entries)
    }

    /// Removes what expired, then waits for the next expiry; for ever if there is none.
    pub(super) async fn expire_next(&self) -> Result<(), Error> {
        let mut changed = std::pin::pin!(self.expiry_changed.notified());
        changed.as_mut().enable();
        let next = self.current()?.expiry.first_key_value().map(|((at, _), _)| *at);
        let timer = async {
            match next {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = changed => Ok(()),
            () = timer => Ok(()),
            () = self.store.closed() => Err(super::store::closed()),
        }
    }
}

/// The handle given out: it shares the bucket with its watches.
pub(super) struct Handle(pub(super) Arc<Bucket>);

#[async_trait]
impl Kv for Handle {
    async fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
        limits::check_key(key)?;
        let (found, durable) = {
            let _state = self.0.current()?;
            (self.0.read(key)?, self.0.store.barrier())
        };
        durable.wait().await?;
        Ok(found.map(|saved| Entry {
            key: key.to_owned(),
            value: Some(saved.value),
            revision: saved.revision,
        }))
    }

    async fn create(&self, key: &str, value: Bytes) -> Result<u64, Error> {
        self.0.change(key, Require::Absent, Some(value)).await
    }

    async fn update(&self, key: &str, value: Bytes, revision: u64) -> Result<u64, Error> {
        self.0.change(key, Require::Revision(revision), Some(value)).await
    }

    async fn put(&self, key: &str, value: Bytes) -> Result<u64, Error> {
        self.0.change(key, Require::Nothing, Some(value)).await
    }

    async fn delete(&self, key: &str, revision: Option<u64>) -> Result<(), Error> {
        let require = revision.map_or(Require::Nothing, Require::Revision);
        self.0.change(key, require, None).await.map(|_| ())
    }

    async fn keys(&self) -> Result<Vec<String>, Error> {
        let (entries, durable) = {
            let _state = self.0.current()?;
            (self.0.live("")?, self.0.store.barrier())
        };
        durable.wait().await?;
        let mut keys: Vec<_> = entries.into_iter().map(|entry| entry.key).collect();
        keys.sort();
        Ok(keys)
    }

    async fn watch(&self, prefix: &str) -> Result<BoxStream<'static, Result<Entry, Error>>, Error> {
        let (entries, revision, changes, durable) = {
            let state = self.0.current()?;
            (
                self.0.live(prefix)?,
                state.revision,
                self.0.watchers.join(prefix),
                self.0.store.barrier(),
            )
        };
        durable.wait().await?;
        Ok(watch::stream(self.0.clone(), entries, revision, changes))
    }
}

fn key_of(key: &str) -> Vec<u8> {
    [b"k".as_slice(), key.as_bytes()].concat()
}

fn text(key: &[u8]) -> String {
    String::from_utf8_lossy(key.get(1..).unwrap_or_default()).into_owned()
}

fn encode(revision: u64, written_ms: u64, value: &[u8]) -> Vec<u8> {
    [revision.to_be_bytes().as_slice(), &written_ms.to_be_bytes(), value].concat()
}

fn decode(bytes: &[u8]) -> Saved {
    let (head, value) = bytes.split_at_checked(16).unwrap_or((&[0; 16], &[]));
    Saved {
        revision: number(&head[..8]),
        written_ms: head.last_chunk().map_or(0, |b| u64::from_be_bytes(*b)),
        value: Bytes::copy_from_slice(value),
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |b| u64::from_be_bytes(*b))
}
