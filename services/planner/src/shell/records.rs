//! The record in its key-value bucket.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use paramedic_bus::{Error, Kv, SharedBus, streams};
use paramedic_domain::{diagnosis::Category, id::ClusterId, object::ObjectRef};
use serde::{Serialize, de::DeserializeOwned};

use crate::core::{
    experience::Experience,
    history::{Durations, Fortunes, Lesson, Remediations},
};

/// The bucket.
#[derive(Clone)]
pub struct Records {
    bucket: Arc<dyn Kv>,
}

impl Records {
    /// Opens it.
    ///
    /// # Errors
    /// When the bus is unavailable.
    pub async fn open(bus: &SharedBus) -> Result<Self, Error> {
        Ok(Self {
            bucket: bus.kv(streams::OUTCOMES, None).await?,
        })
    }

    /// Adds what an event told. Adding it again changes nothing.
    ///
    /// # Errors
    /// When the bus is unavailable; what was written until then stays and is found again.
    pub async fn learn(&self, cluster: &ClusterId, lesson: &Lesson) -> Result<(), Error> {
        for (action, kind, sample) in &lesson.durations {
            let key = duration_key(cluster, action, kind);
            self.change(&key, |durations: &mut Durations| durations.add(sample.clone())).await?;
        }
        let Some((target, remediation)) = &lesson.remediation else {
            return Ok(());
        };
        if let Some(helped) = lesson.helped {
            for action in &remediation.actions {
                let key = success_key(cluster, remediation.category, action);
                self.change(&key, |fortunes: &mut Fortunes| fortunes.add(&lesson.event, helped))
                    .await?;
            }
        }
        let key = target_key(cluster, target);
        self.change(&key, |known: &mut Remediations| known.add(remediation.clone())).await
    }

    /// What is known of these actions on these kinds, and, for a cause, of its category and target.
    ///
    /// # Errors
    /// When the bus is unavailable.
    pub async fn experience(
        &self,
        cluster: &ClusterId,
        pairs: BTreeSet<(String, String)>,
        cause: Option<(Category, &ObjectRef)>,
    ) -> Result<Experience, Error> {
        let mut experience = Experience::default();
        for (action, kind) in pairs {
            if let Some((category, _)) = cause
                && !experience.successes.contains_key(&action)
            {
                let fortunes: Fortunes = self.read(&success_key(cluster, category, &action)).await?.0;
                experience.successes.insert(action.clone(), fortunes.success());
            }
            let durations: Durations = self.read(&duration_key(cluster, &action, &kind)).await?.0;
            if let Some(estimate) = durations.estimate() {
                experience.durations.insert((action, kind), estimate);
            }
        }
        if let Some((_, target)) = cause {
            let known: Remediations = self.read(&target_key(cluster, target)).await?.0;
            experience.remediations = known.list;
        }
        Ok(experience)
    }

    async fn read<T: DeserializeOwned + Default>(&self, key: &str) -> Result<(T, Option<u64>), Error> {
        let Some(entry) = self.bucket.get(key).await? else {
            return Ok((T::default(), None));
        };
        let value = entry.value.unwrap_or_default();
        let document = serde_json::from_slice(&value).unwrap_or_else(|error| {
            // the record is derived: an entry that cannot be read is begun anew, and no plan waits for it
            tracing::warn!(key, %error, "unreadable record; begun anew");
            T::default()
        });
        Ok((document, Some(entry.revision)))
    }

    /// Reads, changes and writes by compare-and-set until nobody was faster.
    async fn change<T>(&self, key: &str, change: impl Fn(&mut T) + Send + Sync) -> Result<(), Error>
    where
        T: Serialize + DeserializeOwned + Default + Clone + PartialEq + Send,
    {
        loop {
            let (before, revision) = self.read::<T>(key).await?;
            let mut after = before.clone();
            change(&mut after);
            if after == before {
                return Ok(());
            }
            let value = Bytes::from(serde_json::to_vec(&after).map_err(|error| Error::Invalid(error.to_string()))?);
            let written = match revision {
                Some(revision) => self.bucket.update(key, value, revision).await,
                None => self.bucket.create(key, value).await,
            };
            match written {
                Ok(_) => return Ok(()),
                Err(Error::WrongRevision { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn duration_key(cluster: &ClusterId, action: &str, kind: &str) -> String {
    format!("{cluster}/durations/{}/{}", token(action), token(kind))
}

fn success_key(cluster: &ClusterId, category: Category, action: &str) -> String {
    format!("{cluster}/success/{}/{}", word(&category), token(action))
}

fn target_key(cluster: &ClusterId, target: &ObjectRef) -> String {
    format!("targets/{}", target.lease_key(cluster))
}

/// A word as serde writes it.
pub(super) fn word(value: &impl Serialize) -> String {
    let json = serde_json::to_value(value).ok();
    json.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Only what a key may hold.
fn token(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.chars().map(|c| if fits(c) { c } else { '_' }).collect()
}
