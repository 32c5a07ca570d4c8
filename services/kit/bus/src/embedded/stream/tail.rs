//! Reading a stream as it grows.

use std::sync::atomic::Ordering;

use super::Stream;
use crate::{Error, Stored, subject};

impl Stream {
    /// The messages of these sequences that match.
    pub(in super::super) fn between(&self, first: u64, last: u64, filter: &str) -> Result<Vec<Stored>, Error> {
        let mut found = Vec::new();
        for seq in first..=last {
            let message = self.message(seq)?;
            if subject::matches(filter, &message.subject) {
                found.push(message);
            }
        }
        Ok(found)
    }

    /// Waits until a message after `seq` is durable; the last one that is.
    pub(in super::super) async fn grown_beyond(&self, seq: u64) -> Result<u64, Error> {
        loop {
            let grown = self.tail.grown.notified();
            let last = self.tail.last.load(Ordering::Acquire);
            if last > seq {
                return Ok(last);
            }
            tokio::select! {
                () = grown => {}
                () = self.store.closed() => return Err(Error::Unavailable("bus closed".into())),
            }
        }
    }
}
