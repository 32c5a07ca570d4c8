//! What a review looks at. Of an ordinary window everything; of a crowded one what is near to what is new, so that a review takes no longer
//! however many alerts there are.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

use super::{Correlator, Recent};
use crate::{class::Class, footprint::Observation, graph::Component, signal::seconds};

/// Up to so many observations all of them are looked at: more than five storms at once make in an estate of a hundred services.
const WHOLE: usize = 640;
/// Of more, so many are.
const NEAREST: usize = 640;
/// Work of a review ([`Before::most`](crate::solve::Before::most)): about half a second when everything is looked at, and about 0.1 s, with
/// all else, when only what is near is.
const MOST_WORK: u64 = 4_000_000;
/// See [`MOST_WORK`].
const MOST_WORK_OF_NEAR: u64 = 120_000;
/// Alerts of one class about one component that begin within so many seconds belong together, whether they are looked at or not.
const ALIKE: f32 = 60.0;

/// What alerts have to have in common to be alike: component, class and incident.
type Sort = (Component, Class, Option<u32>);

/// What a review looks at.
#[derive(Debug, Default)]
pub(super) struct Focus {
    /// Observations by component, class and onset, of equals in the order in which they came; with their arrivals.
    pub(super) all: Vec<(Observation, u64)>,
    /// Incidents of which something is not looked at.
    pub(super) hidden: BTreeSet<u32>,
    /// Arrivals of what is not looked at but goes where another goes.
    pub(super) alike: BTreeMap<u64, u64>,
    /// Components of which something is not looked at.
    pub(super) veiled: BTreeSet<Component>,
}

impl Focus {
    /// Whether everything is looked at.
    pub(super) fn is_whole(&self) -> bool {
        self.hidden.is_empty() && self.veiled.is_empty()
    }

    /// The most work that the review may be.
    pub(super) fn most_work(&self) -> u64 {
        if self.is_whole() { MOST_WORK } else { MOST_WORK_OF_NEAR }
    }
}

impl Correlator {
    /// Chooses what to look at, of what did not fire shortly before.
    pub(super) fn focus(&self) -> Focus {
        let firsts: Vec<(u64, &Recent)> = self
            .recent
            .iter()
            .filter(|(_, recent)| !recent.fires_again)
            .map(|(number, recent)| (*number, recent))
            .collect();
        let mut focus = Focus::default();
        let seen = match firsts.len() <= WHOLE {
            true => firsts,
            false => self.nearest(&firsts, &mut focus),
        };
        let origin = self.origin.unwrap_or_default();
        let observation = |(number, recent): (u64, &Recent)| (recent.signal.since(origin, self.lift(recent.name)), number);
        focus.all = seen.into_iter().map(observation).collect();
        focus.all.sort_by(|(a, _), (b, _)| {
            (a.component, a.class)
                .cmp(&(b.component, b.class))
                .then(a.onset.total_cmp(&b.onset))
        });
        focus
    }

    /// The nearest to what is new: that itself, then what is in its incidents or next to it; of each component the latest first. In the
    /// order in which they came.
    fn nearest<'a>(&self, firsts: &[(u64, &'a Recent)], focus: &mut Focus) -> Vec<(u64, &'a Recent)> {
        let is_new =
            |number: u64, recent: &Recent| number >= self.found.until || recent.incident.is_some_and(|one| self.touched.contains(&one));
        let mut incidents: HashSet<u32> = HashSet::new();
        let mut about: HashSet<Component> = HashSet::new();
        for (_, recent) in firsts.iter().filter(|(number, recent)| is_new(*number, recent)) {
            incidents.extend(recent.incident);
            about.insert(recent.signal.component);
        }
        let mut next_to: HashSet<Component> = about.clone();
        for component in &about {
            let around = self.graph.around(*component);
            next_to.extend(
                around
                    .callers
                    .iter()
                    .chain(&around.callees)
                    .chain(&around.uses)
                    .chain(&around.users),
            );
            next_to.extend(around.hosts.iter().chain(&around.guests).map(|(other, _)| *other));
        }
        let beside = firsts.iter().filter(|(_, recent)| next_to.contains(&recent.signal.component));
        let beside: HashSet<u32> = beside.filter_map(|(_, recent)| recent.incident).collect();
        let mut counts: HashMap<Component, u32> = HashMap::new();
        let mut near: Vec<(u32, u32, Reverse<u64>, &Recent)> = Vec::new();
        for (number, recent) in firsts.iter().rev() {
            let tier = if is_new(*number, recent) {
                0
            } else if recent.incident.is_some_and(|one| incidents.contains(&one)) || next_to.contains(&recent.signal.component) {
                1
            } else if recent.incident.is_some_and(|one| beside.contains(&one)) {
                2
            } else {
                continue;
            };
            let count = counts.entry(recent.signal.component).or_default();
            near.push((tier, *count, Reverse(*number), *recent));
            *count += 1;
        }
        near.sort_unstable_by_key(|(tier, count, number, _)| (*tier, *count, *number));
        near.truncate(NEAREST);
        let mut seen: Vec<(u64, &Recent)> = near.into_iter().map(|(_, _, Reverse(number), recent)| (number, recent)).collect();
        seen.sort_unstable_by_key(|(number, _)| *number);
        veil(firsts, &seen, focus);
        seen
    }
}

/// Notes what is not looked at.
fn veil(firsts: &[(u64, &Recent)], seen: &[(u64, &Recent)], focus: &mut Focus) {
    let mut kinds: HashMap<Sort, Vec<(u64, &Recent)>> = HashMap::new();
    for (number, recent) in seen {
        let kind = (recent.signal.component, recent.signal.class, recent.incident);
        kinds.entry(kind).or_default().push((*number, *recent));
    }
    let looked_at: HashSet<u64> = seen.iter().map(|(number, _)| *number).collect();
    for (number, recent) in firsts.iter().filter(|(number, _)| !looked_at.contains(number)) {
        focus.veiled.insert(recent.signal.component);
        focus.hidden.extend(recent.incident);
        let kind = (recent.signal.component, recent.signal.class, recent.incident);
        let apart = |other: &Recent| seconds(other.signal.onset, recent.signal.onset).abs();
        let like = kinds.get(&kind).into_iter().flatten().map(|(other, of)| (apart(of), *other));
        let nearest = like
            .filter(|(apart, _)| *apart < ALIKE)
            .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        if let Some((_, other)) = nearest {
            focus.alike.insert(*number, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use paramedic_domain::alert::{Alert, AlertStatus};

    use super::*;
    use crate::Settings;

    fn alert(number: u32, about: u32, second: i64) -> Alert {
        Alert {
            fingerprint: format!("{number:016x}"),
            status: AlertStatus::Firing,
            labels: [
                ("alertname", "HighErrorRate"),
                ("namespace", "n"),
                ("deployment", &format!("d{about}")),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            annotations: [].into(),
            starts_at: Timestamp::from_second(1_700_000_000 + second).unwrap(),
            ends_at: None,
            generator_url: String::new(),
            group_key: String::new(),
        }
    }

    fn after(alerts: u32) -> Correlator {
        let mut correlator = Correlator::new("test".parse().unwrap(), Settings::default());
        for number in 0..alerts {
            let one = alert(number, number / 2, i64::from(number));
            correlator.observe(&one, one.starts_at);
        }
        correlator
    }

    #[test]
    fn of_an_ordinary_window_everything_is_looked_at() {
        let correlator = after(u32::try_from(WHOLE).unwrap());
        let focus = correlator.focus();
        assert!(focus.is_whole());
        assert_eq!(focus.all.len(), WHOLE);
    }

    #[test]
    fn of_a_crowded_window_what_is_new_is_looked_at_and_what_has_to_do_with_it() {
        let mut correlator = after(3_000);
        let now = Timestamp::from_second(1_700_003_000).unwrap();
        correlator.settle(now);
        let one = alert(9_000, 1_450, 3_010);
        correlator.observe(&one, one.starts_at);
        let focus = correlator.focus();
        let about = correlator.recent[&3_000].signal.component;
        assert!(!focus.is_whole() && focus.all.len() < 20, "{} observations", focus.all.len());
        let seen: Vec<u64> = focus
            .all
            .iter()
            .filter(|(one, _)| one.component == about)
            .map(|(_, number)| *number)
            .collect();
        assert_eq!(seen, [2_900, 2_901, 3_000], "and what is known of the same");
    }

    #[test]
    fn however_much_is_new_a_review_looks_at_no_more_than_it_may() {
        let mut correlator = after(100);
        for number in 100..5_000 {
            let one = alert(number, number % 1_000, 101);
            // Nothing is reviewed in between.
            correlator.take(&one, one.starts_at, &mut Vec::new());
        }
        let focus = correlator.focus();
        assert_eq!(focus.all.len(), NEAREST);
        let components: BTreeSet<Component> = focus.all.iter().map(|(one, _)| one.component).collect();
        assert_eq!(components.len(), NEAREST, "one of each rather than all of few");
    }
}
