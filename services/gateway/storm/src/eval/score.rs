//! The figures of one replayed storm.

use std::collections::{BTreeMap, BTreeSet};

use paramedic_correlation::topology::Entity;
use serde::Serialize;

use super::{
    invariance::Invariance,
    replay::{Replay, holder, is_root, owners},
};
use crate::{
    format::Storm,
    group::{AlertKey, RAISED},
    measure::{Agreement, Table, percentile, strict},
};

/// Share of a group that must belong to an incident, and of an incident that must be in the group, for it to count as found.
const PURITY: f64 = 0.8;
const COVERAGE: f64 = 0.8;
/// Ranks are looked for so far down.
const DEEPEST: usize = 10;
/// Incidents of so many alerts are storms of their own.
const STORM: usize = 50;

/// How one storm went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// Where the storm comes from.
    pub set: String,
    /// Its seed.
    pub seed: Option<u64>,
    /// Services of the estate.
    pub services: usize,
    /// Alerts that arrived; one that fires again counts again.
    pub alerts: usize,
    /// Groups and alerts outside of groups.
    pub groups: usize,
    /// Groups that a person would hear of.
    pub raised: usize,
    /// Over all pairs of alerts.
    pub pairwise: Agreement,
    /// Per alert.
    pub b_cubed: Agreement,
    /// Normalised mutual information.
    pub nmi: f64,
    /// Share of the noise that is in a group with alerts of an incident; `None` without noise.
    pub noise_merged: Option<f64>,
    /// ITBench's score of the causes of all raised groups.
    pub strict: f64,
    /// Changes of group per alert.
    pub churn: f64,
    /// 99th percentile of the microseconds per alert.
    pub p99_micros: f64,
    /// What became of each incident.
    pub incidents: Vec<Found>,
    /// Whether the result depends on what it must not.
    pub invariance: Invariance,
}

/// What became of one incident.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// What it was.
    pub fault: String,
    /// Its alerts that arrived.
    pub alerts: usize,
    /// Groups over which they are spread.
    pub pieces: usize,
    /// Whether one group is that incident and little else.
    pub recalled: bool,
    /// Place of the root among the causes of the group that holds most of it, from 1.
    pub rank: Option<usize>,
    /// Alerts and seconds from its first alert until its root was on top for good.
    pub settled: Option<(usize, f64)>,
}

impl Found {
    /// How much fewer groups than alerts, of an incident that is large enough.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts of alerts")]
    pub fn reduction(&self) -> Option<f64> {
        (self.alerts >= STORM).then(|| 1.0 - self.pieces as f64 / self.alerts as f64)
    }
}

/// Puts the figures together.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of alerts")]
pub fn score(storm: &Storm, replayed: &Replay, invariance: Invariance) -> Score {
    let owner = owners(storm);
    let place: BTreeMap<&AlertKey, usize> = replayed
        .groups
        .iter()
        .enumerate()
        .flat_map(|(index, group)| group.members.iter().map(move |member| (member, index)))
        .collect();
    let table: Table = classes(storm, replayed, &place).into_iter().collect();
    let alone = replayed.observed.iter().filter(|alert| !place.contains_key(alert)).count();
    Score {
        set: storm.truth.set.clone(),
        seed: storm.truth.seed,
        services: storm.truth.services,
        alerts: replayed.observed.len(),
        groups: replayed.groups.iter().filter(|group| !group.members.is_empty()).count() + alone,
        raised: replayed.groups.iter().filter(|group| group.confidence >= RAISED).count(),
        pairwise: table.pairwise(),
        b_cubed: table.b_cubed(),
        nmi: table.nmi(),
        noise_merged: noise_merged(replayed, &owner, &place),
        strict: strict(storm.truth.incidents.len(), &named(storm, replayed)),
        churn: replayed.moves as f64 / replayed.observed.len().max(1) as f64,
        p99_micros: percentile(&replayed.micros, 0.99).unwrap_or(0.0),
        incidents: (0..storm.truth.incidents.len())
            .map(|index| found(storm, replayed, &owner, &place, index))
            .collect(),
        invariance,
    }
}

/// True and found class of each alert. Noise is a class of its own per label set and counts once, when it first fires; what one
/// maintenance makes fire is one class; what is in no group is a group of its own per label set.
fn classes(storm: &Storm, replayed: &Replay, place: &BTreeMap<&AlertKey, usize>) -> Vec<(usize, usize)> {
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let mut number = |name: String| {
        let next = numbers.len();
        *numbers.entry(name).or_insert(next)
    };
    let truths: BTreeMap<(&str, _), _> = storm
        .truth
        .alerts
        .iter()
        .map(|alert| ((alert.fingerprint.as_str(), alert.starts_at), alert))
        .collect();
    let mut noise = BTreeSet::new();
    let mut classes = Vec::new();
    for key in &replayed.observed {
        let truth = truths.get(&(key.0.as_str(), key.1));
        let name = match truth.map(|truth| (&truth.incident, &truth.window)) {
            Some((Some(incident), _)) => format!("incident {incident}"),
            Some((None, Some(window))) => format!("window {window}"),
            Some((None, None)) | None if noise.insert(&key.0) => format!("noise {}", key.0),
            Some((None, None)) | None => continue,
        };
        let found = place
            .get(key)
            .map_or_else(|| format!("alone {}", key.0), |group| format!("group {group}"));
        classes.push((number(name), number(found)));
    }
    classes
}

#[expect(clippy::cast_precision_loss, reason = "counts of alerts")]
fn noise_merged(replayed: &Replay, owner: &BTreeMap<AlertKey, usize>, place: &BTreeMap<&AlertKey, usize>) -> Option<f64> {
    let mut with_incident = vec![false; replayed.groups.len()];
    for alert in owner.keys() {
        if let Some(group) = place.get(alert) {
            with_incident[*group] = true;
        }
    }
    let noise: Vec<&AlertKey> = replayed.observed.iter().filter(|alert| !owner.contains_key(alert)).collect();
    let merged = noise
        .iter()
        .filter(|alert| place.get(*alert).is_some_and(|group| with_incident[*group]))
        .count();
    (!noise.is_empty()).then(|| merged as f64 / noise.len() as f64)
}

/// Which incident's root each raised group names first.
fn named(storm: &Storm, replayed: &Replay) -> Vec<Option<usize>> {
    let raised = replayed.groups.iter().filter(|group| group.confidence >= RAISED);
    let root = |top: Option<&(Entity, f64)>| {
        storm
            .truth
            .incidents
            .iter()
            .position(|incident| top.is_some_and(|(entity, _)| is_root(incident, entity)))
    };
    raised.map(|group| root(group.roots.first())).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts of alerts")]
fn found(storm: &Storm, replayed: &Replay, owner: &BTreeMap<AlertKey, usize>, place: &BTreeMap<&AlertKey, usize>, index: usize) -> Found {
    let incident = &storm.truth.incidents[index];
    let mine: BTreeSet<AlertKey> = replayed
        .observed
        .iter()
        .filter(|alert| owner.get(*alert) == Some(&index))
        .cloned()
        .collect();
    let pieces: BTreeSet<usize> = mine.iter().filter_map(|alert| place.get(alert).copied()).collect();
    let alone = mine.iter().filter(|alert| !place.contains_key(alert)).count();
    let group = holder(&replayed.groups, &mine);
    let shared = group.map_or(0, |group| group.members.iter().filter(|member| mine.contains(*member)).count()) as f64;
    let size = group.map_or(1, |group| group.members.len()) as f64;
    let rank = group.and_then(|group| group.roots.iter().take(DEEPEST).position(|(entity, _)| is_root(incident, entity)));
    Found {
        fault: incident.fault.clone(),
        alerts: mine.len(),
        pieces: pieces.len() + alone,
        recalled: shared / size >= PURITY && shared / mine.len().max(1) as f64 >= COVERAGE,
        rank: rank.map(|place| place + 1),
        settled: replayed.settled[index],
    }
}

#[cfg(test)]
mod tests;
