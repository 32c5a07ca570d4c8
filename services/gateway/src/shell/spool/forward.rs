//! From the spool to the bus, one after the other.

use std::{sync::Arc, time::Duration};

use paramedic_bus::{Error, SharedBus, streams};
use tokio_util::sync::CancellationToken;

use super::{Spool, entry};
use crate::metrics;

/// First and longest pause between two attempts while the bus is away.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Attempts after which a message that the bus calls invalid is kept aside, a minute: it may be the stream that is wrong, and
/// not the message, but one message must not hold up all others for ever.
const MAX_REFUSALS: u32 = 30;

/// Forwards until the process drains; then what the bus takes at once.
///
/// # Errors
/// When the disk is broken: a restart is needed, and loses nothing.
pub(crate) async fn run(spool: Arc<Spool>, bus: SharedBus, drain: CancellationToken) -> anyhow::Result<()> {
    let (mut pause, mut refusals, mut forwarded) = (PAUSES.0, 0, 0_u64);
    loop {
        let Some((key, value)) = spool.queue.first()? else {
            if forwarded > 0 {
                tracing::info!(notifications = forwarded, "the spool is empty again");
                forwarded = 0;
            }
            tokio::select! {
                () = drain.cancelled() => return Ok(()),
                () = spool.filled.notified() => continue,
            }
        };
        let number = entry::number(&key);
        let Some((source, message)) = entry::decode(&value) else {
            aside(&spool, number, &value, "it cannot be read")?;
            continue;
        };
        let error = match bus.append(streams::ALERTS, message).await {
            Ok(_) => {
                spool.remove(number)?;
                metrics::forwarded(&source);
                (pause, refusals) = (PAUSES.0, 0);
                forwarded += 1;
                continue;
            }
            Err(Error::Invalid(problem)) if refusals >= MAX_REFUSALS => {
                aside(&spool, number, &value, &problem)?;
                refusals = 0;
                continue;
            }
            Err(error) => error,
        };
        if matches!(error, Error::Invalid(_)) {
            refusals += 1;
        }
        let waiting = spool.waiting();
        if drain.is_cancelled() {
            tracing::warn!(%error, waiting, "what waits in the spool stays there for the next process");
            return Ok(());
        }
        tracing::warn!(%error, waiting, "the bus does not take what waits in the spool; trying again");
        tokio::select! {
            () = drain.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Out of the way, for a person to look at.
fn aside(spool: &Spool, number: u64, value: &[u8], problem: &str) -> anyhow::Result<()> {
    tracing::error!(
        entry = number,
        problem,
        "a notification in the spool cannot be forwarded; it is kept aside in the tree \"damaged\""
    );
    metrics::damaged();
    spool.damaged.insert(entry::key(number), value)?;
    spool.remove(number)?;
    Ok(())
}
