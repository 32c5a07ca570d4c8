//! A storm's posts, one after the other, through the gateway's reading into a grouper.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use jiff::Timestamp;
use paramedic_correlation::topology::Entity;

use crate::{
    format::{Incident, Storm},
    group::{AlertKey, Grouped, Grouper},
    intake::{self, Refused},
};

/// What came out, and how it came about.
#[derive(Debug)]
pub struct Replay {
    /// The groups after the last post.
    pub groups: Vec<Grouped>,
    /// Alerts that were in a post, in the order of their first.
    pub observed: Vec<AlertKey>,
    /// Per incident, by index: when the right root got to the top for good, as alerts of the incident seen and as seconds since the first
    /// of them arrived. `None` when it is not there at the end.
    pub settled: Vec<Option<(usize, f64)>>,
    /// How often an alert changed into another group.
    pub moves: usize,
    /// Microseconds of each alert, known ones included.
    pub micros: Vec<f64>,
}

/// What is followed of one incident while the storm goes on.
struct Track<'a> {
    incident: &'a Incident,
    seen: BTreeSet<AlertKey>,
    first: Option<Timestamp>,
    right_since: Option<(usize, f64)>,
}

/// Replays a storm.
///
/// # Errors
/// When the gateway would refuse a post.
pub fn replay(storm: &Storm, mut grouper: Box<dyn Grouper>) -> Result<Replay, Refused> {
    let owner: BTreeMap<AlertKey, usize> = owners(storm);
    let mut tracks: Vec<Track<'_>> = storm.truth.incidents.iter().map(Track::new).collect();
    let (mut observed, mut known) = (Vec::new(), BTreeSet::new());
    let (mut micros, mut moves) = (Vec::new(), 0);
    let mut anchors: BTreeMap<AlertKey, AlertKey> = BTreeMap::new();
    for (number, post) in storm.posts.iter().enumerate() {
        let body = serde_json::to_vec(&post.webhook).map_err(|error| Refused::from(error.to_string()))?;
        for alert in intake::read(body)? {
            let begin = Instant::now();
            grouper.observe(&alert, post.at);
            micros.push(begin.elapsed().as_secs_f64() * 1e6);
            let key = (alert.fingerprint, alert.starts_at);
            if known.insert(key.clone()) {
                observed.push(key.clone());
                if let Some(incident) = owner.get(&key) {
                    tracks[*incident].sees(key, post.at);
                }
            }
        }
        if number + 1 == storm.posts.len() {
            grouper.rest();
        }
        let groups = grouper.groups();
        moves += moved(&groups, &mut anchors);
        for track in &mut tracks {
            track.look(&groups, post.at);
        }
    }
    Ok(Replay {
        groups: grouper.groups(),
        observed,
        settled: tracks.into_iter().map(|track| track.right_since).collect(),
        moves,
        micros,
    })
}

/// The incident, by index, of each alert that has one.
pub(super) fn owners(storm: &Storm) -> BTreeMap<AlertKey, usize> {
    let index: BTreeMap<&str, usize> = storm
        .truth
        .incidents
        .iter()
        .enumerate()
        .map(|(index, incident)| (incident.id.as_str(), index))
        .collect();
    let of = |alert: &crate::format::AlertTruth| {
        let incident = index.get(alert.incident.as_deref()?)?;
        Some(((alert.fingerprint.clone(), alert.starts_at), *incident))
    };
    storm.truth.alerts.iter().filter_map(of).collect()
}

/// Whether an entity is the root of an incident under one of its names.
pub(super) fn is_root(incident: &Incident, entity: &Entity) -> bool {
    incident.root == *entity || incident.aliases.contains(entity)
}

/// The group that holds most of these alerts; of several, the one that came first.
pub(super) fn holder<'a>(groups: &'a [Grouped], alerts: &BTreeSet<AlertKey>) -> Option<&'a Grouped> {
    let shared = |group: &Grouped| group.members.iter().filter(|member| alerts.contains(*member)).count();
    let best = groups
        .iter()
        .map(shared)
        .enumerate()
        .max_by_key(|(index, shared)| (*shared, std::cmp::Reverse(*index)))?;
    groups.get(best.0).filter(|_| best.1 > 0)
}

/// Alerts whose group has another first member than before; a group is known by its first member.
fn moved(groups: &[Grouped], anchors: &mut BTreeMap<AlertKey, AlertKey>) -> usize {
    let mut moves = 0;
    for group in groups {
        let Some(anchor) = group.members.first() else { continue };
        for member in &group.members {
            match anchors.get_mut(member) {
                Some(before) if before == anchor => {}
                Some(before) => {
                    before.clone_from(anchor);
                    moves += 1;
                }
                None => {
                    anchors.insert(member.clone(), anchor.clone());
                }
            }
        }
    }
    moves
}

impl<'a> Track<'a> {
    fn new(incident: &'a Incident) -> Self {
        Self {
            incident,
            seen: BTreeSet::new(),
            first: None,
            right_since: None,
        }
    }

    fn sees(&mut self, alert: AlertKey, at: Timestamp) {
        self.first.get_or_insert(at);
        self.seen.insert(alert);
    }

    fn look(&mut self, groups: &[Grouped], at: Timestamp) {
        let Some(first) = self.first else { return };
        let top = holder(groups, &self.seen).and_then(|group| group.roots.first());
        if top.is_some_and(|(entity, _)| is_root(self.incident, entity)) {
            let now = (self.seen.len(), at.duration_since(first).as_secs_f64());
            self.right_since.get_or_insert(now);
        } else {
            self.right_since = None;
        }
    }
}
