//! The memory that bodies may take, over all requests.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{core::share::Shares, metrics};

/// What a request counts as at least: its buffers and its task, however small its body.
const LEAST: u64 = 16 << 10;

/// Hands out room for bodies.
#[derive(Clone)]
pub(crate) struct Budget(Arc<Mutex<Shares>>);

/// Room of one request; given back when it is dropped.
pub(crate) struct Room {
    budget: Budget,
    source: usize,
    bytes: u64,
}

impl Budget {
    pub(crate) fn new(bytes: u64, sources: usize) -> Self {
        Self(Arc::new(Mutex::new(Shares::new(bytes, sources))))
    }

    /// Room for a request of the source; `None`: there is none left for it.
    pub(crate) fn enter(&self, source: usize) -> Option<Room> {
        let room = Room {
            budget: self.clone(),
            source,
            bytes: 0,
        };
        room.grow(LEAST)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Shares) -> T) -> T {
        let mut shares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut shares);
        metrics::in_flight(shares.in_use());
        result
    }
}

impl Room {
    /// The room with so many bytes more; `None`: there are not so many, and all of it is given back.
    pub(crate) fn grow(mut self, bytes: u64) -> Option<Self> {
        let source = self.source;
        self.budget.change(|shares| shares.take(source, bytes)).then(|| {
            self.bytes += bytes;
            self
        })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let (source, bytes) = (self.source, self.bytes);
        self.budget.change(|shares| shares.give_back(source, bytes));
    }
}
