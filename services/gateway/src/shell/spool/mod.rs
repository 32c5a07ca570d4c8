//! Alerts that were accepted while the bus is away: kept on the disk, in their order, and forwarded when it is back.
//!
//! While anything is kept, everything new is kept behind it, so that nothing is overtaken. An answer 2xx is given after a flush; a
//! message is taken out after the bus made it durable, so one that a crash finds in between is forwarded twice under one id.

mod entry;
mod forward;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use paramedic_bus::Append;
use tokio::sync::Notify;

pub(crate) use self::forward::run;
use crate::{core::share::Shares, metrics};

/// What an entry costs besides its own bytes.
const OVERHEAD: u64 = 64;
/// More than a usual webhook takes.
const USUAL: u64 = 64 << 10;
/// How long another instance in this process may take to let go of the folder.
const RELEASE_PATIENCE: Duration = Duration::from_secs(5);
/// Memory that sled may use.
const CACHE_BYTES: u64 = 8 << 20;

/// Why nothing was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There is no room for it.
    Full,
    /// The disk does not take it.
    Broken(String),
}

/// The spool.
pub(crate) struct Spool {
    db: sled::Db,
    queue: sled::Tree,
    /// Entries that cannot be forwarded, for a person to look at.
    damaged: sled::Tree,
    max_bytes: u64,
    sources: BTreeMap<String, usize>,
    state: Mutex<State>,
    /// The first entry that may not be on the disk; locked while some are written.
    durable: Arc<tokio::sync::Mutex<u64>>,
    filled: Notify,
}

struct State {
    next: u64,
    /// Size and source of each entry, by number.
    entries: BTreeMap<u64, (u64, usize)>,
    shares: Shares,
    /// Entries that are not on the disk yet, in order.
    unwritten: Vec<(u64, Vec<u8>)>,
}

impl Spool {
    /// Opens the spool in a folder, with what an earlier process left in it. `sources` share its room.
    ///
    /// # Errors
    /// When another process has it, or the disk is broken.
    pub(crate) async fn open<'a>(path: &Path, max_bytes: u64, sources: impl Iterator<Item = &'a String>) -> Result<Self, sled::Error> {
        let db = open_sled(path).await?;
        let (queue, damaged) = (db.open_tree("queue")?, db.open_tree("damaged")?);
        let sources: BTreeMap<String, usize> = sources.enumerate().map(|(number, name)| (name.clone(), number)).collect();
        // One more for entries of sources that are not configured any longer.
        let mut shares = Shares::new(max_bytes, sources.len() + 1);
        let (mut entries, mut next) = (BTreeMap::new(), 0);
        for item in &queue {
            let (key, value) = item?;
            let (number, bytes) = (entry::number(&key), value.len() as u64 + OVERHEAD);
            let source = entry::source(&value)
                .and_then(|name| sources.get(&name).copied())
                .unwrap_or(sources.len());
            // More than allowed, if the limit is lower than it was: it is kept all the same.
            shares.put(source, bytes);
            entries.insert(number, (bytes, source));
            next = number + 1;
        }
        if !entries.is_empty() {
            tracing::warn!(
                notifications = entries.len(),
                "the spool holds alerts that an earlier process could not forward"
            );
        }
        let spool = Self {
            db,
            queue,
            damaged,
            max_bytes,
            sources,
            state: Mutex::new(State {
                next,
                entries,
                shares,
                unwritten: Vec::new(),
            }),
            durable: Arc::new(tokio::sync::Mutex::new(next)),
            filled: Notify::new(),
        };
        spool.report();
        Ok(spool)
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().entries.is_empty()
    }

    /// What the readiness page says, as a role that can do without the bus for a while.
    ///
    /// # Errors
    /// When there is no room for another message of the usual size.
    pub(crate) fn standing(&self) -> Result<String, String> {
        let waiting = self.waiting().unwrap_or_else(|| "the spool is empty".into());
        if self.lock().shares.in_use() + USUAL <= self.max_bytes {
            Ok(waiting)
        } else {
            Err(format!("{waiting}: it is full"))
        }
    }

    /// What waits, in words; `None`: nothing.
    fn waiting(&self) -> Option<String> {
        let state = self.lock();
        let (entries, bytes) = (state.entries.len(), state.shares.in_use());
        (entries > 0).then(|| format!("{entries} notifications ({bytes} of {} bytes) wait in the spool", self.max_bytes))
    }

    /// Keeps all of the messages or none, behind everything that is kept already; returns when they are on the disk.
    ///
    /// # Errors
    /// When there is no room for them, or the disk does not take them.
    pub(crate) async fn keep(self: &Arc<Self>, source: &str, messages: &[Append]) -> Result<(), Refused> {
        let values: Vec<Vec<u8>> = messages.iter().map(|message| entry::encode(source, message)).collect();
        let number = self.sources.get(source).copied().unwrap_or(self.sources.len());
        let total: u64 = values.iter().map(|value| value.len() as u64 + OVERHEAD).sum();
        let end = {
            let mut state = self.lock();
            if !state.shares.take(number, total) {
                return Err(Refused::Full);
            }
            for value in values {
                let key = state.next;
                state.entries.insert(key, (value.len() as u64 + OVERHEAD, number));
                state.unwritten.push((key, value));
                state.next += 1;
            }
            state.next
        };
        self.report();
        self.write(end).await
    }

    /// Returns when everything before entry `end` is on the disk. Whoever comes first writes for all who wait: they share a flush.
    async fn write(self: &Arc<Self>, end: u64) -> Result<(), Refused> {
        let mut durable = self.durable.clone().lock_owned().await;
        if *durable >= end {
            return Ok(());
        }
        let spool = self.clone();
        // One flush at a time, on a thread of its own: several of sled's asynchronous ones wait for each other for ever. The lock goes
        // along, so that a sender who hangs up leaves nothing half done.
        let written = tokio::task::spawn_blocking(move || {
            let (mut unwritten, next) = {
                let mut state = spool.lock();
                (std::mem::take(&mut state.unwritten), state.next)
            };
            match spool.insert(&unwritten) {
                Ok(()) => {
                    *durable = next;
                    spool.filled.notify_one();
                    Ok(())
                }
                Err(error) => {
                    // The next one tries again: what is answered with 503 now may still be forwarded, like an append whose
                    // acknowledgement is lost.
                    let mut state = spool.lock();
                    unwritten.append(&mut state.unwritten);
                    state.unwritten = unwritten;
                    Err(Refused::Broken(error.to_string()))
                }
            }
        });
        written.await.unwrap_or_else(|stopped| Err(Refused::Broken(stopped.to_string())))
    }

    fn insert(&self, entries: &[(u64, Vec<u8>)]) -> Result<(), sled::Error> {
        for (key, value) in entries {
            self.queue.insert(entry::key(*key), value.as_slice())?;
        }
        self.db.flush().map(|_| ())
    }

    /// Takes an entry out.
    fn remove(&self, number: u64) -> Result<(), sled::Error> {
        self.queue.remove(entry::key(number))?;
        let mut state = self.lock();
        if let Some((bytes, source)) = state.entries.remove(&number) {
            state.shares.give_back(source, bytes);
        }
        drop(state);
        self.report();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self) {
        let state = self.lock();
        metrics::spool(state.entries.len(), state.shares.in_use());
    }
}

/// sled keeps a lock of the kernel's: a killed process leaves none behind, a closing one in this process needs a moment.
async fn open_sled(path: &Path) -> Result<sled::Db, sled::Error> {
    let deadline = Instant::now() + RELEASE_PATIENCE;
    loop {
        match sled::Config::new().path(path).cache_capacity(CACHE_BYTES).open() {
            Err(sled::Error::Io(error)) if error.to_string().contains("could not acquire lock") && Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests;
