//! Streams of events as they are stored.

use std::{collections::VecDeque, sync::Arc};

use futures::{Stream, stream};
use paramedic_bus::{SharedBus, Start, Stored, streams};
use paramedic_proto::v1;
use paramedic_wire::Wire;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{status, tail::Tail};

struct Watch {
    bus: SharedBus,
    filter: String,
    /// The next position this watcher has not seen.
    next: u64,
    buffer: VecDeque<Stored>,
    positions: watch::Receiver<u64>,
    drain: CancellationToken,
    /// Keeps the positions coming.
    _tail: Arc<Tail>,
}

/// Every stored event that matches `filter` from position `from` on, until the process drains.
pub(super) fn watch(
    bus: SharedBus,
    tail: Arc<Tail>,
    filter: String,
    from: u64,
    drain: CancellationToken,
) -> impl Stream<Item = Result<v1::WatchResponse, Status>> + Send + 'static {
    let state = Watch {
        bus,
        filter,
        next: from,
        buffer: VecDeque::new(),
        positions: tail.positions(),
        drain,
        _tail: tail,
    };
    stream::try_unfold(state, |mut watch| async move {
        loop {
            if let Some(message) = watch.buffer.pop_front() {
                return Ok(Some((response(&message)?, watch)));
            }
            if watch.drain.is_cancelled() {
                return Ok(None);
            }
            // Marked as seen before the replay: what is stored during it wakes the wait below.
            let written = *watch.positions.borrow_and_update();
            let found = watch
                .bus
                .replay(streams::INCIDENTS, &watch.filter, Start::Sequence(watch.next))
                .await
                .map_err(|error| status::bus(&error))?;
            // Other incidents' events move the start of the next look forward, too.
            watch.next = found.last().map_or(watch.next, |last| last.seq + 1).max(written);
            watch.buffer.extend(found);
            if watch.buffer.is_empty() {
                tokio::select! {
                    changed = watch.positions.changed() => changed.map_err(|_| Status::unavailable("the console is stopping"))?,
                    () = watch.drain.cancelled() => return Ok(None),
                }
            }
        }
    })
}

fn response(message: &Stored) -> Result<v1::WatchResponse, Status> {
    let recorded = paramedic_wire::decode(&message.payload)
        .map_err(|invalid| Status::data_loss(format!("position {}: not an event: {invalid}", message.seq)))?;
    Ok(v1::WatchResponse {
        position: message.seq,
        envelope: Some(recorded.envelope.to_proto()),
    })
}
