//! The life of alerts: inactive, pending, firing, resolved.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::template::fill;
use crate::{scenario::AlertRule, telemetry::series::Labels, world::obj};

/// One alert of one rule.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Alert {
    pub(super) labels: Labels,
    pub(super) annotations: BTreeMap<String, String>,
    /// Value of the expression when it last matched.
    pub(super) value: f64,
    /// When the expression began to match.
    pub(super) since: Timestamp,
    /// When it last matched.
    pub(super) seen: Timestamp,
    pub(super) fired: Option<Timestamp>,
    pub(super) resolved: Option<Timestamp>,
}

/// All alerts, by rule and labels.
#[derive(Debug, Default)]
pub(super) struct Alerts {
    all: BTreeMap<(usize, Labels), Alert>,
}

impl Alerts {
    /// Takes in what the expression of rule number `index` matches at `now`.
    // inactive => pending => firing => resolved
    pub(super) fn update(&mut self, index: usize, rule: &AlertRule, matches: &[(Labels, f64)], now: Timestamp) {
        let mut present = BTreeSet::new();
        for (found, value) in matches {
            let labels = labels(rule, found, *value);
            let key = (index, labels.clone());
            present.insert(key.clone());
            let fresh = || Alert {
                labels,
                annotations: BTreeMap::new(),
                value: *value,
                since: now,
                seen: now,
                fired: None,
                resolved: None,
            };
            let alert = self.all.entry(key).or_insert_with(fresh);
            if alert.resolved.take().is_some() {
                alert.since = now;
                alert.fired = None;
            }
            alert.seen = now;
            alert.value = *value;
            alert.annotations = rule
                .annotations
                .iter()
                .map(|(key, text)| (key.clone(), fill(text, found, *value)))
                .collect();
            if alert.fired.is_none() && obj::after(alert.since, rule.hold.0) <= now {
                alert.fired = Some(now);
            }
        }
        self.all.retain(|key, alert| {
            if key.0 != index || present.contains(key) {
                return true;
            }
            if alert.fired.is_none() {
                return false;
            }
            if alert.resolved.is_none() && obj::after(alert.seen, rule.keep_firing_for.0) <= now {
                alert.resolved = Some(now);
            }
            true
        });
    }

    /// Alerts that fire or were resolved and not forgotten yet.
    pub(super) fn told(&self) -> impl Iterator<Item = &Alert> {
        self.all.values().filter(|alert| alert.fired.is_some())
    }

    /// Pending and firing alerts as the query API of Prometheus shows them.
    pub(super) fn shown(&self) -> Vec<Value> {
        let open = self.all.values().filter(|alert| alert.resolved.is_none());
        open.map(|alert| {
            json!({
                "labels": alert.labels.0,
                "annotations": alert.annotations,
                "state": if alert.fired.is_some() { "firing" } else { "pending" },
                "activeAt": alert.since.to_string(),
                "value": alert.value.to_string(),
            })
        })
        .collect()
    }

    /// Forgets resolved alerts once everybody was told.
    pub(super) fn forget(&mut self, told: &BTreeSet<Labels>) {
        self.all
            .retain(|_, alert| alert.resolved.is_none() || !told.contains(&alert.labels));
    }
}

fn labels(rule: &AlertRule, found: &Labels, value: f64) -> Labels {
    let mut labels = found.clone().without_name();
    for (key, text) in &rule.labels {
        labels = labels.with(key, &fill(text, found, value));
    }
    labels.with("alertname", &rule.alert)
}
