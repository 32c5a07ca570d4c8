//! One incident as the correlator knows it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use paramedic_domain::id::IncidentId;

use crate::{
    graph::Component,
    signal::{Link, Signal},
    solve::{Belief, Cluster, hypotheses},
    weights,
};

/// An incident: what it is about, and what may have caused it.
#[derive(Debug, Clone)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// When its first alert came.
    pub opened: Timestamp,
    /// What may have caused it, the likeliest first, as of the last review.
    pub causes: Vec<Belief>,
    /// How much better the likeliest cause explains it than chance does, less what an incident costs (natural logarithm).
    pub worth: f32,
    /// Alerts that the causes were found for.
    pub explained: usize,
    /// Components that it has alerts about, with their first onset, seconds since the correlator's origin.
    pub seen: BTreeMap<Component, f32>,
    /// Alerts that it has had.
    pub size: usize,
    /// It is being worked on: it keeps its alerts and is not merged into another.
    pub pinned: bool,
    /// The first three causes and the belief in the first, as they were last told.
    pub(super) told: (Vec<Component>, f32),
}

/// How many causes are told in order, and how much the belief in the first changes before that is told.
const TOLD: usize = 3;
const TOLD_BELIEF: f32 = 0.1;

impl Incident {
    pub(super) fn new(id: IncidentId, opened: Timestamp) -> Self {
        Self {
            id,
            opened,
            causes: Vec::new(),
            worth: 0.0,
            explained: 0,
            seen: BTreeMap::new(),
            size: 0,
            pinned: false,
            told: (Vec::new(), 0.0),
        }
    }

    /// Its causes are those of this cluster.
    pub(super) fn take(&mut self, cluster: &Cluster) {
        self.explained = cluster.members.len();
        self.causes.clone_from(&cluster.causes);
        self.worth = cluster.worth;
    }

    /// How sure it is that this is an incident, 0 to 1: three alerts that one cause explains are as likely an incident as not.
    #[must_use]
    pub fn confidence(&self) -> f32 {
        #[allow(clippy::cast_precision_loss, reason = "alerts of an incident")]
        let explained = self.causes.first().map_or(0.0, |belief| belief.explains as f32);
        explained / (explained + 3.0)
    }

    /// Whether its causes are others than were told last; they count as told then.
    pub(super) fn news(&mut self) -> bool {
        let mut order: Vec<Component> = Vec::new();
        for belief in &self.causes {
            if !order.contains(&belief.hypothesis.component) {
                order.push(belief.hypothesis.component);
            }
        }
        order.truncate(TOLD);
        let first = order.first().copied();
        let of_first = |belief: &&Belief| Some(belief.hypothesis.component) == first;
        let top: f32 = self.causes.iter().filter(of_first).map(|belief| belief.share).sum();
        let news = order != self.told.0 || (top - self.told.1).abs() > TOLD_BELIEF;
        if news {
            self.told = (order, top);
        }
        news
    }

    pub(super) fn add(&mut self, component: Component, onset: f32) {
        let first = self.seen.entry(component).or_insert(onset);
        *first = first.min(onset);
    }

    /// How much likelier than chance the signal is as part of this incident (natural logarithm), and by which link; `None` if it is
    /// not likely enough.
    pub(super) fn score(&self, signal: &Signal, links: &[Link], onset: f32, background: f32) -> Option<(f32, Link)> {
        let gain = |link: &Link, since: f32| link.gain_over(signal, onset - since, background);
        let mut best: Option<(f32, Link)> = None;
        let mut take = |score: f32, needed: f32, link: &Link| {
            if score > needed && best.is_none_or(|(most, _)| score > most) {
                best = Some((score, *link));
            }
        };
        for link in links {
            for belief in self.causes.iter().filter(|belief| belief.share > weights::BELIEVED) {
                if hypotheses(link, signal.class).any(|one| one == belief.hypothesis) {
                    take(gain(link, belief.onset) + belief.share.ln(), weights::JOIN, link);
                }
            }
            if let Some(first) = self.seen.get(&link.cause.component) {
                take(gain(link, *first), weights::RELAY, link);
            }
        }
        best
    }
}
