//! Watching a bucket: who watches which prefix, and the stream each of them reads.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::bucket::Bucket;
use crate::{Entry, Error};

/// The watchers of a bucket. Their channels are unbounded: values are small, and a watch that lost a change would be wrong.
#[derive(Default)]
pub(super) struct Watchers(Mutex<Vec<(String, UnboundedSender<Entry>)>>);

impl Watchers {
    pub(super) fn join(&self, prefix: &str) -> UnboundedReceiver<Entry> {
        let (sender, receiver) = unbounded_channel();
        let mut watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.push((prefix.to_owned(), sender));
        receiver
    }

    /// Passes a durable change on, and forgets the watchers that are gone.
    pub(super) fn tell(&self, entry: &Entry) {
        let mut watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|(prefix, sender)| {
            if entry.key.starts_with(prefix.as_str()) {
                sender.send(entry.clone()).is_ok()
            } else {
                !sender.is_closed()
            }
        });
    }
}

struct Watch {
    bucket: Arc<Bucket>,
    snapshot: VecDeque<Entry>,
    /// Changes up to this revision are in the snapshot.
    revision: u64,
    changes: UnboundedReceiver<Entry>,
    ended: bool,
}

/// The snapshot, then the changes after it. While it is polled it also makes due keys expire.
pub(super) fn stream(
    bucket: Arc<Bucket>,
    snapshot: Vec<Entry>,
    revision: u64,
    changes: UnboundedReceiver<Entry>,
) -> BoxStream<'static, Result<Entry, Error>> {
    let watch = Watch {
        bucket,
        snapshot: snapshot.into(),
        revision,
        changes,
        ended: false,
    };
    stream::unfold(watch, |mut watch| async move {
        let item = watch.next().await?;
        watch.ended = item.is_err();
        Some((item, watch))
    })
    .boxed()
}

impl Watch {
    async fn next(&mut self) -> Option<Result<Entry, Error>> {
        if self.ended {
            return None;
        }
        if let Some(entry) = self.snapshot.pop_front() {
            return Some(Ok(entry));
        }
        loop {
            tokio::select! {
                biased;
                change = self.changes.recv() => {
                    let entry = change?;
                    if entry.revision > self.revision {
                        return Some(Ok(entry));
                    }
                }
                expired = self.bucket.expire_next() => {
                    if let Err(closed) = expired {
                        return Some(Err(closed));
                    }
                }
            }
        }
    }
}
