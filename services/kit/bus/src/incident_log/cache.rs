//! Folded incidents kept between decisions, so that a decision does not read the whole log again.
//!
//! What is kept may be behind: an append made on it is refused by compare-and-set, and whoever needs the present asks for
//! what came since.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use paramedic_domain::{
    id::{ClusterId, IncidentId},
    incident::Incident,
};

/// Incidents kept: several times what a busy process works on at once; the least recently used go first.
const KEPT: usize = 1024;

/// An incident and where its log ends.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    pub(super) incident: Arc<Incident>,
    /// Sequence in the stream of the incident's last event; what the next append expects.
    pub(super) last: u64,
}

/// One place for each incident. Whoever decides holds it, so that the tasks of a process do not compete for one log.
pub(super) type Place = Arc<tokio::sync::Mutex<Option<Loaded>>>;

#[derive(Default)]
struct Places {
    by_id: HashMap<(ClusterId, IncidentId), (Place, u64)>,
    uses: u64,
}

/// The places.
#[derive(Clone, Default)]
pub(super) struct Cache {
    places: Arc<Mutex<Places>>,
}

impl Cache {
    /// The incident's place, empty if it is new.
    pub(super) fn place(&self, cluster: &ClusterId, id: &IncidentId) -> Place {
        let key = (cluster.clone(), id.clone());
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.uses += 1;
        let used = places.uses;
        if places.by_id.len() >= KEPT && !places.by_id.contains_key(&key) {
            places.forget_a_quarter();
        }
        let (place, last_used) = places.by_id.entry(key).or_default();
        *last_used = used;
        place.clone()
    }
}

impl Places {
    fn forget_a_quarter(&mut self) {
        let mut ages: Vec<u64> = self.by_id.values().map(|(_, used)| *used).collect();
        ages.sort_unstable();
        let oldest_kept = ages.get(ages.len() / 4).copied().unwrap_or(u64::MAX);
        // A place that somebody holds stays, or two would decide side by side.
        self.by_id
            .retain(|_, (place, used)| *used >= oldest_kept || Arc::strong_count(place) > 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_go_first_and_what_is_held_stays() {
        let cache = Cache::default();
        let cluster: ClusterId = "test".parse().unwrap();
        let id = |n: usize| IncidentId::derive(&[&n.to_string()]);
        let held = cache.place(&cluster, &id(0));
        for n in 1..2 * KEPT {
            cache.place(&cluster, &id(n));
            cache.place(&cluster, &id(1));
        }
        let places = cache.places.lock().unwrap();
        assert!(places.by_id.len() <= KEPT);
        let kept = |n: usize| places.by_id.get(&(cluster.clone(), id(n))).map(|(place, _)| place);
        assert!(kept(0).is_some_and(|place| Arc::ptr_eq(place, &held)));
        assert!(kept(1).is_some() && kept(2).is_none());
    }
}
