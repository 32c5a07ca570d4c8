//! Every incident: those that go on, and what became of the others.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use paramedic_domain::id::{ClusterId, IncidentId};

use super::Incident;

/// Incidents by their number, which counts them in the order in which they were opened.
#[derive(Debug, Default)]
pub(super) struct Register {
    live: BTreeMap<u32, Incident>,
    gone: BTreeMap<u32, Gone>,
    numbers: HashMap<IncidentId, u32>,
    next: u32,
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

    pub(super) fn numbered(&self) -> impl Iterator<Item = (u32, &Incident)> {
        self.live.iter().map(|(number, incident)| (*number, incident))
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
    pub(super) fn open(&mut self, cluster: &ClusterId, fingerprint: &str, starts_at: Timestamp, now: Timestamp) -> u32 {
        let start = starts_at.to_string();
        let first = IncidentId::derive(&[cluster.as_str(), fingerprint, &start]);
        let mut further = (1_u32..).map(|again| IncidentId::derive(&[cluster.as_str(), fingerprint, &start, &again.to_string()]));
        let mut id = first;
        while self.numbers.contains_key(&id) {
            let Some(next) = further.next() else { break };
            id = next;
        }
        let number = self.next;
        self.next += 1;
        self.numbers.insert(id.clone(), number);
        self.live.insert(number, Incident::new(id, now));
        number
    }

    pub(super) fn merge(&mut self, from: u32, into: u32) {
        self.leave(from, Some(into));
    }

    pub(super) fn end(&mut self, number: u32) {
        self.leave(number, None);
    }

    fn leave(&mut self, number: u32, into: Option<u32>) {
        if let Some(incident) = self.live.remove(&number) {
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
