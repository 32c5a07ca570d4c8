//! Every incident: those that go on, and what became of the others.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use jiff::Timestamp;
use paramedic_domain::id::{ClusterId, IncidentId};

use super::{Incident, alone::Alone, reach::Reach};
use crate::{fingerprint::Fingerprint, footprint::Observation, moment::Moment, solve::Cluster};

/// Incidents by their number, which counts them from one in the order in which they were opened.
#[derive(Debug, Default)]
pub(super) struct Register {
    live: BTreeMap<u32, Incident>,
    gone: BTreeMap<u32, Gone>,
    numbers: HashMap<IncidentId, u32>,
    /// How many were opened.
    opened: u32,
    reach: Reach,
    /// Incidents whose causes are seen differently since that was last asked.
    news: BTreeSet<u32>,
}

/// An incident that is no more.
#[derive(Debug)]
struct Gone {
    id: IncidentId,
    /// The one that has its alerts; `None` when it is over.
    into: Option<u32>,
}

impl Register {
    pub(super) fn live(&self) -> impl Iterator<Item = &Incident> {
        self.live.values()
    }

    pub(super) fn each(&mut self) -> impl Iterator<Item = (u32, &mut Incident)> {
        self.live.iter_mut().map(|(number, incident)| (*number, incident))
    }

    pub(super) fn get(&self, number: u32) -> Option<&Incident> {
        self.live.get(&number)
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Incident> {
        self.live.get_mut(&number)
    }

    /// The numbers of all incidents, past ones included, are less than this.
    pub(super) fn numbers(&self) -> usize {
        self.opened as usize + 1
    }

    /// Its id, whether it goes on or not.
    pub(super) fn id(&self, number: u32) -> Option<&IncidentId> {
        let live = self.live.get(&number).map(|incident| &incident.id);
        live.or_else(|| self.gone.get(&number).map(|gone| &gone.id))
    }

    /// The number of an incident that goes on.
    pub(super) fn number(&self, id: &IncidentId) -> Option<u32> {
        self.numbers.get(id).copied().filter(|number| self.live.contains_key(number))
    }

    /// The incident that has the alerts of this one now, which may be over.
    pub(super) fn heir(&self, mut number: u32) -> u32 {
        while let Some(into) = self.gone.get(&number).and_then(|gone| gone.into) {
            number = into;
        }
        number
    }

    /// Opens an incident whose first alert is this. No two have the same id, even if one alert comes first in both.
    pub(super) fn open(&mut self, cluster: &ClusterId, fingerprint: &Fingerprint, starts_at: Moment, now: Timestamp) -> u32 {
        let (fingerprint, start) = (fingerprint.to_string(), Timestamp::from(starts_at).to_string());
        let first = IncidentId::derive(&[cluster.as_str(), &fingerprint, &start]);
        let mut further = (1_u32..).map(|again| IncidentId::derive(&[cluster.as_str(), &fingerprint, &start, &again.to_string()]));
        let mut id = first;
        while self.numbers.contains_key(&id) {
            let Some(next) = further.next() else { break };
            id = next;
        }
        self.opened += 1;
        let number = self.opened;
        self.numbers.insert(id.clone(), number);
        self.live.insert(number, Incident::new(id, now));
        number
    }

    /// An incident's causes are those of this cluster.
    pub(super) fn explain(&mut self, number: u32, cluster: &Cluster) {
        self.explained(number, |incident| incident.take(cluster));
    }

    /// The causes of an incident of one alert, which began so many seconds after the origin.
    pub(super) fn explain_alone(&mut self, number: u32, alone: &Arc<Alone>, onset: f32, lift: f32) {
        self.explained(number, |incident| incident.take_alone(alone, onset, lift));
    }

    fn explained(&mut self, number: u32, take: impl FnOnce(&mut Incident)) {
        let Some(incident) = self.live.get_mut(&number) else { return };
        self.reach.remove(number, incident.reached());
        take(incident);
        self.reach.add(number, incident.reached());
        self.news.insert(number);
    }

    /// Incidents that may make the observation likely, by number.
    pub(super) fn near(&self, one: &Observation) -> impl Iterator<Item = (u32, &Incident)> {
        let near = self.reach.near(one.component, one.onset).into_iter();
        near.filter_map(|number| Some((number, self.live.get(&number)?)))
    }

    /// Incidents that go on and whose causes may be news, in their order; they are no news any more.
    pub(super) fn news(&mut self) -> impl Iterator<Item = &Incident> {
        let live = &mut self.live;
        let mut news = Vec::new();
        for number in std::mem::take(&mut self.news) {
            if live.get_mut(&number).is_some_and(Incident::news) {
                news.push(number);
            }
        }
        news.into_iter().filter_map(|number| self.live.get(&number))
    }

    pub(super) fn merge(&mut self, from: u32, into: u32) {
        self.leave(from, Some(into));
    }

    pub(super) fn end(&mut self, number: u32) {
        self.leave(number, None);
    }

    fn leave(&mut self, number: u32, into: Option<u32>) {
        if let Some(incident) = self.live.remove(&number) {
            self.reach.remove(number, incident.reached());
            self.gone.insert(number, Gone { id: incident.id, into });
        }
    }

    /// Forgets incidents that are no more and that nothing in `needed` refers to.
    pub(super) fn forget(&mut self, needed: impl Fn(u32) -> bool) {
        let heirs: BTreeSet<u32> = self
            .gone
            .keys()
            .filter(|number| needed(**number))
            .map(|number| self.heir(*number))
            .collect();
        let numbers = &mut self.numbers;
        self.gone.retain(|number, gone| {
            let keep = needed(*number) || heirs.contains(number);
            if !keep {
                numbers.remove(&gone.id);
            }
            keep
        });
    }
}
