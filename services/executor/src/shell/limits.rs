//! The ledgers of who is changing what, shared by every executor of the bus.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use paramedic_bus::{Error, Kv, SharedBus, streams};
use paramedic_domain::{change::Change, id::ClusterId};

use crate::core::limits::{Full, Ledger, Limits};

/// The ledgers.
#[derive(Clone)]
pub(crate) struct Ledgers {
    bucket: Arc<dyn Kv>,
    cluster: Limits,
    namespace: Limits,
}

/// A scope that is full.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) scope: String,
    pub(crate) why: Full,
}

impl Ledgers {
    pub(crate) async fn open(bus: &SharedBus, cluster: Limits, namespace: Limits) -> Result<Self, Error> {
        Ok(Self {
            bucket: bus.kv(streams::LIMITS, None).await?,
            cluster,
            namespace,
        })
    }

    /// Enters a step in every scope that its change touches. A scope that is full lets go of those entered before.
    pub(crate) async fn enter(
        &self,
        cluster: &ClusterId,
        change: &Change,
        holder: &str,
        now: Timestamp,
    ) -> Result<Result<(), Refusal>, Error> {
        let scopes = self.scopes(cluster, change);
        for (index, (key, limits)) in scopes.iter().enumerate() {
            let entered = self.edit(key, |ledger| (ledger.enter(holder, *limits, now), true)).await?;
            if let Err(why) = entered {
                for (key, _) in &scopes[..index] {
                    self.edit(key, |ledger| ((), ledger.leave(holder))).await?;
                }
                return Ok(Err(Refusal {
                    scope: key.replace('/', " "),
                    why,
                }));
            }
        }
        Ok(Ok(()))
    }

    /// The step is not at work any more.
    pub(crate) async fn leave(&self, cluster: &ClusterId, change: &Change, holder: &str) -> Result<(), Error> {
        for (key, _) in self.scopes(cluster, change) {
            self.edit(&key, |ledger| ((), ledger.leave(holder))).await?;
        }
        Ok(())
    }

    /// No step of the workflow is at work any more.
    pub(crate) async fn leave_all(&self, cluster: &ClusterId, changes: impl Iterator<Item = &Change>, plan: &str) -> Result<(), Error> {
        let mut keys: Vec<String> = changes
            .flat_map(|change| self.scopes(cluster, change))
            .map(|(key, _)| key)
            .collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            self.edit(&key, |ledger| ((), ledger.leave_all(plan))).await?;
        }
        Ok(())
    }

    /// The cluster and every namespace that the change touches; nothing for what leaves no effect.
    fn scopes(&self, cluster: &ClusterId, change: &Change) -> Vec<(String, Limits)> {
        if !change.mutates() {
            return Vec::new();
        }
        let mut namespaces: Vec<&str> = change
            .lease_targets()
            .into_iter()
            .filter_map(|target| target.namespace.as_deref())
            .collect();
        namespaces.sort_unstable();
        namespaces.dedup();
        let namespaces = namespaces
            .into_iter()
            .map(|namespace| (format!("{cluster}/namespace/{namespace}"), self.namespace));
        std::iter::once((format!("{cluster}/cluster"), self.cluster))
            .chain(namespaces)
            .collect()
    }

    /// Changes one ledger by compare-and-set; `edit` says what it found and whether anything is to be written.
    async fn edit<T>(&self, key: &str, mut edit: impl FnMut(&mut Ledger) -> (T, bool)) -> Result<T, Error> {
        loop {
            let entry = self.bucket.get(key).await?;
            let mut ledger: Ledger = entry
                .as_ref()
                .and_then(|entry| serde_json::from_slice(entry.value.as_ref()?).ok())
                .unwrap_or_default();
            let before = ledger.clone();
            let (found, changed) = edit(&mut ledger);
            if !changed || ledger == before {
                return Ok(found);
            }
            let bytes = Bytes::from(serde_json::to_vec(&ledger).map_err(|error| Error::Invalid(error.to_string()))?);
            let written = match entry {
                Some(entry) => self.bucket.update(key, bytes, entry.revision).await,
                None => self.bucket.create(key, bytes).await,
            };
            match written {
                Ok(_) => return Ok(found),
                Err(Error::WrongRevision { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
}
