//! What others say about incidents: whoever works on them, and people.

use jiff::Timestamp;
use paramedic_domain::id::IncidentId;

use super::{Correlator, Incident};
use crate::{
    decision::{Correction, Decision},
    fingerprint::Fingerprint,
    moment::Moment,
    signal::Signal,
    topology::Entity,
};

impl Correlator {
    /// The incident is over: nothing joins it any more, nothing leaves it, and it is not merged with another. An alert of it that fires
    /// again is a new matter. Unknown ids are ignored.
    pub fn ended(&mut self, incident: &IncidentId) {
        let Some(number) = self.incidents.number(incident) else { return };
        let sure = self.incidents.get(number).is_some_and(Incident::is_sure);
        self.incidents.end(number);
        self.touched.remove(&number);
        let (learned, names) = (&mut self.learned, &self.names);
        self.recent.retain(|_, recent| {
            let stays = recent.incident != Some(number);
            if !stays && !recent.fires_again {
                learned.saw(&names[recent.name], sure);
            }
            stays
        });
    }

    /// The incident is being worked on: it keeps its alerts and is not merged into another, but may get more. Unknown ids are ignored.
    pub fn pinned(&mut self, incident: &IncidentId) {
        let number = self.incidents.number(incident);
        if let Some(incident) = number.and_then(|number| self.incidents.get_mut(number)) {
            incident.pinned = true;
        }
    }

    /// The incident that has an alert, whether it is over or not.
    #[must_use]
    pub fn home(&self, fingerprint: &str) -> Option<&IncidentId> {
        let home = self.alerts.get(&Fingerprint::from(fingerprint))?.incident()?;
        self.incidents.id(self.incidents.heir(home))
    }

    /// Whether anything is remembered of an alert.
    #[must_use]
    pub fn knows(&self, fingerprint: &Fingerprint) -> bool {
        self.alerts.get(fingerprint).is_some()
    }

    /// What an incident has alerts about.
    pub fn affected<'a>(&'a self, incident: &'a Incident) -> impl Iterator<Item = &'a Entity> {
        incident.about.iter().map(|component| self.graph.entity(*component))
    }

    /// A person says how it is; later reviews do not undo it. What names something that is unknown or over changes nothing.
    pub fn correct(&mut self, correction: &Correction, now: Timestamp) -> Vec<Decision> {
        match correction {
            Correction::Merge { from, into } => self.merge_as_said(from, into, now),
            Correction::Split { from, fingerprints } => self.take_out(from, fingerprints, true, now),
            Correction::Detach { from, fingerprints } => self.take_out(from, fingerprints, false, now),
        }
    }

    fn merge_as_said(&mut self, from: &IncidentId, into: &IncidentId, now: Timestamp) -> Vec<Decision> {
        let (Some(old), Some(heir)) = (self.incidents.number(from), self.incidents.number(into)) else {
            return Vec::new();
        };
        if old == heir {
            return Vec::new();
        }
        for recent in self
            .recent
            .values_mut()
            .filter(|recent| [Some(old), Some(heir)].contains(&recent.incident))
        {
            recent.incident = Some(heir);
            recent.said = true;
            self.learned.said(&self.names[recent.name], true);
        }
        self.absorb(old, heir);
        self.touch([heir], now);
        vec![Decision::Merged {
            from: from.clone(),
            into: into.clone(),
            cause: None,
        }]
    }

    /// Takes alerts out of an incident, into a new one or into none.
    fn take_out(&mut self, from: &IncidentId, fingerprints: &[String], anew: bool, now: Timestamp) -> Vec<Decision> {
        let Some(old) = self.incidents.number(from) else {
            return Vec::new();
        };
        let mut named: Vec<(Fingerprint, Moment)> = Vec::new();
        for fingerprint in fingerprints {
            let fingerprint = Fingerprint::from(&**fingerprint);
            let known = self
                .alerts
                .get(&fingerprint)
                .filter(|known| known.incident().map(|number| self.incidents.heir(number)) == Some(old));
            if let Some(known) = known.filter(|_| named.iter().all(|(other, _)| *other != fingerprint)) {
                named.push((fingerprint, known.starts_at));
            }
        }
        let Some((first, starts_at)) = named.first() else {
            return Vec::new();
        };
        let into = anew.then(|| self.incidents.open(&self.cluster, first, *starts_at, now));
        let id = into.and_then(|into| self.incidents.id(into)).cloned();
        let mut decisions = Vec::new();
        for (fingerprint, starts_at) in &named {
            if let Some(known) = self.alerts.get_mut(fingerprint) {
                known.set_incident(into);
            }
            decisions.push(Decision::Moved {
                from: Some(from.clone()),
                into: id.clone(),
                fingerprint: fingerprint.to_string(),
                starts_at: (*starts_at).into(),
                membership: None,
            });
        }
        // What stays was looked at, too: the two are told apart by a person now.
        for recent in self.recent.values_mut().filter(|recent| recent.incident == Some(old)) {
            recent.said = true;
            if named
                .iter()
                .any(|(fingerprint, starts_at)| *fingerprint == recent.fingerprint && *starts_at == recent.starts_at)
            {
                recent.incident = into;
                self.learned.said(&self.names[recent.name], into.is_some());
            }
        }
        let moved: Vec<Signal> = self
            .recent
            .values()
            .filter(|recent| into.is_some() && recent.incident == into)
            .map(|recent| recent.signal)
            .collect();
        if let Some(incident) = into.and_then(|into| self.incidents.get_mut(into)) {
            moved.iter().for_each(|signal| incident.add(signal));
        }
        for number in [Some(old), into].into_iter().flatten() {
            let size = self.recent.values().filter(|recent| recent.incident == Some(number)).count();
            if let Some(incident) = self.incidents.get_mut(number) {
                incident.size = match number == old {
                    true => incident.size.saturating_sub(named.len()),
                    false => named.len().max(size),
                };
            }
        }
        self.touch([old].into_iter().chain(into), now);
        decisions
    }

    /// Whatever the incident had is the other's.
    pub(super) fn absorb(&mut self, old: u32, heir: u32) {
        let Some(from) = self.incidents.get(old).cloned() else { return };
        self.incidents.merge(old, heir);
        if let Some(heir) = self.incidents.get_mut(heir) {
            heir.size += from.size;
            heir.pinned |= from.pinned;
            heir.about.extend(from.about);
            heir.span = (heir.span.0.min(from.span.0), heir.span.1.max(from.span.1));
        }
    }

    fn touch(&mut self, incidents: impl IntoIterator<Item = u32>, now: Timestamp) {
        self.touched.extend(incidents);
        self.unsettle(now);
    }
}
