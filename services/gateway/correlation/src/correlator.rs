//! From a stream of alerts to incidents. The same input in the same order leads to the same incidents, everywhere and always.

mod alone;
mod control;
mod focus;
mod incident;
mod intake;
mod reach;
mod register;
mod relocate;
mod review;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    num::NonZeroU32,
};

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{
    alert::Alert,
    id::{ClusterId, IncidentId},
};

use crate::{
    class::{self, Class, Nature},
    decision::{Decision, Root},
    fingerprint::Fingerprint,
    footprint::backgrounds,
    graph::Graph,
    learned::Learned,
    moment::Moment,
    signal::Signal,
    solve::Belief,
    table::Table,
    topology::Topology,
};

use alone::Explanations;
use register::Register;

pub use incident::Incident;

/// What evidence is used; everything, unless it is measured what one kind is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Labels and owners: which alerts are about the same thing.
    pub identity: bool,
    /// What depends on what.
    pub topology: bool,
    /// Each rule's `for` is subtracted.
    pub for_correction: bool,
    /// Which alerts came with incidents in the past, and which by themselves.
    pub learned: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            identity: true,
            topology: true,
            for_correction: true,
            learned: true,
        }
    }
}

/// What is remembered of one alert.
#[derive(Debug, Clone, Copy)]
struct Known {
    starts_at: Moment,
    /// When a message last changed it.
    changed: Moment,
    /// Numbers of incidents begin at one.
    incident: Option<NonZeroU32>,
    firing: bool,
    /// A message said so, and not only that it is over.
    fired: bool,
}

impl Known {
    fn incident(&self) -> Option<u32> {
        self.incident.map(NonZeroU32::get)
    }

    fn set_incident(&mut self, incident: Option<u32>) {
        self.incident = incident.and_then(NonZeroU32::new);
    }
}

/// A firing that is young enough to be explained anew.
#[derive(Debug, Clone)]
struct Recent {
    fingerprint: Fingerprint,
    /// Number of the alert's name.
    name: usize,
    starts_at: Moment,
    signal: Signal,
    /// It pages nobody by itself.
    quiet: bool,
    incident: Option<u32>,
    /// A person said that it is where it is.
    said: bool,
    /// It fired shortly before: it goes where that alert goes.
    fires_again: bool,
    /// It was part of what was looked at from the beginning.
    settled: bool,
}

/// What explains some of the alerts.
#[derive(Debug, Clone)]
struct Cause {
    /// The incident that has them.
    home: u32,
    belief: Belief,
    /// What else may have caused the same.
    others: Vec<Belief>,
}

/// What a review found, for the next one.
#[derive(Debug, Clone, Default)]
struct Found {
    causes: Vec<Cause>,
    /// Arrivals before this were there.
    until: u64,
    /// Observations when everything was last looked at from the beginning; zero: not since the window was crowded.
    anew: usize,
}

/// The correlator of one cluster.
#[derive(Debug)]
pub struct Correlator {
    cluster: ClusterId,
    settings: Settings,
    graph: Graph,
    /// Logarithms of the background alerts of each class.
    background: [f32; Class::COUNT],
    rules: HashMap<String, u32>,
    /// Alert names that were seen, and the number and nature of each.
    names: Vec<String>,
    natures: HashMap<String, (usize, Nature)>,
    learned: Learned,
    alerts: Table<Known>,
    /// Causes of single alerts.
    explanations: Explanations,
    /// By the order in which they came.
    recent: BTreeMap<u64, Recent>,
    arrivals: u64,
    incidents: Register,
    /// All onsets are counted from here.
    origin: Option<Timestamp>,
    /// When the first and the last of what no review has seen yet came.
    unsettled: Option<(Timestamp, Timestamp)>,
    /// What the last review found.
    found: Found,
    /// When what is over was last forgotten.
    swept: Timestamp,
    /// Incidents that were changed since the last review by something else than a review.
    touched: BTreeSet<u32>,
}

/// How far back everything is explained anew: longer than the slowest usual rule waits. Alerts of an incident that gets new ones stay
/// for twice as long.
const WINDOW: SignedDuration = SignedDuration::from_secs(60 * 60);
/// An alert that fires again so soon after the last message about it fires for the same reason.
const AGAIN: SignedDuration = SignedDuration::from_secs(15 * 60);
/// While alerts come, the longest time until something new is reviewed: before whoever works on an incident begins, which is five seconds
/// after the last of its own alerts, whatever else comes.
const REVIEW_EVERY: SignedDuration = SignedDuration::from_secs(4);
/// The same in a window of so many recent alerts that a review takes a while, because each is looked at at least once.
const REVIEW_OF_MANY_EVERY: SignedDuration = SignedDuration::from_secs(15);
/// See [`REVIEW_OF_MANY_EVERY`].
const MANY: usize = 20_000;
/// After so long without an alert everything recent is explained anew.
const PAUSE: SignedDuration = SignedDuration::from_secs(3);

impl Correlator {
    /// A correlator that has seen nothing.
    #[must_use]
    pub fn new(cluster: ClusterId, settings: Settings) -> Self {
        Self {
            cluster,
            settings,
            graph: Graph::default(),
            background: backgrounds(0),
            rules: HashMap::new(),
            names: Vec::new(),
            natures: HashMap::new(),
            learned: Learned::default(),
            alerts: Table::default(),
            explanations: Explanations::default(),
            recent: BTreeMap::new(),
            arrivals: 0,
            incidents: Register::default(),
            origin: None,
            unsettled: None,
            found: Found::default(),
            swept: Timestamp::MIN,
            touched: BTreeSet::new(),
        }
    }

    /// Takes a new topology in place of the current one.
    pub fn set_topology(&mut self, topology: &Topology) {
        if self.settings.topology {
            self.graph.replace(topology);
        } else {
            let edges = topology
                .edges
                .iter()
                .filter(|edge| self.settings.identity && edge.relation.is_identity());
            self.graph.replace(&Topology {
                entities: topology.entities.clone(),
                edges: edges.cloned().collect(),
                rules: Vec::new(),
            });
            self.graph.isolate();
        }
        self.background = backgrounds(self.graph.len());
        self.found.anew = 0;
        self.explanations = Explanations::default();
        self.rules = topology.rules.iter().map(|rule| (rule.alert.clone(), rule.for_seconds)).collect();
        for (name, (_, nature)) in &mut self.natures {
            *nature = class::nature(name, self.rules.get(name).copied());
        }
        self.relocate();
    }

    /// Takes one alert, received at `received`.
    pub fn observe(&mut self, alert: &Alert, received: Timestamp) -> Vec<Decision> {
        let mut decisions = Vec::new();
        let every = match self.recent.len() > MANY {
            true => REVIEW_OF_MANY_EVERY,
            false => REVIEW_EVERY,
        };
        if self.unsettled.is_some_and(|(first, _)| received.duration_since(first) >= every) {
            decisions = self.settle(received);
        }
        self.take(alert, received, &mut decisions);
        decisions
    }

    /// Explains everything recent anew. To be called when it is [due](Self::settle_due); the same calls at the same places of the
    /// stream lead to the same incidents.
    pub fn settle(&mut self, now: Timestamp) -> Vec<Decision> {
        self.unsettled = None;
        let decisions = self.review(now);
        if now.duration_since(self.swept) >= WINDOW / 6 {
            self.swept = now;
            self.forget(now);
        }
        decisions
    }

    /// Forgets alerts that ended so long ago that no message about them is on its way any more, and incidents that only they were in.
    fn forget(&mut self, now: Timestamp) {
        let long_ago = Moment::from(now.checked_sub(WINDOW).unwrap_or(Timestamp::MIN));
        self.alerts.retain(|_, known| known.firing || known.changed > long_ago);
        let mut needed = vec![false; self.incidents.numbers()];
        for incident in self.alerts.values().filter_map(Known::incident) {
            needed[incident as usize] = true;
        }
        self.incidents.forget(|number| needed[number as usize]);
        let needed = self.components();
        if self.graph.forget(&needed) > 0 {
            // Their numbers may stand for something else soon.
            self.explanations = Explanations::default();
        }
    }

    /// Whether something refers to it, for each component.
    fn components(&self) -> Vec<bool> {
        let beliefs = self
            .found
            .causes
            .iter()
            .flat_map(|cause| cause.others.iter().chain([&cause.belief]));
        let causes = beliefs.map(|belief| belief.hypothesis.component);
        let recent = self.recent.values().map(|recent| recent.signal.component);
        let incidents = self.incidents.live().flat_map(Incident::components);
        let mut needed = vec![false; self.graph.len()];
        for component in recent.chain(causes).chain(incidents) {
            needed[component as usize] = true;
        }
        needed
    }

    /// When [`settle`](Self::settle) has to be called if no alert comes before; `None` while nothing is unsettled.
    #[must_use]
    pub fn settle_due(&self) -> Option<Timestamp> {
        let (_, last) = self.unsettled?;
        Some(last.checked_add(PAUSE).unwrap_or(Timestamp::MAX))
    }

    /// Something came that the next review has to see.
    fn unsettle(&mut self, now: Timestamp) {
        let (first, last) = self.unsettled.unwrap_or((now, now));
        self.unsettled = Some((first, last.max(now)));
    }

    /// What was learned so far.
    #[must_use]
    pub fn learned(&self) -> &Learned {
        &self.learned
    }

    /// Begins with what another correlator has learned.
    pub fn teach(&mut self, learned: Learned) {
        self.learned = learned;
    }

    /// Every incident that is not over, in the order in which they were opened.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.live()
    }

    /// The incident of this id, unless it is over or was merged into another.
    #[must_use]
    pub fn incident(&self, id: &IncidentId) -> Option<&Incident> {
        self.incidents.get(self.incidents.number(id)?)
    }

    /// The incident's causes, the likeliest first.
    #[must_use]
    pub fn roots(&self, incident: &Incident) -> Vec<Root> {
        let mut roots: Vec<Root> = Vec::new();
        for belief in &incident.causes {
            let entity = self.graph.entity(belief.hypothesis.component);
            match roots.iter_mut().find(|root| root.entity == *entity) {
                Some(root) => root.belief += belief.share,
                None => roots.push(Root {
                    entity: entity.clone(),
                    belief: belief.share,
                    kind: belief.hypothesis.kind,
                    explains: belief.explains,
                }),
            }
        }
        for root in &mut roots {
            root.belief = root.belief.min(1.0);
        }
        roots.sort_by(|a, b| b.belief.total_cmp(&a.belief));
        roots
    }
}

#[cfg(test)]
mod tests {
    use paramedic_domain::alert::AlertStatus;

    use super::*;

    #[test]
    fn what_is_over_and_what_nobody_knows_takes_no_room_for_long() {
        let mut correlator = Correlator::new("test".parse().unwrap(), Settings::default());
        let second = |second: u32| Timestamp::from_second(1_700_000_000 + i64::from(second)).unwrap();
        let mut most = 0;
        // Four hours of alerts about something else each time, which end after a minute.
        for number in 0..720_u32 {
            let now = second(number * 20);
            let mut alert = Alert {
                fingerprint: format!("{number:016x}"),
                status: AlertStatus::Firing,
                labels: [
                    ("alertname", "HighErrorRate"),
                    ("namespace", "n"),
                    ("deployment", &format!("d{number}")),
                ]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
                annotations: [].into(),
                starts_at: now,
                ends_at: None,
                generator_url: String::new(),
                group_key: String::new(),
            };
            correlator.observe(&alert, now);
            alert.status = AlertStatus::Resolved;
            correlator.observe(&alert, second(number * 20 + 5));
            let over: Vec<IncidentId> = correlator.incidents().map(|incident| incident.id.clone()).collect();
            for incident in over {
                correlator.ended(&incident);
            }
            correlator.settle(second(number * 20 + 6));
            most = most.max(correlator.alerts.values().count()).max(correlator.graph.len());
        }
        assert!(most < 300, "an hour and a sweep: {most}");
    }
}
