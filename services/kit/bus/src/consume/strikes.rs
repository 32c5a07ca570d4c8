//! Poison: messages that end whoever touches them, told from messages whose handler asks for more time.
//!
//! A bus counts deliveries, and a timer or a full namespace takes thousands of them. What it cannot say is how a delivery ended, so
//! from some deliveries on a strike is written down before the message is touched, and wiped out by any verdict.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use crate::{Error, Kv, SharedBus, streams};

/// Deliveries before anybody asks how the last ones ended: nearly every message needs fewer, and costs nothing here.
const UNSUSPECTED: u32 = 50;
/// Deliveries in a row without a verdict after which a message counts as poison. A process that dies of something else strikes what
/// it has in hand too; fifty restarts are hours of `CrashLoopBackOff`, after which a person looks anyway.
const MOST: u32 = 50;
/// Strikes that nobody adds to are forgotten.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// The strikes of one consumer.
pub(super) struct Strikes {
    bucket: Arc<dyn Kv>,
    durable: String,
}

impl Strikes {
    pub(super) async fn open(bus: &SharedBus, durable: &str) -> Result<Self, Error> {
        Ok(Self {
            bucket: bus.kv(streams::STRIKES, Some(KEPT)).await?,
            durable: durable.to_owned(),
        })
    }

    /// Writes down that the message is touched; says why it must not be.
    pub(super) async fn strike(&self, seq: u64, attempt: u32) -> Result<Option<String>, Error> {
        if attempt <= UNSUSPECTED {
            return Ok(None);
        }
        let key = self.key(seq);
        let before = self.bucket.get(&key).await?.and_then(|entry| entry.value);
        let before: u32 = before.and_then(|value| std::str::from_utf8(&value).ok()?.parse().ok()).unwrap_or(0);
        if before >= MOST {
            return Ok(Some(format!(
                "given up: its last {before} deliveries ended in a panic or with the process, {attempt} deliveries in all"
            )));
        }
        self.bucket.put(&key, Bytes::from((before + 1).to_string())).await?;
        Ok(None)
    }

    /// The handler came to a verdict, whichever.
    pub(super) async fn forgive(&self, seq: u64, attempt: u32) -> Result<(), Error> {
        if attempt <= UNSUSPECTED {
            return Ok(());
        }
        self.bucket.delete(&self.key(seq), None).await
    }

    fn key(&self, seq: u64) -> String {
        format!("{}/{seq}", self.durable)
    }
}
