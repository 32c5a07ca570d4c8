//! Follows all incident logs and keeps the catalogue.

use std::{sync::Arc, time::Duration};

use paramedic_bus::{Error, SharedBus, Start, streams};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

use crate::{core::catalogue::Catalogue, metrics};

/// Every incident event.
pub(crate) const ALL: &str = "paramedic.incident.>";

/// The reader of the logs.
pub(crate) struct Tail {
    bus: SharedBus,
    read: Mutex<Read>,
    /// The next unread position, for watchers.
    next: watch::Sender<u64>,
}

/// What was read.
pub(crate) struct Read {
    pub(crate) catalogue: Catalogue,
    next: u64,
}

impl Tail {
    pub(crate) fn new(bus: SharedBus) -> Self {
        Self {
            bus,
            read: Mutex::new(Read {
                catalogue: Catalogue::default(),
                next: 1,
            }),
            next: watch::Sender::new(1),
        }
    }

    /// Everything stored before this call, read.
    pub(crate) async fn catch_up(&self) -> Result<tokio::sync::MutexGuard<'_, Read>, Error> {
        let mut read = self.read.lock().await;
        let messages = self.bus.replay(streams::INCIDENTS, ALL, Start::Sequence(read.next)).await?;
        for message in messages {
            let outcome = match paramedic_wire::decode(&message.payload) {
                Ok(recorded) => read.catalogue.apply(&recorded).map_err(|error| error.to_string()),
                Err(invalid) => Err(invalid.to_string()),
            };
            if let Err(problem) = outcome {
                metrics::skipped();
                tracing::error!(
                    position = message.seq,
                    subject = message.subject,
                    problem,
                    "stored event skipped: `paramedic audit verify` says more"
                );
            }
            read.next = message.seq + 1;
        }
        self.next.send_if_modified(|next| std::mem::replace(next, read.next) != read.next);
        Ok(read)
    }

    /// The next position that will be written (or the first that is not read yet), and news of it.
    pub(crate) fn positions(&self) -> watch::Receiver<u64> {
        self.next.subscribe()
    }
}

/// Looks for new events until the process drains.
pub(crate) async fn follow(tail: Arc<Tail>, every: Duration, drain: CancellationToken) {
    while !drain.is_cancelled() {
        if let Err(error) = tail.catch_up().await {
            tracing::warn!(%error, "cannot read the logs; trying again");
        }
        tokio::select! {
            () = drain.cancelled() => {}
            () = tokio::time::sleep(every) => {}
        }
    }
}
