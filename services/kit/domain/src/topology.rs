//! That a cluster was looked at: what there is and what depends on what is a blob, this is where to find it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// A snapshot of what there is in a cluster: from here on alerts are read by it. One message of the `ALERTS` stream, so that a replay
/// finds each alert with the snapshot that it was first read by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopologyTaken {
    /// When the cluster was read.
    pub taken_at: Timestamp,
    /// Digest of the content, before it is compressed: equal digests are equal topologies.
    pub digest: Digest,
    /// Name of the blob in the bucket `artifacts`.
    pub artifact: String,
    /// How many things there are.
    pub entities: u32,
    /// How many dependencies.
    pub edges: u32,
}
