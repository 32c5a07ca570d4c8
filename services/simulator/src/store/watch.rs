//! The change log and its readers.

use std::{collections::VecDeque, sync::Arc};

use serde_json::Value;
use tokio::sync::watch;

use super::{Gvr, Status, Store};

/// Changes kept for late watchers. A rollout of a few hundred pods writes a few thousand; older readers get 410 and list again.
const LOG_LIMIT: usize = 16_384;

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// Created.
    Added,
    /// Updated.
    Modified,
    /// Removed for good; `object` is its last state, with the `resourceVersion` of the removal.
    Deleted,
}

/// One committed change.
#[derive(Clone, Debug)]
pub struct Change {
    /// The `resourceVersion` this change made.
    pub rv: u64,
    /// What happened.
    pub kind: ChangeKind,
    /// Which resource, in its stored version.
    pub gvr: Gvr,
    /// The object after the change (before it, for `Deleted`).
    pub object: Arc<Value>,
    /// The object before the change; `None` for `Added`.
    pub previous: Option<Arc<Value>>,
}

/// The newest changes, in order.
#[derive(Default)]
pub(super) struct Log {
    entries: VecDeque<Change>,
    /// Every change with an `rv` above this one is still here.
    floor: u64,
}

impl Log {
    pub(super) fn push(&mut self, change: Change) {
        if self.entries.len() == LOG_LIMIT
            && let Some(dropped) = self.entries.pop_front()
        {
            self.floor = dropped.rv;
        }
        self.entries.push_back(change);
    }

    pub(super) fn check(&self, from: u64) -> Result<(), Status> {
        if from < self.floor {
            Err(Status::gone(from, self.floor))
        } else {
            Ok(())
        }
    }

    pub(super) fn after(&self, from: u64) -> Result<Option<Change>, Status> {
        self.check(from)?;
        let index = self.entries.partition_point(|entry| entry.rv <= from);
        Ok(self.entries.get(index).cloned())
    }
}

/// Reads every change of every kind after a `resourceVersion`, in order.
pub struct WatchStream {
    pub(super) store: Store,
    pub(super) seen: u64,
    pub(super) newest: watch::Receiver<u64>,
}

impl WatchStream {
    /// The next change if there already is one. `Err` (410) when this reader fell too far behind.
    pub fn try_next(&mut self) -> Result<Option<Change>, Status> {
        let change = self.store.change_after(self.seen)?;
        if let Some(change) = &change {
            self.seen = change.rv;
        }
        Ok(change)
    }

    /// Waits for the next change. `Err` (410) when this reader fell too far behind. Cancel safe.
    pub async fn next(&mut self) -> Result<Change, Status> {
        loop {
            self.newest.borrow_and_update();
            if let Some(change) = self.try_next()? {
                return Ok(change);
            }
            if self.newest.changed().await.is_err() {
                return Err(Status::internal("the store was closed"));
            }
        }
    }

    /// The `resourceVersion` of the last change handed out.
    pub fn seen(&self) -> u64 {
        self.seen
    }
}
