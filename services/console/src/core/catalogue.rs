//! All incidents, folded from their logs as the events come.

use std::collections::BTreeMap;

use paramedic_domain::{
    envelope::Recorded,
    id::{ClusterId, IncidentId},
    incident::{FoldError, Incident},
};

/// Which incidents are wanted.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Only of this cluster.
    pub cluster: Option<ClusterId>,
    /// Leave out those that ended.
    pub open_only: bool,
    /// At most this many.
    pub limit: usize,
}

/// The incidents of a bus.
#[derive(Debug, Default)]
pub struct Catalogue {
    incidents: BTreeMap<(ClusterId, IncidentId), Incident>,
}

impl Catalogue {
    /// Adds one event.
    ///
    /// # Errors
    /// When it is not the next one of its incident; the incident stays as it was.
    pub fn apply(&mut self, recorded: &Recorded) -> Result<(), FoldError> {
        let (cluster, id) = (&recorded.envelope.cluster, &recorded.envelope.incident);
        self.incidents
            .entry((cluster.clone(), id.clone()))
            .or_insert_with(|| Incident::new(cluster.clone(), id.clone()))
            .apply(recorded)
    }

    /// What is wanted, newest first, and how many there were before the limit.
    #[must_use]
    pub fn list(&self, wanted: &Wanted) -> (Vec<&Incident>, usize) {
        let mut matching: Vec<_> = self
            .incidents
            .values()
            .filter(|incident| wanted.cluster.as_ref().is_none_or(|cluster| *cluster == incident.cluster))
            .filter(|incident| !wanted.open_only || incident.end.is_none())
            .filter(|incident| incident.opened_at.is_some())
            .collect();
        matching.sort_by(|a, b| b.opened_at.cmp(&a.opened_at).then_with(|| a.id.cmp(&b.id)));
        let total = matching.len();
        matching.truncate(wanted.limit);
        (matching, total)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use paramedic_domain::{alert::Severity, digest::Digest, event::Event};

    use super::*;

    fn record(catalogue: &mut Catalogue, cluster: &str, name: &str, minute: i64, event: Event) {
        let (cluster, id): (ClusterId, IncidentId) = (cluster.parse().unwrap(), IncidentId::derive(&[name]));
        let before = catalogue
            .incidents
            .get(&(cluster.clone(), id.clone()))
            .cloned()
            .unwrap_or_else(|| Incident::new(cluster, id));
        let envelope = before.next_envelope(event, Timestamp::from_second(minute * 60).unwrap(), None);
        let digest = Digest::of_json(&envelope);
        catalogue.apply(&Recorded { envelope, digest }).unwrap();
    }

    fn opened(title: &str) -> Event {
        Event::IncidentOpened {
            title: title.into(),
            severity: Severity::Warning,
            alerts: Vec::new(),
            traceparent: None,
            request: None,
        }
    }

    fn titles(catalogue: &Catalogue, wanted: &Wanted) -> (Vec<String>, usize) {
        let (found, total) = catalogue.list(wanted);
        (found.into_iter().map(|incident| incident.title.clone()).collect(), total)
    }

    #[test]
    fn lists_are_newest_first_filtered_and_limited() {
        let mut catalogue = Catalogue::default();
        record(&mut catalogue, "eu", "1", 1, opened("first"));
        record(&mut catalogue, "us", "2", 2, opened("second"));
        record(&mut catalogue, "eu", "3", 3, opened("third"));
        record(&mut catalogue, "eu", "1", 4, Event::IncidentResolved { reason: "gone".into() });
        let all = Wanted {
            limit: 10,
            ..Wanted::default()
        };
        assert_eq!(titles(&catalogue, &all), (vec!["third".into(), "second".into(), "first".into()], 3));
        assert_eq!(titles(&catalogue, &Wanted { limit: 1, ..all.clone() }), (vec!["third".into()], 3));
        let open = Wanted {
            open_only: true,
            cluster: Some("eu".parse().unwrap()),
            ..all
        };
        assert_eq!(titles(&catalogue, &open), (vec!["third".into()], 1));
    }

    #[test]
    fn only_an_open_incident_can_be_cancelled() {
        let mut catalogue = Catalogue::default();
        record(&mut catalogue, "eu", "1", 1, opened("first"));
        let (found, _) = catalogue.list(&Wanted {
            limit: 1,
            ..Wanted::default()
        });
        assert_eq!(crate::core::cancel::decide(found[0], "ann", "a drill").len(), 1);
        record(&mut catalogue, "eu", "1", 2, Event::IncidentResolved { reason: "gone".into() });
        let (found, _) = catalogue.list(&Wanted {
            limit: 1,
            ..Wanted::default()
        });
        assert!(crate::core::cancel::decide(found[0], "ann", "a drill").is_empty());
    }
}
