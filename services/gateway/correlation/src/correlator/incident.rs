//! One incident as the correlator knows it.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use paramedic_domain::id::IncidentId;

use super::alone::Alone;
use crate::{
    class::Class,
    footprint::{Mark, Observation},
    graph::Component,
    signal::Signal,
    solve::{Belief, Cluster},
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
    /// Alerts that it has had.
    pub size: usize,
    /// It is being worked on: it keeps its alerts and is not merged into another.
    pub pinned: bool,
    /// Alerts that the causes were found for.
    explained: usize,
    /// What the likeliest cause would do, by component; times are counted from `since`.
    marks: Arc<[Mark]>,
    /// Seconds since the origin.
    since: f32,
    /// What it has alerts about.
    pub(super) about: BTreeSet<Component>,
    /// Onsets of its first and its last alert.
    pub(super) span: (Timestamp, Timestamp),
    /// The first three causes and the belief in the first, as they were last told.
    told: (Vec<Component>, f32),
}

/// How many causes are told in order, and how much the belief in the first changes before that is told.
const TOLD: usize = 3;
const TOLD_BELIEF: f32 = 0.1;
/// Worth at which an incident is as likely one as not, and how much more makes it e times as likely (natural logarithm).
const EVEN: f32 = 7.0;
const SURER: f32 = 2.5;

impl Incident {
    pub(super) fn new(id: IncidentId, opened: Timestamp) -> Self {
        Self {
            id,
            opened,
            causes: Vec::new(),
            worth: f32::MIN,
            size: 0,
            pinned: false,
            explained: 0,
            marks: Arc::default(),
            since: 0.0,
            about: BTreeSet::new(),
            span: (Timestamp::MAX, Timestamp::MIN),
            told: (Vec::new(), 0.0),
        }
    }

    /// How sure it is that this is an incident and no coincidence, 0 to 1.
    #[must_use]
    pub fn confidence(&self) -> f32 {
        1.0 / (1.0 + ((EVEN - self.worth) / SURER).exp())
    }

    /// Whether it is one, as far as the past is learned from.
    pub(super) fn is_sure(&self) -> bool {
        self.size > 1 && (self.pinned || self.confidence() > 0.5)
    }

    /// It has one more alert.
    pub(super) fn add(&mut self, signal: &Signal) {
        let onset = signal.onset;
        self.size += 1;
        self.about.insert(signal.component);
        self.span = (self.span.0.min(onset), self.span.1.max(onset));
    }

    /// Its causes are those of this cluster, unless less is seen than was known: its first alerts may be too old to be looked at.
    pub(super) fn take(&mut self, cluster: &Cluster) {
        if cluster.members.len() < self.explained.min(self.size) {
            return;
        }
        self.explained = cluster.members.len();
        self.causes.clone_from(&cluster.causes);
        self.worth = cluster.worth;
        let mut marks = cluster.footprint.marks.clone();
        // Stable: of one component, the likeliest first.
        marks.sort_by_key(|mark| mark.component);
        (self.marks, self.since) = (marks.into(), 0.0);
    }

    /// Its causes are those of its only alert, which began at `onset`, seconds since the origin.
    pub(super) fn take_alone(&mut self, alone: &Arc<Alone>, onset: f32, lift: f32) {
        if self.explained.min(self.size) > 1 {
            return;
        }
        self.explained = 1;
        self.causes.clone_from(&alone.causes);
        self.worth = alone.worth + lift;
        (self.marks, self.since) = (Arc::clone(&alone.marks), onset);
    }

    /// What it reaches, and when, seconds since the origin.
    pub(super) fn reached(&self) -> impl Iterator<Item = (Component, f32)> {
        self.marks.iter().map(|mark| (mark.component, mark.onset() + self.since))
    }

    /// Components that it refers to.
    pub(super) fn components(&self) -> impl Iterator<Item = Component> {
        let causes = self.causes.iter().map(|belief| belief.hypothesis.component);
        let marks = self.marks.iter().flat_map(|mark| [mark.component, mark.via]);
        let told = self.told.0.iter().copied();
        causes.chain(marks).chain(told).chain(self.about.iter().copied())
    }

    /// Whether nothing is known of its causes.
    pub(super) fn is_unexplained(&self) -> bool {
        self.causes.is_empty()
    }

    /// How much likelier than chance the observation is as part of this incident (natural logarithm), and how trouble got there; `None`
    /// if it is not likely enough.
    pub(super) fn score(&self, one: &Observation, background: &[f32; Class::COUNT]) -> Option<(f32, Mark)> {
        let since = Observation {
            onset: one.onset - self.since,
            ..*one
        };
        best(&self.marks, &since, background).filter(|(gain, _)| *gain > weights::JOIN)
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
}

/// The mark, of those sorted by component, that makes the observation likeliest, with how much likelier than chance.
pub(super) fn best(marks: &[Mark], one: &Observation, background: &[f32; Class::COUNT]) -> Option<(f32, Mark)> {
    let begin = marks.partition_point(|mark| mark.component < one.component);
    let about = marks[begin..].iter().take_while(|mark| mark.component == one.component);
    about
        .map(|mark| (mark.gain(one, background), *mark))
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.state.cmp(&a.1.state)))
}
