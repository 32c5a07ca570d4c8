//! The kill switch: while it is thrown, no change of any cluster of this installation is begun, and none is undone.
//!
//! Its state is one value on the bus, so it outlives every process. Who is about to change something reads it right before, so it works from
//! the next request on; nobody has to hear of it in time.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Error, Kv, SharedBus, streams};

/// The one key of the bucket.
const KEY: &str = "mutations";

/// The switch of an installation.
#[derive(Clone)]
pub struct KillSwitch {
    bucket: Arc<dyn Kv>,
}

/// Where the switch stands, and who moved it last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Nothing is changed.
    pub thrown: bool,
    /// Verified identity of who moved it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl KillSwitch {
    /// The switch on this bus.
    ///
    /// # Errors
    /// When the bus is unavailable.
    pub async fn open(bus: &SharedBus) -> Result<Self, Error> {
        Ok(Self {
            bucket: bus.kv(streams::SWITCHES, None).await?,
        })
    }

    /// Where it stands; `None`: nobody has ever moved it.
    ///
    /// A value that cannot be read counts as thrown.
    ///
    /// # Errors
    /// When the bus is unavailable: nobody knows, so nothing may be changed.
    pub async fn position(&self) -> Result<Option<Position>, Error> {
        let entry = self.bucket.get(KEY).await?;
        let Some(value) = entry.and_then(|entry| entry.value) else {
            return Ok(None);
        };
        Ok(Some(serde_json::from_slice(&value).unwrap_or_else(|error| Position {
            thrown: true,
            by: "nobody known".into(),
            reason: format!("the stored position cannot be read: {error}"),
            at: Timestamp::UNIX_EPOCH,
        })))
    }

    /// Moves it. The last word counts.
    ///
    /// # Errors
    /// When the bus is unavailable: then it was not moved.
    pub async fn set(&self, position: &Position) -> Result<(), Error> {
        let value = serde_json::to_vec(position).expect("a position holds only texts and a truth");
        self.bucket.put(KEY, Bytes::from(value)).await.map(|_| ())
    }
}
