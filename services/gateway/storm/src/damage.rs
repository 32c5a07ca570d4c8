//! What goes wrong between a condition and its alert: flapping, loss, labels that are not as they should be.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    chance::Chance,
    fingerprint::fingerprint,
    names::SAFE,
    plot::{Firing, MINUTE, Millis, SECOND},
};

/// Alerts that never leave Prometheus.
const LOST: f64 = 0.05;
/// Label sets with something missing or outdated.
const WRONG: f64 = 0.02;
/// Alerts that come and go, of those whose rule waits five minutes at most.
const FLAPPING: f64 = 0.08;
/// Mean seconds that such an alert fires, and pauses.
const FIRES_SECONDS: f64 = 300.0;
const PAUSES_SECONDS: f64 = 150.0;

/// A firing with its identity.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub firing: Firing,
    pub fingerprint: String,
    /// Never leaves Prometheus.
    pub lost: bool,
}

/// What becomes of the firings: one alert per label set at a time, in the order of their starts.
pub(crate) fn suffer(firings: Vec<Firing>, chance: &mut Chance) -> Vec<Told> {
    let mut firings = merged(firings);
    spoil(&mut firings, chance);
    let mut flapping = Vec::new();
    for firing in firings {
        // What has fired for days does not flap; Watchdog never does.
        if firing.rule.for_seconds <= 300 && firing.starts_at >= 0 && chance.hit(FLAPPING) {
            flap(firing, &mut flapping, chance);
        } else {
            flapping.push(firing);
        }
    }
    merged(flapping)
        .into_iter()
        .map(|firing| Told {
            fingerprint: fingerprint(&firing.labels),
            lost: chance.hit(LOST),
            firing,
        })
        .collect()
}

/// A label set that fires already does not fire again: the alert belongs to what made it fire first, and lasts as long as any cause.
pub(crate) fn merged(mut firings: Vec<Firing>) -> Vec<Firing> {
    firings.sort_by(|one, other| (one.starts_at, &one.labels).cmp(&(other.starts_at, &other.labels)));
    let mut kept: Vec<Firing> = Vec::new();
    let mut last: BTreeMap<BTreeMap<String, String>, usize> = BTreeMap::new();
    for firing in firings {
        match last.get(&firing.labels) {
            Some(index) if kept[*index].ends_at + SECOND >= firing.starts_at => {
                kept[*index].ends_at = kept[*index].ends_at.max(firing.ends_at);
            }
            _ => {
                last.insert(firing.labels.clone(), kept.len());
                kept.push(firing);
            }
        }
    }
    kept
}

/// A namespace that was dropped by a relabelling, or a pod that was replaced before anybody could look.
fn spoil(firings: &mut [Firing], chance: &mut Chance) {
    let mut known: BTreeSet<_> = firings.iter().map(|firing| firing.labels.clone()).collect();
    for firing in firings {
        if !chance.hit(WRONG) {
            continue;
        }
        let mut labels = firing.labels.clone();
        let gone = labels
            .get("pod")
            .and_then(|pod| pod.rsplit_once('-'))
            .map(|(stem, _)| stem.to_owned());
        match gone {
            Some(stem) if chance.hit(0.5) => {
                labels.insert("pod".to_owned(), format!("{stem}-{}", chance.letters(SAFE, 5)));
            }
            _ => {
                labels.remove("namespace");
            }
        }
        if known.insert(labels.clone()) {
            firing.labels = labels;
        }
    }
}

/// Two states, each left after an exponential time; what fires again waits for its `for` again.
fn flap(firing: Firing, into: &mut Vec<Firing>, chance: &mut Chance) {
    let mut starts_at = firing.starts_at;
    loop {
        let ends_at = (starts_at + MINUTE + chance.exponential(FIRES_SECONDS)).min(firing.ends_at);
        into.push(Firing {
            starts_at,
            ends_at,
            ..firing.clone()
        });
        let pause: Millis = 30 * SECOND + chance.exponential(PAUSES_SECONDS);
        starts_at = ends_at + pause + i64::from(firing.rule.for_seconds) * SECOND;
        if starts_at + MINUTE >= firing.ends_at {
            return;
        }
    }
}
