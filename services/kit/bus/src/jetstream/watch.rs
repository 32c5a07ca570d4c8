//! Watching a bucket: the present, then the changes, over reconnects and restarts of the server.
//!
//! The client's own watch gives up its subscription now and then; it is opened again after the last revision that was seen.

use std::time::Duration;

use async_nats::jetstream::kv::{self, Operation};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{errors, kv::entry};
use crate::{Entry, Error};

/// Pause before opening a watch again after it failed.
const PAUSE: Duration = Duration::from_millis(250);

struct Watch {
    store: kv::Store,
    /// Keys the server selects by: whole tokens.
    filter: String,
    /// Keys we select by.
    prefix: String,
    changes: Option<kv::Watch>,
    /// Records up to the first one with nothing behind it are the present; deletions are not part of it.
    present: bool,
    revision: u64,
    connections: watch::Receiver<u64>,
    closed: CancellationToken,
    ended: bool,
}

pub(super) async fn watch(
    store: kv::Store,
    prefix: &str,
    mut connections: watch::Receiver<u64>,
    closed: CancellationToken,
) -> Result<BoxStream<'static, Result<Entry, Error>>, Error> {
    // Only a connection made after this one loses the subscription.
    connections.mark_unchanged();
    let filter = match prefix.rfind('.') {
        Some(dot) => format!("{}>", &prefix[..=dot]),
        None => ">".to_owned(),
    };
    let changes = store.watch_with_history(&filter).await;
    let changes = changes.map_err(|e| errors::unavailable(&format!("watch bucket {}", store.name), &e))?;
    let watch = Watch {
        filter,
        prefix: prefix.to_owned(),
        changes: Some(changes),
        present: true,
        revision: 0,
        connections,
        closed,
        ended: false,
        store,
    };
    Ok(stream::unfold(watch, |mut watch| async move {
        let item = watch.next().await?;
        Some((item, watch))
    })
    .boxed())
}

impl Watch {
    async fn next(&mut self) -> Option<Result<Entry, Error>> {
        let closed = self.closed.clone();
        if self.ended {
            return None;
        }
        tokio::select! {
            entry = self.entry() => Some(Ok(entry)),
            () = closed.cancelled() => {
                self.ended = true;
                Some(Err(Error::Unavailable("bus closed".into())))
            }
        }
    }

    async fn entry(&mut self) -> Entry {
        loop {
            let Some(changes) = &mut self.changes else {
                self.reopen().await;
                continue;
            };
            let change = tokio::select! {
                change = changes.next() => change,
                Ok(()) = self.connections.changed() => {
                    self.changes = None;
                    continue;
                }
            };
            match change {
                Some(Ok(record)) => {
                    if let Some(entry) = self.wanted(record) {
                        return entry;
                    }
                }
                Some(Err(error)) => {
                    tracing::debug!(bucket = %self.store.name, %error, "watch interrupted");
                    self.changes = None;
                }
                None => self.changes = None,
            }
        }
    }

    fn wanted(&mut self, record: kv::Entry) -> Option<Entry> {
        let was_present = self.present;
        self.present = self.present && record.delta > 0;
        self.revision = self.revision.max(record.revision);
        let gone = record.operation != Operation::Put;
        let skip = !record.key.starts_with(&self.prefix) || (was_present && gone);
        (!skip).then(|| entry(record))
    }

    async fn reopen(&mut self) {
        self.present = false;
        match self.store.watch_from_revision(&self.filter, self.revision + 1).await {
            Ok(changes) => self.changes = Some(changes),
            Err(error) => {
                tracing::debug!(bucket = %self.store.name, %error, "cannot watch, trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
