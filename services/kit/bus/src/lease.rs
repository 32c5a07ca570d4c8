//! Leases: at most one workflow remediates a target (INV-07).

use std::sync::Arc;

use bytes::Bytes;

use crate::{Error, Kv, SharedBus, streams};

/// A lease in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    key: String,
    revision: u64,
}

/// Who holds a lease that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldBy(
    /// The holder.
    pub String,
);

/// The lease bucket. A lease belongs to a workflow, not to a process: any worker of the workflow may use it, and it
/// ends when the workflow does. It has no expiry, since a workflow that cannot end pages a person (INV-11).
#[derive(Clone)]
pub struct Leases {
    bucket: Arc<dyn Kv>,
}

impl Leases {
    /// Opens the bucket.
    ///
    /// # Errors
    /// When the bus is unavailable.
    pub async fn open(bus: &SharedBus) -> Result<Self, Error> {
        Ok(Self {
            bucket: bus.kv(streams::LEASES, None).await?,
        })
    }

    /// Takes the lease for `holder`, or finds that it has it already.
    ///
    /// # Errors
    /// When the bus is unavailable. That another holds it is an answer, not an error.
    pub async fn acquire(&self, key: &str, holder: &str) -> Result<Result<Lease, HeldBy>, Error> {
        loop {
            match self.bucket.create(key, Bytes::copy_from_slice(holder.as_bytes())).await {
                Ok(revision) => {
                    return Ok(Ok(Lease {
                        key: key.to_owned(),
                        revision,
                    }));
                }
                Err(Error::WrongRevision { .. }) => {}
                Err(error) => return Err(error),
            }
            match self.holder(key).await? {
                Some((current, revision)) if current == holder => {
                    return Ok(Ok(Lease {
                        key: key.to_owned(),
                        revision,
                    }));
                }
                Some((current, _)) => return Ok(Err(HeldBy(current))),
                // Released in between: try again.
                None => {}
            }
        }
    }

    /// Whether the lease is still the one that was taken.
    ///
    /// # Errors
    /// When the bus is unavailable.
    pub async fn still_held(&self, lease: &Lease) -> Result<bool, Error> {
        Ok(self
            .bucket
            .get(&lease.key)
            .await?
            .is_some_and(|entry| entry.revision == lease.revision))
    }

    /// Gives the lease back if `holder` has it.
    ///
    /// # Errors
    /// When the bus is unavailable.
    pub async fn release(&self, key: &str, holder: &str) -> Result<(), Error> {
        match self.holder(key).await? {
            Some((current, revision)) if current == holder => match self.bucket.delete(key, Some(revision)).await {
                Ok(()) | Err(Error::WrongRevision { .. }) => Ok(()),
                Err(error) => Err(error),
            },
            _ => Ok(()),
        }
    }

    async fn holder(&self, key: &str) -> Result<Option<(String, u64)>, Error> {
        let entry = self.bucket.get(key).await?;
        Ok(entry.and_then(|entry| Some((String::from_utf8_lossy(&entry.value?).into_owned(), entry.revision))))
    }
}
