//! Where alerts and alert groups were last put: the `alerts` bucket. It is an index; the logs are the truth.

use std::sync::Arc;

use bytes::Bytes;
use paramedic_bus::{Entry, Error, Kv, SharedBus, streams};
use paramedic_domain::{
    alert::Alert,
    id::{ClusterId, IncidentId},
};
use sha2::{Digest, Sha256};

/// The index.
pub(crate) struct Groups(Arc<dyn Kv>);

/// An incident that the index names, with the revision that named it.
pub(crate) struct Remembered {
    pub(crate) incident: IncidentId,
    revision: u64,
}

impl Groups {
    pub(crate) async fn open(bus: &SharedBus) -> Result<Self, Error> {
        Ok(Self(bus.kv(streams::ALERT_GROUPS, None).await?))
    }

    /// The incident that this very alert was last put into.
    pub(crate) async fn of_alert(&self, cluster: &ClusterId, alert: &Alert) -> Result<Option<Remembered>, Error> {
        Ok(self.0.get(&alert_key(cluster, alert)).await?.and_then(remembered))
    }

    /// The incident that the alert's group was last put into.
    pub(crate) async fn of_group(&self, cluster: &ClusterId, alert: &Alert) -> Result<Option<Remembered>, Error> {
        Ok(self.0.get(&group_key(cluster, alert)).await?.and_then(remembered))
    }

    /// Remembers where the alert is.
    pub(crate) async fn put_alert(&self, cluster: &ClusterId, alert: &Alert, incident: &IncidentId) -> Result<(), Error> {
        self.0.put(&alert_key(cluster, alert), value(incident)).await.map(|_| ())
    }

    /// Makes `incident` the group's, if nobody else gave it another one since `before` was read.
    ///
    /// This is what keeps competing replicas from opening two incidents for one group.
    pub(crate) async fn claim_group(
        &self,
        cluster: &ClusterId,
        alert: &Alert,
        incident: &IncidentId,
        before: Option<&Remembered>,
    ) -> Result<bool, Error> {
        let key = group_key(cluster, alert);
        let written = match before {
            Some(before) => self.0.update(&key, value(incident), before.revision).await,
            None => self.0.create(&key, value(incident)).await,
        };
        match written {
            Ok(_) => Ok(true),
            Err(Error::WrongRevision { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn value(incident: &IncidentId) -> Bytes {
    Bytes::copy_from_slice(incident.as_str().as_bytes())
}

/// An entry that names no incident counts as none: the claim then overwrites nothing and the message stays visible.
fn remembered(entry: Entry) -> Option<Remembered> {
    let incident = std::str::from_utf8(&entry.value?).ok()?.parse().ok()?;
    Some(Remembered {
        incident,
        revision: entry.revision,
    })
}

fn alert_key(cluster: &ClusterId, alert: &Alert) -> String {
    format!("alert/{cluster}/{}", alert.fingerprint)
}

/// Group keys hold any character; their digests do not.
fn group_key(cluster: &ClusterId, alert: &Alert) -> String {
    let digest = Sha256::digest(alert.group_key.as_bytes());
    format!("group/{cluster}/{}", hex::encode(&digest[..16]))
}
