//! One incident as the correlator knows it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use paramedic_domain::id::IncidentId;

use crate::{
    graph::Component,
    signal::{Link, Signal},
    solve::{Belief, hypotheses},
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
}

impl Incident {
    pub(super) fn new(id: IncidentId, opened: Timestamp) -> Self {
        Self {
            id,
            opened,
            causes: Vec::new(),
            worth: 0.0,
            explained: 0,
            seen: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, component: Component, onset: f32) {
        let first = self.seen.entry(component).or_insert(onset);
        *first = first.min(onset);
    }

    /// How much likelier than chance the signal is as part of this incident (natural logarithm), and by which link; `None` if it is
    /// not likely enough.
    pub(super) fn score(&self, signal: &Signal, links: &[Link], onset: f32, background: f32) -> Option<(f32, Link)> {
        let gain = |link: &Link, since: f32| {
            let off = onset - weights::delay(&link.cause) - since;
            (link.chance * weights::density(off, &link.cause, signal.for_known) / background).ln()
        };
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
