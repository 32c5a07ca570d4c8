//! The ledgers of who is changing what, shared by every executor of the bus.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use jiff::Timestamp;
use paramedic_bus::{Error, Kv, SharedBus, streams};
use paramedic_domain::{
    change::Change,
    id::{ClusterId, PlanId, StepId, WorkerId},
};

use crate::core::limits::{Full, Ledger, Limits};

/// The ledgers.
#[derive(Clone)]
pub(crate) struct Ledgers {
    bucket: Arc<dyn Kv>,
    cluster: Limits,
    namespace: Limits,
}

/// A step and who has it in hand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed<'a> {
    pub(crate) plan: &'a PlanId,
    pub(crate) step: &'a StepId,
    pub(crate) change: &'a Change,
    pub(crate) worker: &'a WorkerId,
}

impl Placed<'_> {
    /// The name under which the step counts.
    fn holder(&self) -> String {
        format!("{}/{}", self.plan, self.step)
    }
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

    /// Makes a place for a step in every scope that its change touches. A scope that is full gives back those made before.
    /// Of the other steps of its workflow only those `kept` still have theirs.
    pub(crate) async fn enter(
        &self,
        cluster: &ClusterId,
        step: Placed<'_>,
        kept: &BTreeSet<StepId>,
        now: Timestamp,
    ) -> Result<Result<(), Refusal>, Error> {
        let enter = |ledger: &mut Ledger, limits| {
            ledger.tidy(step.plan.as_str(), kept);
            ledger.enter(&step.holder(), step.worker, limits, now)
        };
        self.make(cluster, step, enter).await
    }

    /// Makes sure right before a change that its step has its place everywhere and that it is this worker's. `kept` as above.
    pub(crate) async fn own(
        &self,
        cluster: &ClusterId,
        step: Placed<'_>,
        kept: &BTreeSet<StepId>,
        now: Timestamp,
    ) -> Result<Result<(), Refusal>, Error> {
        let own = |ledger: &mut Ledger, limits| {
            ledger.tidy(step.plan.as_str(), kept);
            ledger.own(&step.holder(), step.worker, limits, now)
        };
        self.make(cluster, step, own).await
    }

    async fn make(
        &self,
        cluster: &ClusterId,
        step: Placed<'_>,
        make: impl Fn(&mut Ledger, Limits) -> Result<(), Full>,
    ) -> Result<Result<(), Refusal>, Error> {
        let scopes = self.scopes(cluster, step.change);
        for (index, (key, limits)) in scopes.iter().enumerate() {
            let made = self.edit(key, |ledger| (make(ledger, *limits), true)).await?;
            if let Err(why) = made {
                for (key, _) in &scopes[..index] {
                    self.edit(key, |ledger| ((), ledger.leave(&step.holder(), step.worker))).await?;
                }
                return Ok(Err(Refusal {
                    scope: key.replace('/', " "),
                    why,
                }));
            }
        }
        Ok(Ok(()))
    }

    /// The step is not at work any more, as far as this worker knows.
    pub(crate) async fn leave(&self, cluster: &ClusterId, step: Placed<'_>) -> Result<(), Error> {
        for (key, _) in self.scopes(cluster, step.change) {
            self.edit(&key, |ledger| ((), ledger.leave(&step.holder(), step.worker))).await?;
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
            let mut ledger = read(key, entry.as_ref().and_then(|entry| entry.value.as_ref()))?;
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

/// The ledger as it is stored. One that cannot be read is no empty one: nothing begins until a person has looked.
fn read(key: &str, stored: Option<&Bytes>) -> Result<Ledger, Error> {
    let Some(stored) = stored else { return Ok(Ledger::default()) };
    serde_json::from_slice(stored).map_err(|error| {
        let bucket = streams::LIMITS;
        tracing::error!(bucket, key, %error, "a ledger of changes cannot be read: no step begins in its scope");
        Error::Unavailable(format!(
            "the ledger {key} in bucket {bucket} cannot be read ({error}): delete the key once no step changes anything in that scope, \
             and the hour is counted anew"
        ))
    })
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use paramedic_bus::MAX_VALUE_BYTES;

    use super::*;
    use crate::core::limits::{MOST_AT_ONCE, MOST_PER_HOUR};

    #[test]
    fn the_fullest_ledger_with_the_longest_names_fits_into_a_value_of_the_bus() {
        let limits = Limits {
            at_once: MOST_AT_ONCE,
            per_hour: Some(MOST_PER_HOUR),
        };
        let worker: WorkerId = "w".repeat(63).parse().unwrap();
        let plan: PlanId = format!("plan_{}", "p".repeat(59)).parse().unwrap();
        let now = Timestamp::from_second(1_700_000_000).unwrap() + SignedDuration::from_nanos(123_456_789);
        let holder = |number: usize| {
            let step: StepId = format!("{number:0>63}").parse().unwrap();
            format!("{plan}/{step}")
        };
        let mut ledger = Ledger::default();
        for number in 0..MOST_PER_HOUR {
            if let Some(left) = number.checked_sub(MOST_AT_ONCE) {
                assert!(ledger.leave(&holder(left), &worker));
            }
            ledger.enter(&holder(number), &worker, limits, now).unwrap();
        }
        let over = ledger.enter(&holder(MOST_PER_HOUR), &worker, limits, now);
        assert!(over.is_err(), "it is not full");
        let bytes = serde_json::to_vec(&ledger).unwrap().len();
        assert!(bytes <= MAX_VALUE_BYTES && bytes > MAX_VALUE_BYTES / 2, "{bytes} bytes");
    }

    #[test]
    fn a_ledger_that_cannot_be_read_is_not_an_empty_one() {
        let whole = serde_json::to_vec(&Ledger::default()).unwrap();
        assert!(read("test/cluster", Some(&Bytes::from(whole.clone()))).is_ok());
        let damaged = Bytes::from(whole[..whole.len() - 1].to_vec());
        let Err(Error::Unavailable(said)) = read("test/cluster", Some(&damaged)) else {
            panic!()
        };
        assert!(said.contains("test/cluster") && said.contains("delete the key"), "{said}");
    }
}
