//! What models were paid, on the bus: every replica counts into the same purse, and a restart forgets nothing.
//!
//! A turn's worst case is set aside before the turn and what it did not use is put back after it; whoever dies in between leaves the
//! worst case counted.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::{Timestamp, tz::TimeZone};
use paramedic_bus::{Error, Kv, SharedBus, streams};
use paramedic_domain::id::{ClusterId, IncidentId};

use super::Failure;
use crate::{
    config,
    core::model::budget::{Exhausted, Purse, millionths},
};

/// An incident that nobody asked about for so long is forgotten, as are days.
const KEPT: Duration = Duration::from_secs(14 * 86_400);
/// Tries to count when other replicas count at the same time.
const TRIES: usize = 20;

/// The ledger of one cluster.
pub(super) struct Ledger {
    bus: SharedBus,
    cluster: ClusterId,
    most_by_incident: u64,
    most_by_day: u64,
}

/// The account of one asking.
pub(super) struct Account {
    bucket: Arc<dyn Kv>,
    /// Key and bound of the incident, if there is one.
    incident: Option<(String, u64)>,
    day: (String, u64),
}

impl Ledger {
    pub(super) fn new(bus: SharedBus, cluster: ClusterId, config: &config::Model) -> Self {
        Self {
            bus,
            cluster,
            most_by_incident: millionths(config.incident_money),
            most_by_day: millionths(config.day_money),
        }
    }

    /// The account of an incident today. Without an incident only the day is counted.
    pub(super) async fn account(&self, incident: Option<&IncidentId>, now: Timestamp) -> Result<Account, Failure> {
        let bucket = self.bus.kv(streams::SPENDING, Some(KEPT)).await.map_err(uncountable)?;
        let day = now.to_zoned(TimeZone::UTC).date();
        Ok(Account {
            bucket,
            incident: incident.map(|id| (format!("{}/incident/{id}", self.cluster), self.most_by_incident)),
            day: (format!("{}/day/{day}", self.cluster), self.most_by_day),
        })
    }
}

impl Account {
    /// What is left.
    pub(super) async fn purse(&self, most_by_incident: u64) -> Result<Purse, Failure> {
        let left = async |(key, most): &(String, u64)| Ok::<u64, Failure>(most.saturating_sub(self.spent(key).await?.0));
        Ok(Purse {
            incident: match &self.incident {
                Some(incident) => left(incident).await?,
                None => most_by_incident,
            },
            day: left(&self.day).await?,
        })
    }

    /// Sets an amount aside, if it is still there.
    pub(super) async fn reserve(&self, amount: u64) -> Result<(), Failure> {
        let (day, most) = &self.day;
        if !self
            .change(day, |spent| spent.checked_add(amount).filter(|spent| spent <= most))
            .await?
        {
            return Err(Exhausted::DayMoney.into());
        }
        if let Some((incident, most)) = &self.incident
            && !self
                .change(incident, |spent| spent.checked_add(amount).filter(|spent| spent <= most))
                .await?
        {
            self.put_back_into(day, amount).await?;
            return Err(Exhausted::IncidentMoney.into());
        }
        Ok(())
    }

    /// Puts back what was set aside and not used.
    pub(super) async fn put_back(&self, amount: u64) -> Result<(), Failure> {
        self.put_back_into(&self.day.0, amount).await?;
        match &self.incident {
            Some((incident, _)) => self.put_back_into(incident, amount).await,
            None => Ok(()),
        }
    }

    /// Counts what was used beyond what was set aside.
    pub(super) async fn add(&self, amount: u64) -> Result<(), Failure> {
        for (key, _) in std::iter::once(&self.day).chain(&self.incident) {
            self.change(key, |spent| Some(spent.saturating_add(amount))).await?;
        }
        Ok(())
    }

    async fn put_back_into(&self, key: &str, amount: u64) -> Result<(), Failure> {
        self.change(key, |spent| Some(spent.saturating_sub(amount))).await.map(|_| ())
    }

    async fn spent(&self, key: &str) -> Result<(u64, Option<u64>), Failure> {
        let Some(entry) = self.bucket.get(key).await.map_err(uncountable)? else {
            return Ok((0, None));
        };
        let text = entry.value.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        let unread = || Failure::Ledger(format!("{text:?} under {key} is no number; delete the key"));
        Ok((text.parse().map_err(|_| unread())?, Some(entry.revision)))
    }

    /// Replaces an amount by another one; false if there is no other one.
    async fn change(&self, key: &str, to: impl Fn(u64) -> Option<u64>) -> Result<bool, Failure> {
        for _ in 0..TRIES {
            let (spent, revision) = self.spent(key).await?;
            let Some(new) = to(spent) else { return Ok(false) };
            let value = Bytes::from(new.to_string());
            let written = match revision {
                Some(revision) => self.bucket.update(key, value, revision).await,
                None => self.bucket.create(key, value).await,
            };
            match written {
                Ok(_) => return Ok(true),
                Err(Error::WrongRevision { .. }) => {}
                Err(error) => return Err(uncountable(error)),
            }
        }
        Err(Failure::Ledger(format!("{key} changed {TRIES} times while it was counted")))
    }
}

fn uncountable(error: Error) -> Failure {
    Failure::Ledger(error.to_string())
}
