//! Explaining everything recent anew, and what that changes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Correlator, Recent, WINDOW, key};
use crate::{
    decision::Decision,
    solve::{Cluster, Observation, solve},
};

impl Correlator {
    pub(super) fn review(&mut self, now: Timestamp) -> Vec<Decision> {
        let Some(origin) = self.origin else { return Vec::new() };
        self.recent.retain(|_, recent| now.duration_since(recent.signal.onset) < WINDOW);
        let numbers: Vec<u64> = self.recent.keys().copied().collect();
        let seen: Vec<Observation> = self
            .recent
            .values()
            .map(|recent| Observation {
                signal: recent.signal,
                onset: recent.signal.seconds_after(origin),
                links: recent.signal.links(&self.graph),
            })
            .collect();
        let clusters = solve(&self.graph, &seen);
        let homes = self.homes(&clusters, &numbers, now);
        let mut clustered: BTreeSet<u64> = BTreeSet::new();
        let mut wanted: BTreeMap<u64, Option<u32>> = BTreeMap::new();
        for (cluster, home) in clusters.iter().zip(&homes) {
            clustered.extend(cluster.members.iter().map(|member| numbers[*member]));
            wanted.extend(cluster.members.iter().map(|member| (numbers[*member], Some(*home))));
        }
        let taken: BTreeSet<u32> = homes.iter().copied().collect();
        for number in numbers.iter().filter(|number| !clustered.contains(number)) {
            let recent = &self.recent[number];
            // What no cause explains stays where it is, unless that is explained without it.
            let Some(home) = recent.incident.filter(|home| taken.contains(home)) else {
                continue;
            };
            let alone = if recent.quiet {
                None
            } else {
                let (fingerprint, starts_at) = (recent.fingerprint.clone(), recent.starts_at);
                Some(self.open(&fingerprint, starts_at, now))
            };
            debug_assert_ne!(alone, Some(home));
            wanted.insert(*number, alone);
        }
        self.rearrange(&wanted, &clusters, &homes)
    }

    /// The incident that each cluster is: the one that most of its alerts are in, the greatest cluster first.
    fn homes(&mut self, clusters: &[Cluster], numbers: &[u64], now: Timestamp) -> Vec<u32> {
        let mut order: Vec<usize> = (0..clusters.len()).collect();
        order.sort_by_key(|cluster| {
            (
                std::cmp::Reverse(clusters[*cluster].members.len()),
                clusters[*cluster].members.first().copied(),
            )
        });
        let mut taken: BTreeSet<u32> = BTreeSet::new();
        let mut homes = vec![0; clusters.len()];
        for cluster in order {
            let members = || clusters[cluster].members.iter().map(|member| &self.recent[&numbers[*member]]);
            let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
            for home in members().filter_map(|recent| recent.incident).filter(|home| !taken.contains(home)) {
                *counts.entry(home).or_default() += 1;
            }
            let most = counts
                .into_iter()
                .max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)))
                .map(|(home, _)| home);
            let home = match most {
                Some(home) => home,
                None => {
                    let first: Option<(String, Timestamp)> = members().map(|recent| (recent.fingerprint.clone(), recent.starts_at)).next();
                    let (fingerprint, starts_at) = first.unwrap_or_default();
                    self.open(&fingerprint, starts_at, now)
                }
            };
            taken.insert(home);
            homes[cluster] = home;
        }
        homes
    }

    /// Puts every alert where it is wanted.
    fn rearrange(&mut self, wanted: &BTreeMap<u64, Option<u32>>, clusters: &[Cluster], homes: &[u32]) -> Vec<Decision> {
        let mut moves: BTreeMap<u32, Vec<(u64, Option<u32>)>> = BTreeMap::new();
        let mut decisions = Vec::new();
        for (number, into) in wanted {
            let recent = &self.recent[number];
            match (recent.incident, into) {
                (Some(from), into) if Some(from) != *into => moves.entry(from).or_default().push((*number, *into)),
                (None, Some(into)) => {
                    decisions.push(Decision::Moved {
                        from: None,
                        into: Some(self.incidents[into].id.clone()),
                        fingerprint: recent.fingerprint.clone(),
                        starts_at: recent.starts_at,
                    });
                }
                _ => {}
            }
        }
        for (from, moved) in moves {
            let whole = self.recent.values().filter(|recent| recent.incident == Some(from)).count() == moved.len();
            let into: BTreeSet<Option<u32>> = moved.iter().map(|(_, into)| *into).collect();
            if let (true, [Some(into)]) = (whole && !homes.contains(&from), &into.into_iter().collect::<Vec<_>>()[..]) {
                decisions.push(Decision::Merged {
                    from: self.incidents[&from].id.clone(),
                    into: self.incidents[into].id.clone(),
                });
                self.incidents.remove(&from);
                continue;
            }
            for (number, into) in moved {
                let recent = &self.recent[&number];
                decisions.push(Decision::Moved {
                    from: Some(self.incidents[&from].id.clone()),
                    into: into.map(|into| self.incidents[&into].id.clone()),
                    fingerprint: recent.fingerprint.clone(),
                    starts_at: recent.starts_at,
                });
            }
        }
        for (number, into) in wanted {
            let Some(Recent {
                fingerprint,
                starts_at,
                incident,
                ..
            }) = self.recent.get_mut(number)
            else {
                continue;
            };
            *incident = *into;
            if let Some(known) = self.alerts.get_mut(&key(fingerprint)).filter(|known| known.starts_at == *starts_at) {
                known.incident = *into;
            }
        }
        self.refresh(clusters, homes);
        decisions
    }

    /// Tells the incidents what they are about now, and forgets those that have nothing left.
    fn refresh(&mut self, clusters: &[Cluster], homes: &[u32]) {
        let Some(origin) = self.origin else { return };
        for (cluster, home) in clusters.iter().zip(homes) {
            // Once its first alerts are too old to be looked at, less is seen than was known.
            if let Some(incident) = self
                .incidents
                .get_mut(home)
                .filter(|incident| cluster.members.len() >= incident.explained)
            {
                incident.explained = cluster.members.len();
                incident.causes.clone_from(&cluster.causes);
                incident.worth = cluster.worth;
            }
        }
        let mut seen: BTreeMap<u32, BTreeMap<u32, f32>> = BTreeMap::new();
        for recent in self.recent.values() {
            let Some(home) = recent.incident else { continue };
            let onset = recent.signal.seconds_after(origin);
            let first = seen.entry(home).or_default().entry(recent.signal.component).or_insert(onset);
            *first = first.min(onset);
        }
        for (number, incident) in &mut self.incidents {
            incident.seen = seen.remove(number).unwrap_or_default();
        }
    }
}
