//! Every incident of a practice range as it was seen, and which of them a drill is about.

use std::collections::BTreeMap;

use paramedic_domain::{
    envelope::Recorded,
    event::Event,
    id::IncidentId,
    incident::{Incident, Status},
};

/// An incident as it was seen.
pub struct Story {
    /// Its log.
    pub log: Vec<Recorded>,
    /// Its state.
    pub incident: Incident,
}

/// All of them.
#[derive(Default)]
pub struct Stories {
    all: BTreeMap<IncidentId, Story>,
    /// The drill's.
    main: Option<IncidentId>,
}

impl Stories {
    /// Takes an event; whose it is, or `None` for a repetition.
    pub fn absorb(&mut self, recorded: Recorded) -> anyhow::Result<Option<IncidentId>> {
        let envelope = recorded.envelope.clone();
        let id = envelope.incident.clone();
        let story = self.all.entry(id.clone()).or_insert_with(|| Story {
            log: Vec::new(),
            incident: Incident::new(envelope.cluster, id.clone()),
        });
        if envelope.seq <= story.incident.version {
            return Ok(None);
        }
        story.incident.apply(&recorded)?;
        story.log.push(recorded);
        if let Event::IncidentMerged { into, .. } = &envelope.event
            && self.main.as_ref() == Some(&id)
        {
            self.main = Some(into.clone());
        }
        self.choose();
        Ok(Some(id))
    }

    /// The story of an incident.
    pub fn of(&self, id: &IncidentId) -> Option<&Story> {
        self.all.get(id)
    }

    /// Each of them.
    pub fn all(&self) -> impl Iterator<Item = &Story> {
        self.all.values()
    }

    /// The drill's incident: the one with most alerts, until something is done about one.
    pub fn main(&self) -> Option<&Story> {
        self.all.get(self.main.as_ref()?)
    }

    /// The same, for good.
    pub fn into_main(mut self) -> Option<Story> {
        self.all.remove(self.main.as_ref()?)
    }

    fn choose(&mut self) {
        let goes_on = |story: &Story| story.incident.plan.is_some() && story.incident.status() != Status::Merged;
        if self.main().is_some_and(goes_on) {
            return;
        }
        let weight = |story: &Story| (story.incident.status() != Status::Merged, story.incident.alerts.len());
        let most = self
            .all
            .values()
            .max_by(|a, b| weight(a).cmp(&weight(b)).then(b.incident.opened_at.cmp(&a.incident.opened_at)));
        let Some(most) = most else { return };
        if self.main().is_none_or(|main| weight(most) > weight(main)) {
            self.main = Some(most.incident.id.clone());
        }
    }
}
