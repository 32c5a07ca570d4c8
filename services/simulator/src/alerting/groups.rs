//! Grouping as Alertmanager does it: one notification per group, a short wait for the first, an interval between the next.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::rules::Alert;
use crate::{telemetry::series::Labels, world::obj};

/// Simulated time a new group waits for more alerts.
const WAIT: Duration = Duration::from_secs(5);
/// Simulated time between two notifications of a group that changed.
const INTERVAL: Duration = Duration::from_secs(30);
/// Simulated time after which an unchanged group is told again.
const REPEAT: Duration = Duration::from_secs(4 * 3600);

/// What was told about a group, and when.
#[derive(Debug)]
struct Group {
    first: Timestamp,
    told: Option<Timestamp>,
    /// Alerts of the last notification and whether they fired.
    content: BTreeSet<(Labels, bool)>,
}

/// All groups.
#[derive(Debug)]
pub(super) struct Groups {
    /// Labels that make a group.
    by: Vec<String>,
    all: BTreeMap<Labels, Group>,
}

/// A notification that is due.
pub(super) struct Due {
    key: Labels,
    content: BTreeSet<(Labels, bool)>,
    pub(super) payload: Value,
}

impl Due {
    /// Labels of the resolved alerts in it.
    pub(super) fn resolved(&self) -> BTreeSet<Labels> {
        self.content
            .iter()
            .filter(|(_, firing)| !firing)
            .map(|(labels, _)| labels.clone())
            .collect()
    }
}

impl Groups {
    /// No groups yet; they are made by these labels.
    pub(super) fn by(labels: &[String]) -> Self {
        Self {
            by: labels.to_vec(),
            all: BTreeMap::new(),
        }
    }

    /// The notifications due at `now`; `source` is the address of the Prometheus in links.
    pub(super) fn due<'a>(&mut self, alerts: impl Iterator<Item = &'a Alert>, now: Timestamp, source: &str) -> Vec<Due> {
        let mut groups = BTreeMap::<Labels, Vec<&Alert>>::new();
        for alert in alerts {
            groups.entry(alert.labels.only(&self.by)).or_default().push(alert);
        }
        let mut due = Vec::new();
        for (key, members) in groups {
            let content: BTreeSet<_> = members.iter().map(|a| (a.labels.clone(), a.resolved.is_none())).collect();
            let group = self.all.entry(key.clone()).or_insert_with(|| Group {
                first: now,
                told: None,
                content: BTreeSet::new(),
            });
            let ready = match group.told {
                None => obj::after(group.first, WAIT) <= now,
                Some(told) if group.content != content => obj::after(told, INTERVAL) <= now,
                Some(told) => obj::after(told, REPEAT) <= now && members.iter().any(|a| a.resolved.is_none()),
            };
            if ready {
                due.push(Due {
                    payload: payload(&key, &members, source),
                    key,
                    content,
                });
            }
        }
        due
    }

    /// Notes that a notification arrived.
    pub(super) fn delivered(&mut self, due: Due, now: Timestamp) {
        if due.content.iter().all(|(_, firing)| !firing) {
            self.all.remove(&due.key);
        } else if let Some(group) = self.all.get_mut(&due.key) {
            group.told = Some(now);
            group.content = due.content.into_iter().filter(|(_, firing)| *firing).collect();
        }
    }

    /// A new receiver has to be told everything.
    pub(super) fn tell_again(&mut self) {
        for group in self.all.values_mut() {
            group.told = None;
        }
    }
}

fn payload(key: &Labels, members: &[&Alert], source: &str) -> Value {
    let firing = members.iter().any(|alert| alert.resolved.is_none());
    let alerts: Vec<Value> = members
        .iter()
        .map(|alert| {
            json!({
                "status": if alert.resolved.is_none() { "firing" } else { "resolved" },
                "labels": alert.labels.0,
                "annotations": alert.annotations,
                "startsAt": alert.fired.unwrap_or(alert.since).to_string(),
                "endsAt": alert.resolved.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |at| at.to_string()),
                "generatorURL": format!("{source}/graph"),
                "fingerprint": format!("{:016x}", alert.labels.fingerprint()),
            })
        })
        .collect();
    let group: Vec<String> = key.0.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    json!({
        "receiver": "paramedic",
        "status": if firing { "firing" } else { "resolved" },
        "alerts": alerts,
        "groupLabels": key.0,
        "commonLabels": common(members.iter().map(|alert| &alert.labels.0)),
        "commonAnnotations": common(members.iter().map(|alert| &alert.annotations)),
        "externalURL": "http://alertmanager.simulator.invalid",
        "version": "4",
        "groupKey": format!("{{}}:{{{}}}", group.join(", ")),
        "truncatedAlerts": 0,
    })
}

fn common<'a>(mut all: impl Iterator<Item = &'a BTreeMap<String, String>>) -> BTreeMap<String, String> {
    let Some(first) = all.next() else { return BTreeMap::new() };
    let mut common = first.clone();
    for map in all {
        common.retain(|key, value| map.get(key) == Some(value));
    }
    common
}
