//! Explaining everything recent anew, and what that changes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Correlator, Recent, WINDOW, key};
use crate::{
    decision::{Decision, Membership},
    solve::{Cluster, Observation, explain, solve},
};

/// Where alerts, by their arrival, belong after a review.
type Wanted = BTreeMap<u64, Option<u32>>;

impl Correlator {
    pub(super) fn review(&mut self, now: Timestamp) -> Vec<Decision> {
        self.recent.retain(|_, recent| now.duration_since(recent.signal.onset) < WINDOW);
        let numbers: Vec<u64> = self.recent.keys().copied().collect();
        let seen: Vec<Observation> = self.recent.values().map(|recent| self.observation(recent)).collect();
        let clusters = solve(&self.graph, &seen);
        let homes = self.homes(&clusters, &numbers, now);
        let wanted = self.wanted(&clusters, &homes, &numbers, now);
        let mut decisions = self.rearrange(&wanted, &clusters, &homes);
        self.refresh(&clusters, &homes, &numbers, &seen);
        decisions.extend(self.ranked());
        decisions
    }

    /// Ranks the causes of an incident that has one alert.
    pub(super) fn explain_alone(&mut self, number: u32, arrival: u64, decisions: &mut Vec<Decision>) {
        let Some(seen) = self.recent.get(&arrival).map(|recent| self.observation(recent)) else {
            return;
        };
        let cluster = explain(&self.graph, &[seen], &[0]);
        if let Some(incident) = self.incidents.get_mut(number) {
            incident.take(&cluster);
            if incident.news() {
                decisions.push(Decision::Ranked {
                    incident: incident.id.clone(),
                });
            }
        }
    }

    fn observation(&self, recent: &Recent) -> Observation {
        Observation {
            signal: recent.signal,
            onset: self.origin.map_or(0.0, |origin| recent.signal.seconds_after(origin)),
            links: recent.signal.links(&self.graph),
        }
    }

    /// Whether it stays where it is, whatever explains it.
    fn held(&self, recent: &Recent) -> bool {
        let pinned = |number| self.incidents.get(number).is_some_and(|incident| incident.pinned);
        recent.said || recent.incident.is_some_and(pinned)
    }

    /// The incident that each cluster is: the one that most of its alerts are in, those that are held before all; the greatest
    /// cluster first.
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
            let all_held = members().all(|recent| self.held(recent));
            let mut counts: BTreeMap<u32, (u32, u32)> = BTreeMap::new();
            for recent in members() {
                let home = recent.incident.filter(|home| all_held || !taken.contains(home));
                if let Some(home) = home {
                    let (held, all) = counts.entry(home).or_default();
                    *held += u32::from(self.held(recent));
                    *all += 1;
                }
            }
            let most = counts
                .into_iter()
                .max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)))
                .map(|(home, _)| home);
            let first: Option<(String, Timestamp)> = members().map(|recent| (recent.fingerprint.clone(), recent.starts_at)).next();
            let (fingerprint, starts_at) = first.unwrap_or_default();
            let home = most.unwrap_or_else(|| self.incidents.open(&self.cluster, &fingerprint, starts_at, now));
            taken.insert(home);
            homes[cluster] = home;
        }
        homes
    }

    fn wanted(&mut self, clusters: &[Cluster], homes: &[u32], numbers: &[u64], now: Timestamp) -> Wanted {
        let mut clustered: BTreeSet<u64> = BTreeSet::new();
        let mut wanted = Wanted::new();
        for (cluster, home) in clusters.iter().zip(homes) {
            clustered.extend(cluster.members.iter().map(|member| numbers[*member]));
            wanted.extend(cluster.members.iter().map(|member| (numbers[*member], Some(*home))));
        }
        let taken: BTreeSet<u32> = homes.iter().copied().collect();
        for number in numbers.iter().filter(|number| !clustered.contains(number)) {
            let recent = &self.recent[number];
            // What no cause explains stays where it is, unless that is explained without it.
            let free = !self.held(recent);
            if let Some(home) = recent.incident.filter(|home| free && taken.contains(home)) {
                let (fingerprint, starts_at) = (recent.fingerprint.clone(), recent.starts_at);
                let alone = (!recent.quiet).then(|| self.incidents.open(&self.cluster, &fingerprint, starts_at, now));
                debug_assert_ne!(alone, Some(home));
                wanted.insert(*number, alone);
            }
        }
        wanted.retain(|number, _| !self.held(&self.recent[number]));
        wanted
    }

    /// Puts every alert where it is wanted.
    fn rearrange(&mut self, wanted: &Wanted, clusters: &[Cluster], homes: &[u32]) -> Vec<Decision> {
        let mut moves: BTreeMap<Option<u32>, Vec<(u64, Option<u32>)>> = BTreeMap::new();
        for (number, into) in wanted {
            let from = self.recent[number].incident;
            if from != *into {
                moves.entry(from).or_default().push((*number, *into));
            }
        }
        let mut decisions = Vec::new();
        for (from, moved) in moves {
            let into: BTreeSet<Option<u32>> = moved.iter().map(|(_, into)| *into).collect();
            self.touched.extend(from.into_iter().chain(into.iter().copied().flatten()));
            let whole = from.is_some_and(|from| {
                let size = self.incidents.get(from).map_or(0, |incident| incident.size);
                size == moved.len() && !homes.contains(&from)
            });
            if let (true, Some(old), [Some(heir)]) = (whole, from, &into.into_iter().collect::<Vec<_>>()[..]) {
                let cause = homes
                    .iter()
                    .position(|home| home == heir)
                    .and_then(|cluster| clusters[cluster].causes.first());
                decisions.extend(
                    self.incidents
                        .id(old)
                        .zip(self.incidents.id(*heir))
                        .map(|(from, into)| Decision::Merged {
                            from: from.clone(),
                            into: into.clone(),
                            cause: cause.map(|cause| self.graph.entity(cause.hypothesis.component).clone()),
                        }),
                );
                self.absorb(old, *heir);
                continue;
            }
            for (number, into) in moved {
                let id = |number: Option<u32>| number.and_then(|number| self.incidents.id(number)).cloned();
                let recent = &self.recent[&number];
                let home = into.and_then(|into| homes.iter().position(|home| *home == into));
                decisions.push(Decision::Moved {
                    from: id(from),
                    into: id(into),
                    fingerprint: recent.fingerprint.clone(),
                    starts_at: recent.starts_at,
                    membership: into.map(|_| self.why(recent, home.map(|home| &clusters[home]))),
                });
                if let Some(incident) = from.and_then(|from| self.incidents.get_mut(from)) {
                    incident.size = incident.size.saturating_sub(1);
                }
                if let Some(incident) = into.and_then(|into| self.incidents.get_mut(into)) {
                    incident.size += 1;
                }
            }
        }
        for (number, into) in wanted {
            let Some(recent) = self.recent.get_mut(number) else { continue };
            recent.incident = *into;
            let known = self.alerts.get_mut(&key(&recent.fingerprint));
            if let Some(known) = known.filter(|known| known.starts_at == recent.starts_at) {
                known.incident = *into;
            }
        }
        decisions
    }

    /// Why it is in the incident of this cluster; `None`: in one of its own.
    fn why(&self, recent: &Recent, cluster: Option<&Cluster>) -> Membership {
        let links = recent.signal.links(&self.graph);
        let onset = self.origin.map_or(0.0, |origin| recent.signal.seconds_after(origin));
        let causes = cluster.map_or(&[][..], |cluster| &cluster.causes[..]);
        let found = causes.iter().find_map(|belief| {
            let link = links.iter().find(|link| link.cause.component == belief.hypothesis.component)?;
            Some((link, link.gain(&recent.signal, onset - belief.onset, self.graph.len())))
        });
        let itself = links.first().map(|link| (link, 0.0));
        match found.or(itself) {
            Some((link, score)) => self.membership(&recent.signal, link, score),
            None => Membership {
                component: self.graph.entity(recent.signal.component).clone(),
                cause: self.graph.entity(recent.signal.component).clone(),
                way: crate::graph::Way::Itself,
                calls: 0,
                score: 0.0,
            },
        }
    }

    /// Tells the incidents what they are about now, and forgets those that have nothing left.
    fn refresh(&mut self, clusters: &[Cluster], homes: &[u32], numbers: &[u64], seen: &[Observation]) {
        let mut members: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (index, number) in numbers.iter().enumerate() {
            if let Some(home) = self.recent[number].incident {
                members.entry(home).or_default().push(index);
            }
        }
        let of_home: BTreeMap<u32, &Cluster> = homes.iter().copied().zip(clusters).collect();
        for (number, incident) in self.incidents.each() {
            let members = members.remove(&number).unwrap_or_default();
            incident.seen.clear();
            for member in &members {
                incident.add(seen[*member].signal.component, seen[*member].onset);
            }
            // Once its first alerts are too old to be looked at, less is seen than was known.
            if members.is_empty() || members.len() < incident.explained.min(incident.size) {
                continue;
            }
            match of_home.get(&number).filter(|cluster| cluster.members == members) {
                Some(cluster) => incident.take(cluster),
                None if incident.causes.is_empty() || self.touched.contains(&number) => {
                    incident.take(&explain(&self.graph, seen, &members));
                }
                None => {}
            }
        }
        self.touched.clear();
        let empty: Vec<u32> = self
            .incidents
            .numbered()
            .filter(|(_, incident)| incident.size == 0)
            .map(|(number, _)| number)
            .collect();
        for number in empty {
            self.incidents.end(number);
        }
    }

    fn ranked(&mut self) -> Vec<Decision> {
        let news = |(_, incident): (u32, &mut super::Incident)| {
            incident.news().then(|| Decision::Ranked {
                incident: incident.id.clone(),
            })
        };
        self.incidents.each().filter_map(news).collect()
    }
}
