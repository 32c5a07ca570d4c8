//! Explaining everything recent anew, and what that changes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::{Cause, Correlator, Recent, WINDOW, focus::Focus, incident::best};
use crate::{
    decision::{Decision, Membership},
    fingerprint::Fingerprint,
    footprint::Seen,
    signal::{Signal, seconds},
    solve::{Before, Cluster, explain, solve},
};

/// Where alerts, by their arrival, belong after a review.
type Wanted = BTreeMap<u64, Option<u32>>;

impl Correlator {
    pub(super) fn review(&mut self, now: Timestamp) -> Vec<Decision> {
        self.leave(now);
        let focus = self.focus();
        let numbers: Vec<u64> = focus.all.iter().map(|(_, number)| *number).collect();
        let all = focus.all.iter().map(|(one, _)| *one).collect();
        let mut seen = Seen::new(all, &self.graph, self.origin.map_or(0.0, |origin| seconds(now, origin)));
        seen.veil(&focus.veiled);
        let before = self.before(&numbers, &focus);
        let clusters = solve(&self.graph, &seen, &before);
        let homes = self.homes(&clusters, &numbers, now);
        let lasting = clusters.iter().zip(&homes).filter(|(cluster, _)| !cluster.slight);
        self.found.causes.extend(lasting.filter_map(|(cluster, home)| {
            Some(Cause {
                home: *home,
                belief: *cluster.causes.first()?,
                others: cluster.causes.clone(),
            })
        }));
        let wanted = self.wanted(&clusters, &homes, &numbers, &focus, now);
        let mut decisions = self.rearrange(&wanted, &clusters, &homes);
        self.refresh(&clusters, &homes, &numbers, &seen, now);
        decisions.extend(self.ranked());
        decisions
    }

    /// What earlier reviews found of what is looked at. When one in sixteen is new since everything was last looked at from the
    /// beginning, it is, too.
    fn before(&mut self, numbers: &[u64], focus: &Focus) -> Before {
        let fresh: Vec<bool> = numbers.iter().map(|number| *number >= self.found.until).collect();
        self.found.until = self.arrivals;
        let (causes, anew) = match focus.is_whole() {
            true => {
                let grown = numbers.len() * 16 >= self.found.anew * 17;
                let shrunk = numbers.len() * 2 < self.found.anew;
                if grown || shrunk {
                    self.found.anew = numbers.len();
                }
                (std::mem::take(&mut self.found.causes), grown || shrunk)
            }
            false => {
                self.found.anew = 0;
                let homes: BTreeSet<u32> = numbers.iter().filter_map(|number| self.recent[number].incident).collect();
                let unsettled = numbers.iter().filter(|number| !self.recent[*number].settled).count();
                let (looked_at, mut rest): (Vec<Cause>, Vec<Cause>) =
                    self.found.causes.drain(..).partition(|cause| homes.contains(&cause.home));
                rest.retain(|cause| focus.hidden.contains(&cause.home));
                self.found.causes = rest;
                (looked_at, unsettled * 4 >= numbers.len())
            }
        };
        if anew {
            for number in numbers {
                if let Some(recent) = self.recent.get_mut(number) {
                    recent.settled = true;
                }
            }
        }
        Before {
            causes: causes.into_iter().map(|cause| (cause.belief, cause.others)).collect(),
            fresh,
            anew,
            most: focus.most_work(),
        }
    }

    /// What is too old leaves: after the window, or after twice of it while its incident still gets alerts.
    fn leave(&mut self, now: Timestamp) {
        let (incidents, learned, names) = (&self.incidents, &mut self.learned, &self.names);
        self.recent.retain(|_, recent| {
            let age = now.duration_since(recent.signal.onset);
            let goes_on = |number| {
                incidents
                    .get(number)
                    .is_some_and(|incident| now.duration_since(incident.span.1) < WINDOW)
            };
            let stays = age < WINDOW || (age < WINDOW * 2 && recent.incident.is_some_and(goes_on));
            if !stays && !recent.fires_again {
                let incident = recent.incident.and_then(|number| incidents.get(number));
                learned.saw(&names[recent.name], incident.is_some_and(|incident| incident.is_sure()));
            }
            stays
        });
    }

    /// Finds the causes of an incident that has one alert.
    pub(super) fn explain_alone(&mut self, incident: u32, signal: &Signal, name: usize, now: Timestamp) {
        let origin = self.origin.unwrap_or_default();
        let alone = self.explanations.explain(&self.graph, signal, seconds(now, signal.onset));
        let lift = self.lift(name);
        self.incidents.explain_alone(incident, &alone, seconds(signal.onset, origin), lift);
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
            let first = members().map(|recent| (recent.fingerprint.clone(), recent.starts_at)).next();
            let anew = || first.map(|(fingerprint, starts_at)| self.incidents.open(&self.cluster, &fingerprint, starts_at, now));
            let Some(home) = most.or_else(anew) else { continue };
            taken.insert(home);
            homes[cluster] = home;
        }
        homes
    }

    fn wanted(&mut self, clusters: &[Cluster], homes: &[u32], numbers: &[u64], focus: &Focus, now: Timestamp) -> Wanted {
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
        // What was not looked at goes with what is like it.
        for (number, like) in &focus.alike {
            if let Some(into) = wanted.get(like).copied() {
                wanted.insert(*number, into);
            }
        }
        wanted.retain(|number, _| !self.held(&self.recent[number]));
        self.follow(&mut wanted);
        wanted
    }

    /// What fired again goes where it went when it fired first.
    fn follow(&self, wanted: &mut Wanted) {
        let moved: HashMap<Fingerprint, Option<u32>> = wanted
            .iter()
            .map(|(number, into)| (self.recent[number].fingerprint.clone(), *into))
            .collect();
        for (number, recent) in self.recent.iter().filter(|(_, recent)| recent.fires_again && !self.held(recent)) {
            if let Some(into) = moved.get(&recent.fingerprint) {
                wanted.insert(*number, *into);
            }
        }
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
                    fingerprint: recent.fingerprint.to_string(),
                    starts_at: recent.starts_at.into(),
                    membership: into.map(|_| self.why(recent, home.map(|home| &clusters[home]))),
                });
                if let Some(incident) = from.and_then(|from| self.incidents.get_mut(from)) {
                    incident.size = incident.size.saturating_sub(1);
                }
                let signal = recent.signal;
                if let Some(incident) = into.and_then(|into| self.incidents.get_mut(into)) {
                    incident.add(&signal);
                }
            }
        }
        for (number, into) in wanted {
            let Some(recent) = self.recent.get_mut(number) else { continue };
            recent.incident = *into;
            let known = self.alerts.get_mut(&recent.fingerprint);
            if let Some(known) = known.filter(|known| known.starts_at == recent.starts_at) {
                known.set_incident(*into);
            }
        }
        decisions
    }

    /// Why it is in the incident of this cluster; `None`: in one of its own.
    fn why(&self, recent: &Recent, cluster: Option<&Cluster>) -> Membership {
        let one = recent.signal.since(self.origin.unwrap_or_default(), self.lift(recent.name));
        let found = cluster.and_then(|cluster| {
            let mut marks = cluster.footprint.marks.clone();
            marks.sort_by_key(|mark| mark.component);
            let (score, mark) = best(&marks, &one, &self.background)?;
            Some(self.membership(cluster.causes.first()?.hypothesis.component, &mark, score))
        });
        found.unwrap_or_else(|| self.itself(one.component))
    }

    /// Tells the incidents what they are about now, and ends those that have nothing left.
    fn refresh(&mut self, clusters: &[Cluster], homes: &[u32], numbers: &[u64], seen: &Seen, now: Timestamp) {
        let mut members: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (index, number) in numbers.iter().enumerate() {
            if let Some(home) = self.recent[number].incident {
                members.entry(home).or_default().push(index);
            }
        }
        let of_home: BTreeMap<u32, &Cluster> = homes.iter().copied().zip(clusters).collect();
        for (number, members) in members {
            let touched = self.touched.contains(&number);
            let Some(incident) = self.incidents.get_mut(number) else { continue };
            if touched && members.len() == incident.size {
                incident.about = members.iter().map(|member| seen.all[*member].component).collect();
            }
            match (of_home.get(&number).filter(|cluster| cluster.members == members), &members[..]) {
                (Some(cluster), _) => self.incidents.explain(number, cluster),
                (None, [one]) if incident.is_unexplained() || touched => {
                    let Recent { signal, name, .. } = self.recent[&numbers[*one]];
                    self.explain_alone(number, &signal, name, now);
                }
                (None, _) if incident.is_unexplained() || touched => {
                    let those = members.iter().map(|member| seen.all[*member]).collect();
                    let cluster = explain(&self.graph, &Seen::new(those, &self.graph, seen.now));
                    self.incidents.explain(number, &cluster);
                }
                (None, _) => {}
            }
        }
        // What has nothing left was left by what was moved, or by what a person said.
        for number in std::mem::take(&mut self.touched) {
            if self.incidents.get(number).is_some_and(|incident| incident.size == 0) {
                self.incidents.end(number);
            }
        }
    }

    /// What is seen differently than it was told.
    pub(super) fn ranked(&mut self) -> Vec<Decision> {
        let news = |incident: &super::Incident| Decision::Ranked {
            incident: incident.id.clone(),
        };
        self.incidents.news().map(news).collect()
    }
}
