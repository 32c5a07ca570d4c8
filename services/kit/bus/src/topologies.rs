//! What there is in a cluster, as it was announced: a small message in the stream of alerts, its content a blob.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
use paramedic_domain::{id::ClusterId, subject::Subject, topology::TopologyTaken};

use crate::{Append, Blobs, Error, Expect, SharedBus, Start, Stored, streams};

/// Whoever watches a cluster says at least this often what its topology is, changed or not: whoever reads the stream from some hours ago
/// on meets one soon.
pub const RESTATED: Duration = Duration::from_secs(60 * 60);

/// The topologies of clusters.
#[derive(Clone)]
pub struct Topologies {
    bus: SharedBus,
    blobs: Arc<dyn Blobs>,
}

/// A topology as it stands in the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// Sequence in the stream of alerts.
    pub seq: u64,
    /// When the bus stored it.
    pub at: Timestamp,
    /// What it says.
    pub taken: TopologyTaken,
}

impl Topologies {
    /// Opens the bucket of their contents.
    ///
    /// # Errors
    /// When the bus is unavailable.
    pub async fn open(bus: &SharedBus) -> Result<Self, Error> {
        Ok(Self {
            bus: bus.clone(),
            blobs: bus.blobs(streams::ARTIFACTS).await?,
        })
    }

    /// What was announced last of a cluster.
    ///
    /// # Errors
    /// When the bus is unavailable, or the message is none that this version reads.
    pub async fn last(&self, cluster: &ClusterId, now: Timestamp) -> Result<Option<Announced>, Error> {
        let subject = subject(cluster);
        // Mostly one of the last hours is there; only where nobody watched for long all of them are read.
        let recent = now.checked_sub(2 * RESTATED).map_or(Start::Beginning, Start::Time);
        for start in [recent, Start::Beginning] {
            if let Some(stored) = self.bus.replay(streams::ALERTS, &subject, start).await?.last() {
                return announced(stored).map(Some);
            }
        }
        Ok(None)
    }

    /// The content of a topology, as it was stored; `None` when it is no longer kept.
    ///
    /// # Errors
    /// When the bus is unavailable.
    pub async fn content(&self, taken: &TopologyTaken) -> Result<Option<Bytes>, Error> {
        self.blobs.get(&taken.artifact).await
    }

    /// Stores the content, then announces it as what follows the message `after` (0: it is the first).
    ///
    /// # Errors
    /// [`Error::Conflict`] when somebody else announced one since; when the bus is unavailable. Then it may have been stored.
    pub async fn announce(&self, cluster: &ClusterId, taken: &TopologyTaken, content: Bytes, after: u64) -> Result<u64, Error> {
        self.blobs.put(&taken.artifact, content).await?;
        self.state(cluster, taken, after).await
    }

    /// Announces again what is stored already.
    ///
    /// # Errors
    /// As [`Topologies::announce`].
    pub async fn state(&self, cluster: &ClusterId, taken: &TopologyTaken, after: u64) -> Result<u64, Error> {
        let subject = subject(cluster);
        let message = Append {
            // No message id: to come back to an earlier topology within the duplicate window is news. The expectation keeps it from
            // being stored twice.
            expect: Some(Expect {
                filter: subject.clone(),
                last: after,
            }),
            subject,
            payload: paramedic_wire::encode_topology(taken),
            ..Append::default()
        };
        Ok(self.bus.append(streams::ALERTS, message).await?.seq)
    }
}

fn subject(cluster: &ClusterId) -> String {
    Subject::Topology { cluster: cluster.clone() }.to_string()
}

fn announced(stored: &Stored) -> Result<Announced, Error> {
    let taken = paramedic_wire::decode_topology(&stored.payload)
        .map_err(|invalid| Error::Invalid(format!("message {} of {}: {invalid}", stored.seq, stored.subject)))?;
    Ok(Announced {
        seq: stored.seq,
        at: stored.time,
        taken,
    })
}
