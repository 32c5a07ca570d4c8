//! Leadership: of several replicas one does a piece of work, and another takes over when it dies.
//!
//! A leader writes its name under the office's key and renews it; the bucket forgets a name that is not renewed. A leader that cannot renew
//! stops before the bucket forgets it. Clocks and networks may still let two believe in themselves for a moment: what leaders write
//! has to bear that (message ids, expectations), leadership only spares the others the work.

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Error, Kv, SharedBus, streams};

/// A name that was not renewed for this long is forgotten: how long nobody leads after a leader died.
const KEPT: Duration = Duration::from_secs(10);
/// Renewals, and looks whether the office is free.
const PACE: Duration = Duration::from_millis(2500);
/// Since the last renewal that the bus confirmed: then the office is no longer ours, whatever the bus would say.
const SURE: Duration = Duration::from_secs(8);

/// Does `work` while this process holds `office`, until `drain`. `work` is given a token that is cancelled when the office is lost or the process drains,
/// and should end soon after; if it ends by itself, the office is given up and sought again.
///
/// `office` is a key: `[-/_=.a-zA-Z0-9]+`, as `correlator/prod`. `me` tells replicas apart: `host-pid` or a random id.
///
/// # Errors
/// When the bus refuses the bucket itself; that it is away for a time is waited out.
pub async fn lead<W, F>(bus: &SharedBus, office: &str, me: &str, drain: &CancellationToken, mut work: W) -> Result<(), Error>
where
    W: FnMut(CancellationToken) -> F,
    F: Future<Output = ()>,
{
    let bucket = loop {
        match bus.kv(streams::LEADERS, Some(KEPT)).await {
            Ok(bucket) => break bucket,
            Err(error @ Error::Unavailable(_)) => tracing::warn!(office, %error, "cannot seek leadership yet"),
            Err(error) => return Err(error),
        }
        if paused(drain).await {
            return Ok(());
        }
    };
    while !drain.is_cancelled() {
        let begun = Instant::now();
        match bucket.create(office, Bytes::copy_from_slice(me.as_bytes())).await {
            Ok(revision) => {
                tracing::info!(office, "leading");
                let term = Term {
                    bucket: bucket.clone(),
                    office,
                    me,
                    revision,
                    sure_until: begun + SURE,
                };
                term.serve(drain, &mut work).await;
            }
            Err(Error::WrongRevision { .. }) => {}
            Err(error) => tracing::warn!(office, %error, "cannot seek leadership"),
        }
        if paused(drain).await {
            break;
        }
    }
    Ok(())
}

/// Waits a pace; true when it is time to end.
async fn paused(drain: &CancellationToken) -> bool {
    tokio::select! {
        () = drain.cancelled() => true,
        () = tokio::time::sleep(PACE) => false,
    }
}

/// One time in office.
struct Term<'a> {
    bucket: Arc<dyn Kv>,
    office: &'a str,
    me: &'a str,
    revision: u64,
    sure_until: Instant,
}

impl Term<'_> {
    async fn serve<W, F>(mut self, drain: &CancellationToken, work: &mut W)
    where
        W: FnMut(CancellationToken) -> F,
        F: Future<Output = ()>,
    {
        let over = drain.child_token();
        {
            let working = work(over.clone());
            tokio::pin!(working);
            tokio::select! {
                () = &mut working => {}
                () = self.renew() => {
                    tracing::warn!(office = self.office, "leadership lost");
                    over.cancel();
                    working.await;
                }
                () = drain.cancelled() => working.await,
            }
        }
        // So that the next one need not wait. It may be another's by now: then it stays.
        if let Err(error) = self.bucket.delete(self.office, Some(self.revision)).await {
            tracing::debug!(office = self.office, %error, "leadership was not given back");
        }
    }

    /// Renews until that fails for too long, or somebody else is in office.
    async fn renew(&mut self) {
        loop {
            tokio::time::sleep(PACE).await;
            let begun = Instant::now();
            let renewal = self
                .bucket
                .update(self.office, Bytes::copy_from_slice(self.me.as_bytes()), self.revision);
            match tokio::time::timeout_at(self.sure_until, renewal).await {
                Ok(Ok(revision)) => {
                    self.revision = revision;
                    self.sure_until = begun + SURE;
                }
                // A renewal whose answer was lost counts as another's: the office is free again soon.
                Ok(Err(Error::WrongRevision { .. })) | Err(_) => return,
                Ok(Err(error)) => {
                    tracing::debug!(office = self.office, %error, "leadership not renewed yet");
                    if Instant::now() >= self.sure_until {
                        return;
                    }
                }
            }
        }
    }
}
